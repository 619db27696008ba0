"""The pair energy of PhysRep's physics head against its equation, and the core it must keep."""

import pytest
import torch

from physrep.config import ConfigError
from physrep.nn.electronegativity import electronegativity
from physrep.pair.physics_head import PairEnergy


def head(published: bool, spread: float = 1.0) -> PairEnergy:
    torch.manual_seed(2)
    made = PairEnergy(6, published).double().requires_grad_(False)
    made.bond.weight.normal_(0.0, spread)
    made.bond.bias.normal_(0.0, spread)
    return made


FEATURES = torch.randn(40, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
CENTERS, NEIGHBORS = torch.arange(0, 40, 2), torch.arange(1, 40, 2)
ONES = torch.ones(20, dtype=torch.float64)


@pytest.mark.parametrize("published", [True, False])
def test_energy_equals_its_equation_and_is_symmetric(published):
    pair, d = head(published), torch.linspace(0.8, 4.0, 20, dtype=torch.float64)
    b0, b1, b2, b3, b4 = pair.parameters_of(FEATURES, CENTERS, NEIGHBORS)
    expected = -b1 * b0 / d + b2 * ((b4 / d) ** (2 * b3) - 2 * (b4 / d) ** b3)
    found = pair(FEATURES, d, ONES, CENTERS, NEIGHBORS)
    assert torch.allclose(found, expected, rtol=1e-12)
    assert torch.allclose(found, pair(FEATURES, d, ONES, NEIGHBORS, CENTERS), rtol=1e-12)


def test_published_parameters_are_elu_of_one_linear_layer():
    pair = head(True)
    raw = pair.bond(FEATURES[CENTERS] + FEATURES[NEIGHBORS])
    shifts = torch.tensor([0.0, 0.0, 0.0, 1.001, 1.001], dtype=torch.float64)
    expected = torch.nn.functional.elu(raw) + shifts
    found = torch.stack(list(pair.parameters_of(FEATURES, CENTERS, NEIGHBORS)), dim=1)
    assert torch.allclose(found, expected, rtol=1e-12)


def test_repulsion_outgrows_attraction_at_contact_by_default_only():
    """The published form has pairs whose energy falls without end; ours never does."""
    near, nearer = 1e-6 * ONES, 1e-7 * ONES
    for published in (True, False):
        pair = head(published, spread=3.0)
        energies = [pair(FEATURES, d, ONES, CENTERS, NEIGHBORS) for d in (near, nearer)]
        rises = energies[1] > energies[0]
        assert bool(rises.all()) == (not published)


def test_electronegativities():
    assert [electronegativity(s) for s in ("H", "C", "N", "O")] == [2.20, 2.55, 3.04, 3.44]
    with pytest.raises(ConfigError, match="no electronegativity is tabulated for He"):
        electronegativity("He")
