"""Read-outs of PhysRep against its own energy and the rules of likelihoods."""

import numpy as np
import pytest
import torch
from systems import compute, make_checkpoint, molecule

from physrep.config import ConfigError
from physrep.nn.cutoffs import polynomial_envelope
from physrep.probes.readouts import element_scan, pair_readout


def test_pair_energies_follow_from_the_parameters_read_out():
    """Sum of the pair energies, from the read-out alone, against the model without its pairs."""
    potential = make_checkpoint("physrep").potential
    atoms = molecule()
    whole = compute(potential, atoms).energy.item()
    found = pair_readout(potential, [atoms])
    d = found.distances
    power = (found.size / d) ** found.exponent
    pairs = found.coulomb / d + found.depth * (power**2 - 2 * power)
    envelope = polynomial_envelope(torch.from_numpy(d), potential.cutoff).numpy()
    potential.model.physics = False
    assert whole - compute(potential, atoms).energy.item() == pytest.approx(
        float((pairs * envelope).sum()), abs=1e-9
    )


def test_pairs_are_sorted_and_bonds_are_told_apart():
    found = pair_readout(make_checkpoint("physrep").potential, [molecule(0), molecule(1)])
    assert (found.species[:, 0] <= found.species[:, 1]).all()
    assert found.bonded.any() and not found.bonded.all()
    assert found.distances[found.bonded].max() < 2.0


def test_element_scan_gives_likelihoods_that_hide_the_element():
    potential = make_checkpoint("physrep-adjacency").potential
    atoms, other = molecule(), molecule()
    other.numbers[4] = 8 if atoms.numbers[4] != 8 else 6
    ways = np.linspace(-0.5, 0.5, 5)
    scans = [element_scan(potential, a, 4, np.array([0, 0, 2.0]), ways) for a in (atoms, other)]
    assert scans[0].likelihoods.shape == (5, 64)
    np.testing.assert_allclose(scans[0].likelihoods.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(scans[0].likelihoods, scans[1].likelihoods)
    assert np.ptp(scans[0].likelihoods, axis=0).max() > 1e-6


@pytest.mark.parametrize(
    ("form", "index", "axis", "message"),
    [
        ("physrep", 0, [1, 0, 0], "masking true"),
        ("physrep-adjacency", 99, [1, 0, 0], "atoms 0 to 9"),
        ("physrep-adjacency", 0, [0, 0, 0], "not zero"),
    ],
)
def test_scans_that_mean_nothing_are_refused(form, index, axis, message):
    potential = make_checkpoint(form).potential
    with pytest.raises(ConfigError, match=message):
        element_scan(potential, molecule(), index, np.array(axis), np.zeros(1))


def test_models_without_pairs_are_refused():
    for form in ("jat-gated-sum", "physrep-atoms-cosine"):
        with pytest.raises(ConfigError, match="no pair energies"):
            pair_readout(make_checkpoint(form).potential, [molecule()])
