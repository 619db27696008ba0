"""Potentials that move the atoms, by the words of ``--with``; ``auto`` chooses one."""

from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

import physrep
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.named_pieces import Piece, named_pieces
from physrep.errors import UserError
from physrep.probes.named_calculator import ASE_PREFIX, named_calculator
from physrep_training.labels.electrons import electrons_of
from physrep_training.labels.with_tblite import with_tblite

TBLITE = {"gfn2": "GFN2-xTB", "gfn1": "GFN1-xTB"}
# Shipped potentials for MD, with the ions they were fitted to.
SHIPPED = {"ean-jat": ("C2H8N+", "NO3-")}
LEAST_WHOLE = 0.8  # share of the atoms; hot frames hold a proton between two ions
PRETRAINED = Path(physrep.__file__).parent / "pretrained"
SMALL = 100  # atoms of an isolated system: GFN2-xTB takes less than a second a step


class MovingPotential(NamedTuple):
    """name: as frames state it; why: how it came to be chosen, "" where it was given; identity: of
    its parameters, a resumed run must have the same; calculator: of a start.
    """

    name: str
    why: str
    identity: str
    calculator: Callable[[Atoms], Any]


def moving_potential(given: str, starts: Sequence[Atoms]) -> MovingPotential:
    """The potential of ``--with`` for frames.

    Args:
        given: auto, gfn2, gfn1, a checkpoint, an exported file or ase:MODULE:CLASS.
        starts: all frames that runs begin with.

    Raises:
        UserError: what it needs is not installed, or nothing suits.
    """
    why = ""
    if given == "auto":
        given, why = automatic(starts)
    if given in TBLITE:
        if find_spec("tblite") is None:
            raise UserError(f'--with {given}: needs tblite: pip install "physrep[labels]"')
        name, program = TBLITE[given], f"tblite {version('tblite')}"
        return MovingPotential(name, why, program, lambda atoms: _tblite(atoms, name))
    if given.startswith(ASE_PREFIX):
        named = named_calculator(given)
        return MovingPotential(given, why, given, lambda _: named)
    from physrep.engines.ase import PhysRepCalculator  # PyTorch takes seconds

    calculator = PhysRepCalculator(given, check_contacts=False)
    identity = sha256(Path(given).read_bytes()).hexdigest()
    return MovingPotential(Path(given).name, why, identity, lambda _: calculator)


def pieces_of(atoms: Atoms) -> list[Piece]:
    """Molecules of a frame, by their bonds."""
    bonds = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    return named_pieces(atoms.numbers, bonds)


def made_of(atoms: Atoms, known: Sequence[str]) -> bool:
    """Whether a frame consists of known ions (formulas with their sign), a few of them broken: what
    is not one of them must add up to whole ones, as an amine and a proton do.
    """
    pieces = pieces_of(atoms)
    others = [piece.indices for piece in pieces if piece.name.label not in known]
    left = Counter(atoms.numbers[np.concatenate(others)].tolist()) if others else Counter()
    units = [Counter(Atoms(label.rstrip("+-")).numbers.tolist()) for label in known]
    elements = sorted(set(left).union(*units))
    table = np.array([[unit[z] for unit in units] for z in elements])
    wanted = np.array([left[z] for z in elements])
    counts = np.rint(np.linalg.lstsq(table, wanted, rcond=None)[0])
    whole = bool((counts >= 0).all() and (table @ counts == wanted).all())
    return whole and left.total() <= (1.0 - LEAST_WHOLE) * len(atoms)


def automatic(starts: Sequence[Atoms]) -> tuple[str, str]:
    """What to give for ``auto``, and why.

    Raises:
        UserError: nothing is installed that could compute the frames.
    """
    n_atoms = max(len(atoms) for atoms in starts)
    periodic = any(atoms.pbc.any() for atoms in starts)
    size = f"{n_atoms} atoms, {'periodic' if periodic else 'isolated'}"
    if periodic or n_atoms > SMALL:
        for name, known in SHIPPED.items():
            if all(made_of(atoms, known) for atoms in starts):
                path = str(PRETRAINED / f"{name}.ckpt")
                return path, f"{name} is shipped and was fitted to {' and '.join(known)}"
    if find_spec("tblite") is None:
        raise UserError(
            "--with auto: no shipped potential fits these molecules, and GFN2-xTB needs tblite: "
            'pip install "physrep[labels]"; or give a potential'
        )
    if not periodic and n_atoms <= SMALL:
        return "gfn2", f"{size}: GFN2-xTB is fast enough"
    slow = "225 atoms in a box take 7 to 12 s a step, 60 atoms 1 s"
    return "gfn2", f"{size}: no shipped potential fits; GFN2-xTB is slow, {slow}"


def _tblite(atoms: Atoms, name: str) -> Any:
    electrons = electrons_of(atoms)
    return with_tblite(atoms, electrons.charge, electrons.multiplicity, name=name).calc
