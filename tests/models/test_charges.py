"""Potentials with charges: they add up, attract at any distance, and obey the laws of physics."""

import numpy as np
import pytest
import torch
from ase import Atoms
from systems import (
    SPECIES,
    compute,
    compute_batch,
    geometry_of,
    liquid,
    make_checkpoint,
    molecule,
    neighbors_of,
    types_of,
)

from physrep.checkpoint import load_checkpoint, save_checkpoint
from physrep.config import ConfigError
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.potential import Potential
from physrep.prediction import predict
from physrep.units import COULOMB_CONSTANT

CHARGED_FORMS = ("jat-angular", "jat-vectors", "physrep", "neuralil")
SETTINGS = ElectrostaticsConfig(smearing=1.3)


def make(form: str = "jat-angular", shift: str = "equal") -> Potential:
    settings = SETTINGS.model_copy(update={"shift": shift})
    return make_checkpoint(form, electrostatics=settings).potential


def charged(atoms: Atoms, charge: float) -> Atoms:
    atoms = atoms.copy()
    atoms.info["charge"] = charge
    return atoms


@pytest.fixture(scope="module", params=CHARGED_FORMS)
def potential(request) -> Potential:
    return make(request.param)


@pytest.fixture(params=["liquid", "molecule"])
def atoms(request) -> Atoms:
    return liquid() if request.param == "liquid" else molecule()


@pytest.mark.parametrize("shift", ["equal", "learned"])
@pytest.mark.parametrize("charge", [0.0, 1.0, -2.0])
def test_charges_add_up_to_the_total_charge(atoms, charge, shift):
    found = compute(make(shift=shift), charged(atoms, charge))
    assert float(found.charges.sum()) == pytest.approx(charge, abs=1e-12)
    assert float(found.charges.std()) > 0.01


def test_learned_shift_is_shared_by_the_weights_of_the_elements():
    potential = make(shift="learned")
    with torch.no_grad():
        potential.charge_readout.weights.copy_(torch.tensor([0.3, -1.0, 2.0, 0.5]))
    neutral, ion = (compute(potential, charged(molecule(), q)).charges for q in (0.0, 1.0))
    weights = torch.nn.functional.softplus(potential.charge_readout.weights.detach())
    of_atoms = weights[[SPECIES.index(z) for z in molecule().numbers]].double()
    np.testing.assert_allclose(ion - neutral, of_atoms / of_atoms.sum(), atol=1e-12)


def test_forces_are_minus_the_gradient(potential, atoms):
    atoms = charged(atoms, 1.0)
    forces = compute(potential, atoms).forces
    step = 1e-4
    rng = np.random.default_rng(3)
    for k, axis in zip(rng.integers(len(atoms), size=4), rng.integers(3, size=4), strict=True):
        energies = []
        for sign in (1.0, -1.0):
            moved = atoms.copy()
            moved.positions[k, axis] += sign * step
            energies.append(float(compute(potential, moved).energy))
        slope = (energies[0] - energies[1]) / (2.0 * step)
        assert float(forces[k, axis]) == pytest.approx(-slope, abs=1e-6)


def test_virial_is_minus_the_gradient_by_strain(potential, atoms):
    atoms = charged(atoms, -1.0)
    virial = compute(potential, atoms).virial[0].numpy()
    step = 1e-5
    for strain in ([[1, 0, 0], [0, 0, 0], [0, 0, 0]], [[0, 0.5, 0], [0.5, 0, 0], [0, 0, 1]]):
        energies = []
        for sign in (1.0, -1.0):
            strained = atoms.copy()
            deformation = np.eye(3) + sign * step * np.array(strain)
            strained.set_cell(atoms.cell.array @ deformation)
            strained.positions = atoms.positions @ deformation
            energies.append(float(compute(potential, strained).energy))
        slope = (energies[0] - energies[1]) / (2.0 * step)
        assert -(virial * strain).sum() == pytest.approx(slope, abs=2e-6)


def test_energies_of_atoms_add_up(potential, atoms):
    found = compute(potential, charged(atoms, 1.0))
    assert float(found.atomic_energies.sum()) == pytest.approx(float(found.energy[0]), abs=1e-9)


def test_an_isolated_atom_has_its_reference_energy_and_the_total_charge(potential):
    found = compute(potential, charged(Atoms("O", positions=[[1.0, 2.0, 3.0]]), -1.0))
    assert float(found.energy[0]) == pytest.approx(-100.0, abs=1e-12)
    assert float(found.charges[0]) == pytest.approx(-1.0, abs=1e-15)


def test_ions_far_apart_attract_as_their_charges_do(potential):
    """Coulomb's law beyond any cutoff, between the dipoles' and higher terms."""
    energies, coulomb = [], []
    for distance in (40.0, 45.0):
        pair = molecule() + molecule(1)
        pair.positions[10:] += [distance, 0.0, 0.0]
        found = compute(potential, pair)
        charges = found.charges.numpy()
        between = np.linalg.norm(pair.positions[:10, None] - pair.positions[10:], axis=2)
        energies.append(float(found.energy[0]))
        coulomb.append(COULOMB_CONSTANT * (np.outer(charges[:10], charges[10:]) / between).sum())
    assert energies[1] - energies[0] == pytest.approx(coulomb[1] - coulomb[0], abs=1e-8)


