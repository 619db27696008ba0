"""A committee says the mean of what its members say alone, and by how much they disagree."""

import numpy as np
import pytest
import torch
from systems import (
    compute,
    geometry_of,
    liquid,
    make_checkpoint,
    make_committee,
    molecule,
    neighbors_of,
    types_of,
)

from physrep.checkpoint import (
    CheckpointError,
    fingerprint,
    load_checkpoint,
    members_of,
    new_committee,
    save_checkpoint,
)
from physrep.config import ConfigError
from physrep.deviation import deviation
from physrep.pair.electrostatics_config import ElectrostaticsConfig, PolarizationConfig
from physrep.prediction import mean_prediction, predict_members

CHARGES = ElectrostaticsConfig(smearing=1.3, polarization=PolarizationConfig(), dispersion="d3")
# Members with layers of different numbers and widths, and of different models.
MIXED = ("jat-gated-sum", "jat-angular", "physrep")


def each(committee, atoms):
    found = neighbors_of(atoms, committee.cutoff)
    edges = types_of(atoms), found.edge_index, found.vectors
    return predict_members(committee, *edges, geometry=geometry_of([atoms]))


@pytest.mark.parametrize("charges", [None, CHARGES], ids=["plain", "charged"])
@pytest.mark.parametrize("atoms", [liquid(), molecule()], ids=["liquid", "molecule"])
def test_mean_and_deviation_are_those_of_the_members_alone(atoms, charges):
    made = make_committee(MIXED, electrostatics=charges)
    alone = [compute(one.potential, atoms) for one in members_of(made)]
    energies = np.array([float(one.energy) for one in alone])
    forces = np.array([one.forces.numpy() for one in alone])
    assert np.ptp(energies) > 0.1
    members = each(made.model, atoms)
    spread, mean = deviation(members), compute(made.model, atoms)
    assert float(mean.energy) == pytest.approx(energies.mean(), abs=1e-12 * len(atoms) * 100)
    np.testing.assert_allclose(mean.forces, forces.mean(axis=0), atol=1e-12)
    virials = np.array([one.virial.numpy() for one in alone])
    np.testing.assert_allclose(mean.virial, virials.mean(axis=0), atol=1e-11)
    assert float(spread.energy) == pytest.approx(
        np.sqrt(((energies - energies.mean()) ** 2).mean())
    )
    away = forces - forces.mean(axis=0)
    by_hand = np.sqrt((away**2).sum(axis=2).mean(axis=0))
    np.testing.assert_allclose(spread.forces, by_hand, atol=1e-12)
    for name in ("energy", "forces", "virial", "atomic_energies"):
        np.testing.assert_allclose(
            getattr(mean_prediction(members), name), getattr(mean, name), atol=1e-10
        )
    if charges is not None:
        of_members = np.array([one.charges.numpy() for one in alone])
        np.testing.assert_allclose(mean.charges, of_members.mean(axis=0), atol=1e-12)
        assert np.ptp(of_members, axis=0).max() > 0.01


def test_a_committee_of_one_is_that_potential():
    made = make_checkpoint(electrostatics=CHARGES)
    alone, committee = compute(made.model, liquid()), new_committee([made]).model
    for found in (compute(committee, liquid()), *each(committee, liquid())):
        assert torch.equal(found.energy, alone.energy)
        assert torch.equal(found.forces, alone.forces)
        assert torch.equal(found.charges, alone.charges)
    assert float(deviation(each(committee, liquid())).forces.max()) == 0.0


def test_pieces_give_what_the_whole_gives():
    """As LAMMPS calls them, also where each member has its own vectors."""
    committee = make_committee(MIXED).model
    atoms = liquid()
    found, types = neighbors_of(atoms, committee.cutoff), types_of(atoms)
    members = each(committee, atoms)
    shared = found.vectors.repeat(1, 3).requires_grad_(True)
    edges = committee.edges(types, found.edge_index, shared, len(atoms))
    h = committee.embed(types, edges)
    for k in range(committee.n_layers):
        assert h.shape == (len(atoms), committee.width)
        h = committee.step(k, h, edges)
    energies = committee.member_readout(h, types, edges)
    np.testing.assert_allclose(
        energies.detach().T, torch.stack([one.atomic_energies for one in members]), atol=1e-11
    )
    slopes = torch.autograd.grad(energies.sum(), shared)[0].chunk(3, dim=1)
    for one, slope in zip(members, slopes, strict=True):
        forces = torch.zeros(len(atoms), 3, dtype=torch.float64)
        forces = forces.index_add(0, found.edge_index[0], slope)
        forces = forces.index_add(0, found.edge_index[1], -slope)
        np.testing.assert_allclose(forces, one.forces, atol=1e-12)


@pytest.mark.parametrize("charges", [None, CHARGES], ids=["plain", "charged"])
def test_a_checkpoint_keeps_all_members(tmp_path, charges):
    made = make_committee(MIXED, electrostatics=charges)
    made.calibration = {"force_factor": 1.7}
    save_checkpoint(made, tmp_path / "a.ckpt")
    read = load_checkpoint(tmp_path / "a.ckpt")
    assert fingerprint(read.model) == fingerprint(made.model)
    assert read.calibration == made.calibration
    assert read.model.dtype == torch.float64
    assert torch.equal(compute(read.model, liquid()).forces, compute(made.model, liquid()).forces)
    assert [one.model_name for one in members_of(read)] == ["jat", "jat", "physrep"]


def test_a_member_that_a_committee_gives_back_is_a_checkpoint_of_its_own(tmp_path):
    second = members_of(make_committee())[1]
    save_checkpoint(second, tmp_path / "a.ckpt")
    contents = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert contents["format_version"] == 4  # which earlier releases read
    again = load_checkpoint(tmp_path / "a.ckpt").potential
    assert torch.equal(compute(again, liquid()).energy, compute(second.potential, liquid()).energy)


def other_level(checkpoint):
    checkpoint.potential.reference_energies[2] -= 20.0
    return checkpoint


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            lambda: make_checkpoint("neuralil-morse"),
            "agree in their cutoff.*1 has 3.5, .*2 has 3.2",
        ),
        (lambda: make_checkpoint(electrostatics=CHARGES), "agree in their electrostatics"),
        (lambda: make_checkpoint(dtype=torch.float32), "agree in their precision"),
        (lambda: make_checkpoint("jat-published"), "agree in their form"),
        (lambda: make_checkpoint("physrep-cls"), "agree in their reach"),
        (lambda: other_level(make_checkpoint()), "of N is -70.000 eV in member 1 and -90.000"),
        (lambda: make_checkpoint(seed=3), "member 1 and member 2 hold the same parameters"),
        (make_committee, "committee of 3 potentials, where one is wanted"),
    ],
)
def test_members_that_cannot_be_averaged_are_refused(other, message):
    first = make_checkpoint(seed=3)
    with pytest.raises((ConfigError, CheckpointError), match=message):
        new_committee([first, other()])


def test_a_committee_needs_members():
    with pytest.raises(ConfigError, match="needs members"):
        new_committee([])
