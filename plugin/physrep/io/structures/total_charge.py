"""The total charge and the spin that a frame states, under the names that codes use for them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms

CHARGE_NAMES = ("charge", "total_charge")  # of the comment line; ASE, fairchem, MACE
INITIAL_CHARGES = "initial_charges"  # ASE's column; its sum is the total charge
SPIN_NAMES = ("spin", "multiplicity", "spin_multiplicity")
SAME_CHARGE = 1e-3  # e; columns are rounded


def total_charge(info: Mapping[str, Any]) -> float | None:
    """The total charge in e, or None where a frame states none.

    It stands as `charge` or `total_charge`, or is the sum of `initial_charges` unless these are
    all zero. Whole numbers are returned exactly.

    Raises:
        ValueError: two of them contradict each other, or one is not a number.
    """
    stated: dict[str, float] = {}
    for name in CHARGE_NAMES:
        if name in info and np.ndim(info[name]) == 0:
            stated[name] = _number(name, info[name])
    initial = np.asarray(info.get(INITIAL_CHARGES, ()))
    if initial.dtype.kind in "iuf" and initial.any():
        stated[f"the sum of {INITIAL_CHARGES}"] = float(initial.sum())
    if not stated:
        return None
    first, *others = stated.items()
    for name, charge in others:
        if abs(charge - first[1]) > SAME_CHARGE:
            raise ValueError(
                f"{first[0]} is {first[1]:g} and {name} is {charge:g}; remove the wrong one"
            )
    charge = first[1]
    return float(round(charge)) if abs(charge - round(charge)) <= SAME_CHARGE else charge


def state_charge(atoms: Atoms, charge: float) -> None:
    """Write a total charge (e) where calculators read it: `info["charge"]` (MACE, fairchem) and
    the sum of the initial charges (xTB codes), over which it is spread evenly.
    """
    atoms.info["charge"] = charge
    atoms.set_initial_charges(np.full(len(atoms), charge / len(atoms)))


def stated_by(atoms: Atoms) -> dict[str, Any]:
    """What ASE's atoms state of charge and spin, by its name."""
    names = (*CHARGE_NAMES, *SPIN_NAMES)
    stated = {name: atoms.info[name] for name in names if name in atoms.info}
    if INITIAL_CHARGES in atoms.arrays:
        stated[INITIAL_CHARGES] = atoms.arrays[INITIAL_CHARGES]
    return stated


def keep_state(source: Atoms, target: Atoms) -> None:
    """Give ``target`` the charge and the spin that ``source`` states.

    Raises:
        ValueError: as `total_charge`.
    """
    stated = stated_by(source)
    charge = total_charge(stated)
    target.info.update({name: stated[name] for name in SPIN_NAMES if name in stated})
    if charge is not None:
        state_charge(target, charge)


def multiplicity(info: Mapping[str, Any], n_electrons: int) -> int | None:
    """The spin multiplicity 2 S + 1, or None where a frame states no spin.

    It stands as `multiplicity` or `spin_multiplicity`, or follows from `spin`, which is the
    multiplicity for some codes (fairchem) and the number of unpaired electrons for others (PySCF,
    CP2K): the number of electrons decides, since one is odd where the other is even.

    Raises:
        ValueError: the number of electrons does not allow it, or two contradict each other.
    """
    stated = {
        name: _multiplicity(name, info[name], n_electrons) for name in SPIN_NAMES if name in info
    }
    if not stated:
        return None
    first, *others = stated.items()
    for name, value in others:
        if value != first[1]:
            raise ValueError(
                f"{first[0]} = {info[first[0]]} and {name} = {info[name]} contradict each other; "
                f"remove the wrong one"
            )
    return first[1]


def _multiplicity(name: str, given: Any, n_electrons: int) -> int:
    value = _number(name, given)
    whole = round(value)
    fits = (whole - n_electrons) % 2 == 1
    if value == whole and fits and whole > 0:
        return whole
    if value == whole and not fits and whole >= 0 and name == "spin":
        return whole + 1
    raise ValueError(
        f"{name} = {given} does not go with {n_electrons} electrons, whose multiplicity is "
        f"{'even' if n_electrons % 2 else 'odd'}; correct it or the charge"
    )


def _number(name: str, given: Any) -> float:
    value = np.asarray(given)
    if value.ndim or value.dtype.kind not in "iuf" or not np.isfinite(value):
        raise ValueError(f"{name} = {given!r} is not a number; correct it")
    return float(value)
