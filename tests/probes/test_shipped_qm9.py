"""The shipped physrep-qm9 keeps what docs/physrep.md says of it, on molecules from elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

import physrep
from physrep.probes.assembly import assemble, choose_groups, functional_groups
from physrep.probes.recovery import recover
from physrep.studies.evaluate.label_errors import load_calculator

CHECKPOINT = Path(physrep.__file__).parent / "pretrained" / "physrep-qm9.ckpt"
NAMES = ("CH3CH2OH", "CH3COOH", "C6H6", "CH3CN")  # ASE's: MP2 geometries, not B3LYP's


@pytest.fixture(name="calculator", scope="module")
def _calculator():
    return load_calculator(str(CHECKPOINT))


def test_molecules_are_nearly_at_rest_and_perturbed_ones_find_back(calculator):
    found = [recover(calculator, molecule(name), np.random.default_rng(1)) for name in NAMES]
    assert np.mean([np.abs(one.stable_forces).mean() for one in found]) < 0.05  # eV/A
    assert all(one.converged for one in found)
    assert np.mean([one.delta_p for one in found]) < 0.12  # A; the noise alone is 0.16


def test_ethanol_is_put_together_again(calculator):
    ethanol = molecule("CH3CH2OH")
    groups = choose_groups(functional_groups(ethanol), np.random.default_rng(0))
    stable = recover(calculator, ethanol, np.random.default_rng(0)).stable_energy
    assert assemble(calculator, ethanol, groups, stable).same_bonds
