"""What a user knows of the molecules: their charges, and which atoms belong together."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from physrep.config import ConfigError
from physrep.io import DataError
from physrep.studies.analyze.chapter import counted
from physrep.studies.analyze.charge_sources import (
    MODELS,
    ChargeSource,
    ConstantCharges,
    load_model,
)
from physrep.studies.analyze.system import System

SHOWN_ATOMS = 5


def atom_charges(
    text: str | None, total_charge: float | None = None
) -> Callable[[np.ndarray], ChargeSource] | None:
    """What ``--charges`` gives for atoms of some atomic numbers: a model, or a file with one charge
    for each atom. None where it gives charges of molecules, or nothing.

    Raises:
        ConfigError: a total charge (e) without a model; as :func:`read_atom_charges`.
    """
    if total_charge is not None and not np.isfinite(total_charge):
        raise ConfigError(f"--total-charge {total_charge:g}: must be a finite number, in e")
    if text and Path(text).suffix in MODELS:
        return lambda numbers: load_model(text, numbers, total_charge or 0.0)
    if total_charge is not None:
        raise ConfigError(
            f"--total-charge {total_charge:g} is for a model that computes charges: give one by "
            "--charges MODEL.pt, or leave it out"
        )
    values = read_atom_charges(text) if text else None
    if values is None:
        return None
    return lambda _: ConstantCharges(values, f"those in {Path(str(text)).name}")


def read_atom_charges(text: str) -> np.ndarray | None:
    """(n_atoms,) charges in e of a file with one number in each line; None if it is no such file.

    "nan" is a charge that is not known; "#" begins a comment.

    Raises:
        ConfigError: an infinite one.
    """
    path = Path(text)
    if not path.is_file() or path.suffix in MODELS:
        return None
    try:
        values = np.array([float(line) for line in _lines_of(path)])
    except ValueError:
        return None
    if np.isinf(values).any():
        raise ConfigError(f"--charges {text}: holds an infinite charge; write nan for unknown ones")
    return values if len(values) else None


def read_charges(text: str) -> dict[str, float]:
    """Charges in e by formula, label or name, of ``Li=1,PF6=-1`` or a file of such lines.

    A line of a file holds a name and a charge, with or without "="; "#" begins a comment.

    Raises:
        ConfigError: an entry without a number, or two for one name.
    """
    path = Path(text)
    entries = _lines_of(path) if path.is_file() else text.split(",")
    charges: dict[str, float] = {}
    for entry in entries:
        name, _, number = entry.replace("=", " ").strip().rpartition(" ")
        name = name.strip()
        try:
            charge = float(number)
        except ValueError:
            charge = float("nan")
        if not name or not np.isfinite(charge):
            raise ConfigError(
                f"--charges {text}: {entry.strip()!r} is not NAME=CHARGE; write Li=1,PF6=-1 (in "
                "e), the name of a file with a name and a charge in each line, of one with a "
                "charge for each atom, or of a model (.ckpt, .pt)"
            )
        if name in charges:
            raise ConfigError(f"--charges {text}: {name} has two charges; leave one of them out")
        charges[name] = charge
    return charges


def read_molecules(path: str | Path) -> tuple[str, ...]:
    """(n_atoms,) names or numbers of molecules, one in each line; "#" begins a comment.

    Raises:
        FileNotFoundError: no such file. DataError: a line with several words, or no line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    lines = _lines_of(path)
    wide = next((line for line in lines if len(line.split()) > 1), None)
    if wide is not None or not lines:
        what = f"the line {wide!r} has {len(wide.split())} words" if wide else "holds no lines"
        raise DataError(f"{what}; write one line for each atom: the molecule it is in", path)
    return tuple(lines)


def system_notes(system: System, charges: dict[str, float]) -> list[str]:
    """What a reader must know of the molecules of the first frame, and of the charges given."""
    return [*_lone_hydrogens(system), *_metals(system), *_unused(system, charges), *_sums(system)]


def charge_gap(system: System) -> str:
    """Why there is no charge transport, "" where there may be."""
    charges, labels = system.charges, np.array(system.labels)
    unknown = sorted(set(labels[np.isnan(charges)].tolist()))
    if unknown:
        return (
            f"the charge of {', '.join(unknown)} is not known from its graph; give it "
            f"(--charges {unknown[0]}=...)"
        )
    if not charges.any():
        return "no molecule of the first frame carries a charge"
    total = charges.sum()
    if abs(total) > 1e-6:
        found = ", ".join(
            f"{n} {label} of {system.names[label].charge:+g} e"
            for label, n in system.counts.items()
            if system.names[label].charge
        )
        return (
            f"the charges add up to {total:+g} e, not to zero ({found}); give the right ones "
            "(--charges), or what belongs together (--molecules)"
        )
    return ""


def _lone_hydrogens(system: System) -> list[str]:
    alone = [group[0] for group in system.groups if len(group) == 1]
    hydrogens = [int(atom) for atom in alone if system.species[atom] == 1]
    if not hydrogens:
        return []
    shown = ", ".join(map(str, hydrogens[:SHOWN_ATOMS]))
    shown += ", ..." if len(hydrogens) > SHOWN_ATOMS else ""
    verb = "has" if len(hydrogens) == 1 else "have"
    return [
        f"{counted(len(hydrogens), 'hydrogen')} of the first frame {verb} no bond (atom {shown}, "
        "counted from 0): H+, H- or a damaged structure"
    ]


def _metals(system: System) -> list[str]:
    metals = Counter(np.array(system.symbols)[system.metals].tolist())
    if not metals or system.metallic:
        return []
    found = ", ".join(f"{n} {symbol}" for symbol, n in sorted(metals.items()))
    return [
        f"{found}: metals have no bonds here, each atom is an ion; --molecules gives complexes "
        "and organometallic molecules as a whole"
    ]


def _unused(system: System, charges: dict[str, float]) -> list[str]:
    absent = [key for key in charges if not any(n.called(key) for n in system.names.values())]
    if not absent:
        return []
    there = ", ".join(system.counts)
    return [f"charges are given for {', '.join(absent)}, which the first frame lacks ({there})"]


def _sums(system: System) -> list[str]:
    unknown = [label for label in system.counts if system.names[label].charge is None]
    notes = [f"the charge of {', '.join(unknown)} is not known from its graph"] if unknown else []
    total = float(np.nansum(system.charges))
    if not unknown and abs(total) > 1e-6:
        notes.append(f"the charges of all molecules add up to {total:+g} e, not to zero")
    return notes


def _lines_of(path: Path) -> list[str]:
    """Lines that hold something, without comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"is no text file ({error}); give a text file", path) from error
    stripped = (line.partition("#")[0].strip() for line in lines)
    return [line for line in stripped if line]
