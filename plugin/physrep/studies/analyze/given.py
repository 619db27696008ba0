"""What a user knows of the molecules: their charges, and which atoms belong together."""

from collections import Counter
from pathlib import Path

import numpy as np

from physrep.config import ConfigError
from physrep.io import DataError
from physrep.studies.analyze.chapter import counted
from physrep.studies.analyze.system import System

SHOWN_ATOMS = 5


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
                "e), or the name of a file with a name and a charge in each line"
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
