"""Frames of an OpenMM run, kept by reporters and written as extxyz."""

from pathlib import Path
from typing import Any, NamedTuple

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from physrep.output import make_folder, replacing
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM


class Frame(NamedTuple):
    """A report in OpenMM's units: nm, kJ/mol; cell (3, 3), zero where there is no box; symbols: of
    all particles, X for those without an element.
    """

    step: int
    time: float
    positions: np.ndarray
    cell: np.ndarray
    forces: np.ndarray
    energy: float
    symbols: list[str]


def next_frame(simulation: Any, interval: int) -> dict[str, Any]:
    """What a reporter tells OpenMM: when its next frame is due, and what :func:`frame_of` needs."""
    steps = interval - simulation.currentStep % interval
    return {"steps": steps, "periodic": False, "include": ["positions", "forces", "energy"]}


def frame_of(simulation: Any, state: Any) -> Frame:
    """A State with positions, forces and energy."""
    elements = [atom.element for atom in simulation.topology.atoms()]
    cell = np.zeros((3, 3))
    if simulation.system.usesPeriodicBoundaryConditions():
        cell = state.getPeriodicBoxVectors(asNumpy=True)._value
    return Frame(
        simulation.currentStep,
        state.getTime()._value,
        np.array(state.getPositions(asNumpy=True)._value),
        np.array(cell),
        np.array(state.getForces(asNumpy=True)._value),
        state.getPotentialEnergy()._value,
        ["X" if one is None else one.symbol for one in elements],
    )


def atoms_of(frame: Frame) -> Atoms:
    """In A, without a calculator."""
    return Atoms(
        frame.symbols,
        positions=frame.positions * NM_IN_ANGSTROM,
        cell=frame.cell * NM_IN_ANGSTROM,
        pbc=bool(frame.cell.any()),
        info={"step": frame.step, "time": frame.time},
    )


def write_frame(frame: Frame, path: str, kind: str) -> str:
    """As extxyz; returns what a message says of it, ``kind`` being "bad" or the like."""
    atoms = atoms_of(frame)
    forces = frame.forces / (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM)
    energy = frame.energy / EV_IN_KJ_PER_MOL
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    make_folder(Path(path).parent)
    with replacing(path) as partial:
        ase.io.write(partial, atoms, format="extxyz")
    return f"{kind} frame (step {frame.step}) in {path}"
