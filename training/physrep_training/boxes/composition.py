"""What a box holds: molecules, how many of each, their residue names; whether it is neutral."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from physrep.config import ConfigError
from physrep_training.boxes.smiles import Molecule, is_smiles, read_smiles

MOST_ATOMS = 99_999  # what the serial numbers of a PDB file count
_COUNT = re.compile(r"^(.+):(\d+)$", re.DOTALL)
_RESIDUE = re.compile(r"^[A-Z0-9]{1,3}$")
# Programs give these residues bonds and names of atoms of their own.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        """ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL ACE NME
        NH2 UNK ASX GLX HID HIE HIP CYX A C G U I T DA DC DG DT DU DI""",
    )
)


class Part(NamedTuple):
    """copies: molecules of this kind; residue: their name in a PDB file, at most 3 letters."""

    molecule: Molecule
    copies: int
    residue: str


def read_parts(words: Sequence[str], n: int, names: Sequence[str] = ()) -> list[Part]:
    """The molecules of a box.

    Args:
        words: ``SMILES`` or ``SMILES:COUNT``; each molecule of ``SMILES.SMILES`` is a part.
        n: count of those without one; names: residue names of all parts, or none.

    Raises:
        ConfigError: as `read_smiles`; a count of 0; too many atoms; names that do not fit.
    """
    counted = [
        (molecule, count) for word in words for molecule, count in _read_word(word, n)
    ]  # fmt: skip
    n_atoms = sum(len(molecule.numbers) * count for molecule, count in counted)
    if n_atoms > MOST_ATOMS:
        raise ConfigError(
            f"the box would hold {n_atoms} atoms, and at most {MOST_ATOMS} are packed; pack a "
            "smaller one and repeat it (in Python: atoms.repeat, in LAMMPS: replicate)"
        )
    residues = _given_names(names, len(counted)) if names else _names([m for m, _ in counted])
    return [Part(*one, name) for one, name in zip(counted, residues, strict=True)]


def _read_word(word: str, n: int) -> list[tuple[Molecule, int]]:
    """A colon is a bond of SMILES too: c1:c:c:c:c:c:1 is benzene."""
    counted = _COUNT.match(word.strip())
    if counted and (is_smiles(counted[1]) or not is_smiles(word)):
        smiles, n = counted[1], int(counted[2])
        if n < 1:
            raise ConfigError(f"{word!r}: give a count of 1 or more, or leave the molecule out")
    else:
        smiles = word.strip()
    return [(molecule, n) for molecule in read_smiles(smiles)]


def _given_names(names: Sequence[str], n: int) -> list[str]:
    if len(names) != n:
        raise ConfigError(f"--names gives {len(names)} names for {n} molecules; give one for each")
    for name in names:
        if not _RESIDUE.match(name):
            raise ConfigError(f"--names: {name!r} is not 1 to 3 capital letters or digits")
    return list(names)


def _names(molecules: Sequence[Molecule]) -> list[str]:
    """HOH for water, the element of an atom, the first letters of a name, M01 of others."""
    names: list[str] = []
    for k, molecule in enumerate(molecules, 1):
        short = molecule.name.rpartition("(")[2].rstrip(")")
        first = "".join(letter for letter in short.upper() if letter.isalnum())
        first = first.lstrip("0123456789")[:3]
        if len(molecule.numbers) == 1:
            first = molecule.label.rstrip("+-()0123456789").upper()
        if molecule.name == "water":
            first = "HOH"
        free = bool(first) and first not in RESERVED and first not in names
        names.append(first if free else f"M{k:02d}")
    return names


def total_charge(parts: Sequence[Part]) -> int:
    """In e."""
    return sum(part.molecule.charge * part.copies for part in parts)


def check_neutral(parts: Sequence[Part]) -> None:
    """Refuse a periodic system with a charge.

    Raises:
        ConfigError: with the sum, and with counts that would do where they can be told.
    """
    charge = total_charge(parts)
    if not charge:
        return
    counts = ", ".join(
        f"{part.copies} {part.molecule.label}" for part in parts if part.molecule.charge
    )
    remedy = _neutral_counts(parts)
    raise ConfigError(
        f"the box has a charge of {charge:+d} e ({counts}), and a periodic system must be neutral: "
        f"{f'give {remedy}' if remedy else 'change the counts or add counter-ions'}; a charged "
        "cluster in vacuum is --cluster N"
    )


def _neutral_counts(parts: Sequence[Part]) -> str:
    """The same with another count of the only cation or of the only anion; "" where none does."""
    excess = total_charge(parts)
    for sign in (-1, 1):
        ions = [part for part in parts if part.molecule.charge * sign > 0]
        if len(ions) != 1:
            continue
        copies, rest = divmod(
            ions[0].copies * ions[0].molecule.charge - excess, ions[0].molecule.charge
        )
        if not rest and copies > 0:
            mended = [part._replace(copies=copies) if part is ions[0] else part for part in parts]
            return " ".join(f'"{part.molecule.smiles}:{part.copies}"' for part in mended)
    return ""
