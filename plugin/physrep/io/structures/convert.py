"""From a file's own units to physrep's: one place, for every format."""

from pathlib import Path
from typing import Any

import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress

from physrep.io.structures.label_units import LabelUnits
from physrep.io.structures.raw import RawFrame
from physrep.io.structures.structure import DataError, Structure

AGREEMENT = 1e-3  # of the largest component: files round to a few digits
ROUND_OFF = 1e-4  # eV

TENSOR_SPELLINGS = {
    (6,): voigt_6_to_full_3x3_stress,
    (9,): lambda nine: nine.reshape(3, 3),
}


def to_structure(raw: RawFrame, factors: LabelUnits, path: Path, frame: int) -> Structure:
    """The one place where a file's units become physrep's.

    A virial is -dE/dstrain; a stress has ASE's sign, virial = -volume * stress. Six numbers are
    in Voigt's order as ASE has it: xx, yy, zz, yz, xz, xy. The dipole of a periodic structure is
    not read as a label and stands in `unread`.

    Raises:
        DataError: a stress without a cell, or a virial and a stress that contradict each other.
    """
    virial = _full_tensor(_scaled(raw.virial, factors.energy))
    if raw.stress is not None:
        volume = abs(np.linalg.det(raw.cell)) if raw.cell is not None else 0.0
        if volume == 0.0:
            raise DataError("has a stress but no cell volume; give the virial", path, frame)
        of_stress = _full_tensor(_scaled(raw.stress, -volume * factors.stress))
        if virial is not None:
            _require_agreement(virial, of_stress, volume, path, frame)
        virial = of_stress if virial is None else virial
    dipole, unread = _scaled(raw.dipole, factors.dipole), raw.unread
    if dipole is not None and np.any(raw.pbc):
        # It depends on where the cell begins, so that nothing can be fitted to it.
        dipole, unread = None, {**unread, "dipole": raw.dipole}
    return Structure(
        positions=raw.positions,
        species=raw.species,
        cell=raw.cell,
        pbc=raw.pbc,
        energy=_scaled(raw.energy, factors.energy),
        forces=_scaled(raw.forces, factors.forces),
        virial=virial,
        charges=raw.charges,
        dipole=dipole,
        info=raw.info,
        source=str(path),
        frame=frame,
        unread=unread,
        columns=raw.columns,
    )


def _require_agreement(virial: Any, of_stress: Any, volume: float, path: Path, frame: int) -> None:
    """virial: as given; of_stress: -volume * stress; of other shapes, `Structure` refuses them."""
    if np.shape(virial) != (3, 3) or np.shape(of_stress) != (3, 3):
        return
    tolerance = AGREEMENT * max(np.abs(virial).max(), np.abs(of_stress).max()) + ROUND_OFF
    if np.abs(virial - of_stress).max() <= tolerance:
        return
    k, m = np.unravel_index(np.abs(virial - of_stress).argmax(), (3, 3))
    opposite = np.abs(virial + of_stress).max() <= tolerance
    hint = "one of the two has the other sign" if opposite else "their units or signs differ"
    raise DataError(
        f"virial and stress contradict each other: virial = -volume * stress, but the virial's "
        f"{'xyz'[k]}{'xyz'[m]} is {virial[k, m]:.6g} eV and -volume * stress is "
        f"{of_stress[k, m]:.6g} eV (volume {volume:.6g} A^3); {hint}: correct one, or name the one "
        f"to read (virial_key= or stress_key=)",
        path,
        frame,
    )


def _scaled(value: Any, factor: float) -> Any:
    """The numbers times the factor; anything else as it is, so that `Structure` refuses it."""
    try:
        given = np.asarray(value)
    except ValueError:  # ragged
        return value
    return given * factor if given.dtype.kind in "iuf" else value


def _full_tensor(value: Any) -> Any:
    """A tensor of 9 numbers, or 6 in Voigt order, as (3, 3); anything else unchanged."""
    convert = TENSOR_SPELLINGS.get(value.shape) if isinstance(value, np.ndarray) else None
    return convert(value) if convert else value
