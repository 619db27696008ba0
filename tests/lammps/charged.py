"""What the tests of charges in LAMMPS share: a potential, comparison of a run with Python."""

import numpy as np
import pytest
from ase import Atoms
from lammps_run import MEASURE, Run, differences, eager, random_checkpoint

from physrep.checkpoint import Checkpoint
from physrep.pair.electrostatics_config import ElectrostaticsConfig, PolarizationConfig
from physrep.potential import Potential

SMALL = {"n_layers": 2, "features": 16, "n_basis": 6, "readout": "shallow"}
MEASURE_Q = MEASURE.replace("c_pea", "c_pea q")


def charged_checkpoint() -> Checkpoint:
    """Random parameters, charges of some 0.2 e, polarization and dispersion."""
    settings = ElectrostaticsConfig(
        smearing=1.4, shift="learned", polarization=PolarizationConfig(), dispersion="d3"
    )
    return random_checkpoint(SMALL, electrostatics=settings)


def with_charge(atoms: Atoms, charge: float) -> Atoms:
    """A copy with that total charge."""
    copy = atoms.copy()
    copy.info["charge"] = charge
    return copy


def assert_equal(run: Run, atoms: Atoms, potential: Potential) -> None:
    """Energy, atomic energies, forces, virial and charges of MEASURE_Q are those of Python."""
    expected = eager(potential, atoms)
    assert expected.charges is not None
    assert expected.charges.std() > 0.1  # or the tolerances would say nothing
    found = differences(run, atoms, expected)
    assert found.force <= 1e-8
    assert found.atomic_energy <= 1e-8
    assert found.energy_per_atom <= 1e-8
    assert found.virial <= 1e-7
    q = run.dump()[:, 6]
    assert np.abs(q - expected.charges.numpy()).max() <= 1e-8
    assert q.sum() == pytest.approx(atoms.info["charge"], abs=1e-10)
