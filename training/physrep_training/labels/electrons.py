"""Charge and spin of frames to be labelled: what each frame states, what the user gives."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ase import Atoms

from physrep.io import DataError
from physrep.io.structures.total_charge import multiplicity, stated_by, total_charge

SHOWN = 5  # frames named in a warning


class Electrons(NamedTuple):
    """charge: e, whole; multiplicity: 2 S + 1; n_electrons: core electrons included; stated:
    whether the frame or the user states the spin, or it is the lowest.
    """

    charge: int
    multiplicity: int
    n_electrons: int
    stated: bool


def electrons_of(atoms: Atoms, charge: int | None = None, spin: int | None = None) -> Electrons:
    """Charge and multiplicity of a frame.

    Args:
        charge, spin: for a frame that states none; see :mod:`physrep.io.structures.total_charge`.
            Neutral and of the lowest spin otherwise.

    Raises:
        ValueError: the frame contradicts itself or what is given, or the charge is not whole.
    """
    stated = stated_by(atoms)
    own = total_charge(stated)
    if own is not None and charge is not None and own != charge:
        raise ValueError(
            f"the frame states the charge {own:g}, and --charge {charge:+d} was given; leave "
            f"--charge out or correct the frame"
        )
    total = own if own is not None else float(charge or 0)
    if total != round(total):
        raise ValueError(
            f"the total charge is {total:g}, not a whole number; state it as charge=... in the "
            f"frame, without initial_charges"
        )
    n_electrons = int(atoms.numbers.sum()) - round(total)
    if n_electrons < 0:
        raise ValueError(f"the charge {total:g} is more than its {atoms.numbers.sum()} electrons")
    own_spin = multiplicity(stated, n_electrons)
    given = None if spin is None else multiplicity({"spin": spin}, n_electrons)
    if own_spin is not None and given is not None and own_spin != given:
        raise ValueError(
            f"the frame states the multiplicity {own_spin}, and --spin {spin} was given; leave "
            f"--spin out or correct the frame"
        )
    chosen = own_spin or given
    return Electrons(
        round(total), chosen or 1 + n_electrons % 2, n_electrons, stated=chosen is not None
    )


def electrons_of_all(
    frames: Sequence[Atoms], path: Path, charge: int | None, spin: int | None
) -> list[Electrons]:
    """Those of every frame, before anything is computed.

    Raises:
        DataError: as :func:`electrons_of`, with file and frame.
    """
    found = []
    for index, atoms in enumerate(frames):
        try:
            found.append(electrons_of(atoms, charge, spin))
        except ValueError as error:
            raise DataError(str(error), path, index) from None
    return found


def charge_lines(frames: Sequence[Atoms], electrons: Sequence[Electrons]) -> list[str]:
    """What a user must know: charges that are not zero, and odd electrons that nobody stated."""
    lines = []
    counts = Counter(one.charge for one in electrons)
    if set(counts) != {0}:
        words = ", ".join(f"{charge:+d} in {n}" for charge, n in sorted(counts.items()))
        lines.append(f"charges: {words} of {len(frames)} frames")
    odd = [k for k, one in enumerate(electrons) if one.n_electrons % 2 and not one.stated]
    if odd:
        formula = frames[odd[0]].get_chemical_formula()
        named = ", ".join(map(str, odd[:SHOWN])) + (", ..." if len(odd) > SHOWN else "")
        lines.append(
            f"warning: {len(odd)} of {len(frames)} frames have an odd number of electrons and are "
            f"labelled as radicals (doublets): frame {named} ({formula}, charge "
            f"{electrons[odd[0]].charge:+d}); if these are ions, state charge=... in the frame or "
            f"give --charge; a stated spin silences this"
        )
    return lines
