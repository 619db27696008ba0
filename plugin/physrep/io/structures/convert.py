"""From a file's own units to physrep's: one place, for every format."""

from pathlib import Path
from typing import Any

import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress

from physrep.io.structures.label_units import LabelUnits
from physrep.io.structures.raw import RawFrame
from physrep.io.structures.structure import DataError, Structure

TENSOR_SPELLINGS = {
    (6,): voigt_6_to_full_3x3_stress,
    (9,): lambda nine: nine.reshape(3, 3),
}


def to_structure(raw: RawFrame, factors: LabelUnits, path: Path, frame: int) -> Structure:
    """The one place where a file's units become physrep's."""
    virial = _full_tensor(_scaled(raw.virial, factors.energy))
    if virial is None and raw.stress is not None:
        volume = abs(np.linalg.det(raw.cell)) if raw.cell is not None else 0.0
        if volume == 0.0:
            raise DataError("has a stress but no cell volume; give the virial", path, frame)
        virial = _full_tensor(_scaled(raw.stress, -volume * factors.stress))
    return Structure(
        positions=raw.positions,
        species=raw.species,
        cell=raw.cell,
        pbc=raw.pbc,
        energy=_scaled(raw.energy, factors.energy),
        forces=_scaled(raw.forces, factors.forces),
        virial=virial,
        info=raw.info,
        source=str(path),
        frame=frame,
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
