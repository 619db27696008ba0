"""Do OpenMM and LAMMPS compute what ASE computes?"""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from physrep.archive import is_torchscript
from physrep.checkpoint import load_checkpoint
from physrep.engines.bound_topology import set_periodicity
from physrep.engines.export import export_potential
from physrep.engines.metadata import ExportError
from physrep.engines.single_point import lammps_energy_and_forces, openmm_energy_and_forces
from physrep.errors import UserError
from physrep.probes.named_calculator import ASE_PREFIX
from physrep.studies.certify.check import Check, at_most, skipped

# A network in float32 summed in another order differs by some 1e-5; export allows 1e-4.
SAME, NEARLY = 2e-4, 1e-3  # eV/atom, eV/A


def engine_checks(model: str, calculator: Calculator, atoms: Atoms) -> Iterator[Check]:
    """Largest difference of energy per atom (eV) and force (eV/A) to the ASE calculator.

    A checkpoint is exported for this in its own precision, into a folder that is then removed.
    What is not installed, or does not serve such a system, is skipped with the reason.

    Args:
        model: a file, or ase:..., for which there is nothing to compare.
    """
    if not model or model.startswith(ASE_PREFIX):
        return
    names = ("exactness: OpenMM", "exactness: LAMMPS")
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = _exported(Path(model), atoms, Path(folder))
        except ExportError as error:
            yield from (skipped(name, str(error)) for name in names)
            return
        expected = calculator.get_potential_energy(atoms), calculator.get_forces(atoms)
        engines = {
            names[0]: partial(openmm_energy_and_forces, path, atoms),
            names[1]: partial(lammps_energy_and_forces, path, atoms, Path(folder)),
        }
        for name, engine in engines.items():
            yield _compared(name, engine, expected)


def _exported(model: Path, atoms: Atoms, folder: Path) -> Path:
    """The model's own file where it is exported, else an export of the checkpoint."""
    if is_torchscript(model):
        return model
    checkpoint = load_checkpoint(model)
    dtype = str(checkpoint.model.dtype).removeprefix("torch.")
    try:
        topology = set_periodicity(atoms, "structure")
    except ExportError:  # periodic in some directions only: LAMMPS alone
        topology = None
    export_potential(checkpoint, folder / "exported.pt", topology, dtype)
    return folder / "exported.pt"


def _compared(
    name: str,
    engine: Callable[[], tuple[float, np.ndarray]],
    expected: tuple[float, np.ndarray],
) -> Check:
    try:
        energy, forces = engine()
    except (UserError, ImportError) as error:
        return skipped(name, str(error))
    apart = max(abs(energy - expected[0]) / len(forces), float(np.abs(forces - expected[1]).max()))
    note = "against the ASE calculator"
    return at_most(name, apart, "eV/atom, eV/A", SAME, NEARLY, note)