def test_batches_equal_single_structures(potential):
    structures = [liquid(), charged(molecule(), 1.0), liquid(1), charged(molecule(2), -1.0)]
    together = compute_batch(potential, structures)
    first = 0
    for k, atoms in enumerate(structures):
        alone = compute(potential, atoms)
        here = slice(first, first + len(atoms))
        first += len(atoms)
        assert float(together.energy[k]) == pytest.approx(float(alone.energy[0]), abs=1e-10)
        np.testing.assert_allclose(together.forces[here], alone.forces, atol=1e-10)
        np.testing.assert_allclose(together.virial[k], alone.virial[0], atol=1e-9)
        np.testing.assert_allclose(together.charges[here], alone.charges, atol=1e-12)


def test_rotation_translation_and_order_change_nothing(potential, atoms):
    atoms = charged(atoms, 1.0)
    order = np.random.default_rng(0).permutation(len(atoms))
    turned = atoms[order]
    turned.info["charge"] = 1.0
    turned.positions += [1.3, -4.0, 2.7]
    turned.rotate(37.0, (1.0, 2.0, -0.5), rotate_cell=True)
    a, b = compute(potential, atoms), compute(potential, turned)
    assert float(a.energy[0]) == pytest.approx(float(b.energy[0]), abs=1e-8)
    np.testing.assert_allclose(a.charges[order], b.charges, atol=1e-9)


def test_training_gradients_are_right():
    """Second derivatives: of a loss of forces, energy and charges by a parameter of the readout."""
    potential, atoms = make(), charged(liquid(), 1.0)
    parameter = potential.charge_readout.readout.last.weight

    def loss() -> torch.Tensor:
        found = compute_for_training(potential, atoms)
        parts = (found.forces**2).sum() + found.virial.square().sum() + found.energy.sum()
        return parts + found.charges.square().sum()

    (slope,) = torch.autograd.grad(loss(), parameter)
    direction = torch.randn_like(parameter)
    values = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            parameter += sign * 1e-5 * direction
        values.append(loss().item())
        with torch.no_grad():
            parameter -= sign * 1e-5 * direction
    numeric = (values[0] - values[1]) / 2e-5
    assert float((slope * direction).sum()) == pytest.approx(numeric, rel=1e-6)


def compute_for_training(potential, atoms):
    found = neighbors_of(atoms, potential.cutoff)
    edges = types_of(atoms), found.edge_index, found.vectors
    return predict(potential, *edges, create_graph=True, geometry=geometry_of([atoms]))


def test_script_equals_eager(potential, atoms):
    eager = compute(potential, charged(atoms, 1.0))
    scripted = compute(torch.jit.script(potential), charged(atoms, 1.0))
    np.testing.assert_allclose(scripted.forces, eager.forces, atol=1e-11)
    np.testing.assert_allclose(scripted.charges, eager.charges, atol=1e-13)


def test_charges_fade_with_the_network_where_the_guard_acts():
    potential = make()
    potential.shortest_distances.fill_(1.2)
    atoms = Atoms("OH", positions=[[0.0, 0.0, 0.0], [0.2, 0.0, 0.0]])
    np.testing.assert_allclose(compute(potential, atoms).charges, [0.0, 0.0], atol=1e-12)


def test_dispersion_is_in_the_energies_of_the_atoms_and_follows_london_s_law():
    """The same potential with and without; two copies of a molecule far apart."""
    with_it = make_checkpoint(electrostatics=SETTINGS.model_copy(update={"dispersion": "d3"}))
    plain = make_checkpoint(electrostatics=SETTINGS)
    plain.potential.load_state_dict(with_it.potential.state_dict(), strict=False)
    box = liquid()
    a, b = compute(with_it.potential, box), compute(plain.potential, box)
    assert float(a.atomic_energies.sum() - a.energy) == pytest.approx(0.0, abs=1e-10)
    assert float(a.energy - b.energy) < -0.1
    assert float((a.forces - b.forces).abs().max()) > 1e-3

    one = molecule()
    far = one.copy()
    far.positions += [0.0, 0.0, 30.0]
    both, alone = one + far, compute(with_it.potential, one).energy
    gained = compute(with_it.potential, both).energy - 2.0 * alone
    gained -= compute(plain.potential, both).energy - 2.0 * compute(plain.potential, one).energy
    weights = with_it.potential.dispersion.weights
    types = torch.tensor([with_it.potential.species.index(z) for z in one.numbers])
    total = float(weights[types].sum())
    assert float(gained) == pytest.approx(-(total**2) / 30.0**6, rel=0.3)  # sizes of 3 A in 30


def test_checkpoints_keep_the_settings(tmp_path):
    checkpoint = make_checkpoint(electrostatics=ElectrostaticsConfig(smearing=1.1, shift="learned"))
    save_checkpoint(checkpoint, tmp_path / "a.ckpt")
    loaded = load_checkpoint(tmp_path / "a.ckpt").potential
    assert loaded.electrostatics_settings == {
        "smearing": 1.1,
        "accuracy": 1e-4,
        "shift": "learned",
        "polarization": None,
        "dispersion": "none",
    }
    a, b = compute(checkpoint.potential, liquid()), compute(loaded, liquid())
    assert torch.equal(a.forces, b.forces)


def test_published_forms_have_no_charges():
    with pytest.raises(ConfigError, match="published form has no charges"):
        make_checkpoint("jat-published", electrostatics=SETTINGS)
