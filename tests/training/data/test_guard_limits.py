"""Where the guard starts: by extreme values, and never among the bonds of ordinary molecules."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from systems import compute, compute_batch, make_checkpoint

from physrep.covalent import shortest_ordinary
from physrep.io import Structure
from physrep_training.data.graphs import GraphDataset
from physrep_training.data.guard_limits import (
    MORE_DATA,
    expected_shortest,
    guard_limits,
    set_shortest_distances,
)

C, O, H = 6, 8, 1


def limits_of(distances: np.ndarray, a: int, b: int) -> float:
    """Of one pair of elements, (n_frames,) A."""
    minima = np.full((len(distances), 2, 2), np.inf)
    minima[:, 0, 1] = minima[:, 1, 0] = distances
    return float(guard_limits(minima, np.array([a, b]))[0, 1])


@pytest.mark.parametrize("n", [400, 10_000])
def test_the_expected_shortest_of_exponential_tails(n):
    """P(d < u - x) = exp(-x / s) for each frame: of m frames one is below d_1 - s ln(m / n)."""
    rng, s = np.random.default_rng(0), 0.02
    exact = 1.5 - s * np.log(MORE_DATA * n)
    found = [expected_shortest(np.sort(1.5 - rng.exponential(s, n))) for _ in range(50)]
    # On the safe side, since the scale is not known: by more the fewer there are.
    assert exact - 5 * s < np.mean(found) < exact + s


def test_the_margin_widens_where_data_are_few():
    rng = np.random.default_rng(1)

    def margin(n: int) -> float:
        drawn = [np.sort(rng.normal(1.1, 0.02, n)) for _ in range(20)]
        return float(np.median([seen[0] - expected_shortest(seen) for seen in drawn]))

    margins = [margin(n) for n in (10, 30, 100, 1000, 20_000)]
    assert margins == sorted(margins, reverse=True)
    assert margins[-1] < 0.1 and margins[0] > 0.3
    assert expected_shortest(np.arange(8.0)) == -np.inf


def test_with_many_data_the_guard_starts_at_nine_tenths():
    bonds = np.random.default_rng(2).normal(1.1, 0.01, 20_000)
    assert limits_of(bonds, C, H) == pytest.approx(0.9 * bonds.min())


@pytest.mark.case
def test_a_pair_that_is_never_bonded_in_the_data_may_be_bonded():
    """O and H of carbonates: contacts from 1.75 A on, yet a proton at 1.13 A is no hole."""
    contacts = np.random.default_rng(3).normal(2.2, 0.1, 20_000)
    limit = limits_of(contacts, O, H)
    assert limit == pytest.approx(float(shortest_ordinary(O, H)))
    assert limit < 0.9


def test_no_bond_of_few_frames_lifts_the_limit():
    rng = np.random.default_rng(4)
    for n in (1, 2, 5, 20):
        limit = limits_of(rng.normal(1.43, 0.02, n), C, O)
        assert limit == pytest.approx(float(shortest_ordinary(C, O)))
    mixed = np.concatenate([rng.normal(0.97, 0.01, 4), rng.normal(1.8, 0.05, 176)])
    assert limits_of(mixed, O, H) <= float(shortest_ordinary(O, H))


def test_what_was_never_met_is_limited_too_and_what_was_met_never_is():
    assert limits_of(np.full(9, np.inf), O, H) == float(shortest_ordinary(O, H))
    assert limits_of(np.full(9, 0.6), O, H) == pytest.approx(0.54)


def frames(n: int) -> list[Structure]:
    """Dimethyl ether, vibrating: no bond of O and H."""
    rng, start = np.random.default_rng(5), molecule("CH3OCH3")
    return [
        Structure(start.positions + rng.normal(0.0, 0.03, (9, 3)), start.numbers, np.zeros((3, 3)))
        for _ in range(n)
    ]


@pytest.mark.case
def test_ordinary_molecules_of_another_kind_are_untouched():
    """A potential of ethers says of water what its network says, at any sound geometry."""
    made = [make_checkpoint("jat-gated-sum").potential for _ in range(2)]
    graphs = GraphDataset(frames(30), made[0].species, made[0].cutoff, torch.float64)
    set_shortest_distances(made[0], graphs)
    assert (made[0].shortest_distances > 0.0).all()
    for stretch in (0.87, 1.0, 1.25):
        water = molecule("H2O")
        water.positions *= stretch
        energies = [compute(potential, water).energy.item() for potential in made]
        assert energies[0] == energies[1]


def test_distances_known_before_stay_where_new_data_are_longer():
    """A potential that goes on from a checkpoint was fitted to the shorter ones."""
    potentials = [make_checkpoint("jat-gated-sum").potential for _ in range(2)]
    graphs = GraphDataset(frames(30), potentials[0].species, potentials[0].cutoff, torch.float64)
    set_shortest_distances(potentials[0], graphs)
    of_data, earlier = potentials[0].shortest_distances, potentials[1].shortest_distances
    c, h, n, o = (potentials[0].species.index(z) for z in (C, H, 7, O))
    for a, b, factor in ((c, h, 0.8), (c, o, 1.3)):
        earlier[a, b] = earlier[b, a] = factor * of_data[a, b]
    set_shortest_distances(potentials[1], graphs)
    assert float(earlier[c, h]) == pytest.approx(0.8 * float(of_data[c, h]))
    expected = of_data.clone()
    expected[c, h] = expected[h, c] = earlier[c, h]
    # The limit of C-O is now that of the data, and so are all that were not known.
    torch.testing.assert_close(earlier, expected)
    assert float(earlier[n, n]) > 0.0


@pytest.mark.case
@pytest.mark.parametrize("scale", [2.0, 200.0])
def test_holes_below_the_data_are_closed(scale):
    """However large what the network extrapolates to, atoms repel each other below the limit."""
    potential = make_checkpoint("jat-gated-sum").potential
    graphs = GraphDataset(frames(30), potential.species, potential.cutoff, torch.float64)
    set_shortest_distances(potential, graphs)
    potential.scale.fill_(scale)
    pairs = []
    for i, a in enumerate(potential.species):
        for j, b in enumerate(potential.species[: i + 1]):
            start = 0.9 * float(potential.shortest_distances[i, j])
            pairs += [
                Atoms([a, b], positions=[[0, 0, 0], [0, 0, distance]])
                for distance in np.arange(0.2, 0.8 * start, 0.1)
            ]
    assert (compute_batch(potential, pairs).forces[1::2, 2] > 0.0).all()
