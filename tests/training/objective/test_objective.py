"""PhysRep's objective: terms against their equations, nothing leaks, same seed same loss."""

import numpy as np
import pytest
import torch
from systems import SPECIES, compute, make_checkpoint, molecule, neighbors_of, types_of
from torch_geometric.data import Batch

from physrep.config import ConfigError
from physrep.io import Structure
from physrep_training.data.graphs import GraphDataset
from physrep_training.fit.fit_config import FitConfig
from physrep_training.objective import losses
from physrep_training.objective.loss_config import LossConfig
from physrep_training.objective.objective import Objective

CONDITIONS = {
    "energy": {"kind": "mse", "weight": 1.0, "per_atom": False},
    "force": {"weight": 0.0},
    "mask": {"weight": 0.7},
    "zero_force": {"weight": 0.3},
    "bound": {"weight": 1.0, "noise": 0.2},
}
SKIN = 6 * 0.2


@pytest.fixture(name="potential")
def _potential():
    return make_checkpoint("physrep-adjacency").potential


@pytest.fixture(name="batch")
def _batch(potential) -> Batch:
    structures = [
        Structure(m.positions, m.numbers, energy=-1.0, info={"equilibrium": k != 1})
        for k, m in enumerate(molecule(seed) for seed in range(3))
    ]
    reach = potential.cutoff + SKIN
    graphs = GraphDataset(structures, SPECIES, reach, torch.float64, "marked")
    return Batch.from_data_list([graphs[k] for k in range(3)])


def objective(potential, **changes) -> Objective:
    return Objective(potential, LossConfig.parse({**CONDITIONS, **changes}))


def test_zero_force_is_the_sum_of_squares_of_structures_at_rest(potential, batch):
    _, terms = objective(potential)(batch, 0, create_graph=False)
    squares = [float((compute(potential, molecule(k)).forces ** 2).sum()) for k in (0, 2)]
    assert float(terms["zero_force"]) == pytest.approx(np.mean(squares), rel=1e-10)


def test_energy_does_not_see_the_longer_list(potential, batch):
    prediction, _ = objective(potential)(batch, 0, create_graph=False)
    expected = [float(compute(potential, molecule(k)).energy) for k in range(3)]
    np.testing.assert_allclose(prediction.energy.detach(), expected, atol=1e-10)


def test_bound_costs_what_a_perturbed_structure_lies_below():
    stable, perturbed = torch.tensor([1.0, 5.0, 2.0]), torch.tensor([0.5, 0.0, 3.0])
    at_rest = torch.tensor([True, False, True])
    assert float(losses.bound(stable, perturbed, at_rest)) == pytest.approx(0.25)
    assert float(losses.bound(stable, perturbed, torch.zeros(3, dtype=torch.bool))) == 0.0


def test_perturbed_energies_are_those_of_moved_atoms(potential, batch):
    made = objective(potential)
    found = made.energy_at(batch, made.noise(batch, torch.Generator().manual_seed(5)))
    draw = torch.Generator().manual_seed(5)
    noise = 0.2 * torch.randn(batch.num_nodes, 3, generator=draw, dtype=torch.float64).numpy()
    first = 0
    for k in range(3):
        atoms = molecule(k)
        atoms.positions += noise[first : first + len(atoms)]
        first += len(atoms)
        assert found[k].item() == pytest.approx(float(compute(potential, atoms).energy), abs=1e-9)


def test_nothing_tells_the_element_of_a_hidden_atom(potential):
    """Embedding, electronegativity, basis, covalent radius: all read the hidden type."""
    atoms, other = molecule(), molecule()
    other.numbers[3] = 8 if atoms.numbers[3] != 8 else 6
    found = neighbors_of(atoms, potential.cutoff)
    logits = []
    for structure in (atoms, other):
        types = types_of(structure)
        types[3] = len(SPECIES)
        n = len(types)
        one = torch.zeros_like(types)
        edges = potential.model.edges(types, found.edge_index, found.vectors, n, one)
        logits.append(potential.model.element_logits(types, edges))
    assert torch.equal(logits[0], logits[1])
    shown = potential.edges(types_of(atoms), found.edge_index, found.vectors, n).shown
    assert not torch.allclose(logits[0], potential.model.element_logits(types_of(atoms), shown))


def test_masked_elements_is_a_cross_entropy_over_atomic_numbers():
    logits = torch.zeros(2, 64)
    assert float(losses.masked_elements(logits, torch.tensor([1, 64]))) == pytest.approx(np.log(64))
    logits[0, 0] = logits[1, 7] = 30.0
    assert float(losses.masked_elements(logits, torch.tensor([1, 8]))) == pytest.approx(
        0.0, abs=1e-8
    )


def test_the_same_seed_gives_the_same_loss_and_another_one_does_not(potential, batch):
    made = objective(potential)
    first, again, other = (
        {name: v.item() for name, v in made(batch, seed, create_graph=False)[1].items()}
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first["mask"] != other["mask"]


def test_conditions_looked_at_in_a_share_of_the_steps_have_the_same_mean(potential, batch):
    rare = objective(potential, zero_force={"weight": 0.3, "share_of_steps": 0.25})
    seen = [rare(batch, seed, create_graph=True)[1].get("zero_force") for seed in range(200)]
    _, always = objective(potential)(batch, 0, create_graph=False)
    _, validated = rare(batch, 0, create_graph=False)
    assert validated["zero_force"].item() == pytest.approx(always["zero_force"].item())
    values = [value.item() for value in seen if value is not None]
    assert values == pytest.approx([4.0 * always["zero_force"].item()] * len(values))
    assert 30 <= len(values) <= 70  # 50 +- 3 standard deviations


def test_gradient_of_the_objective_is_its_slope(potential, batch):
    """Second derivatives included: zero_force is differentiated through the forces."""
    made = objective(potential)
    parameter = potential.model.layers[0].distance_key.weight

    def total() -> torch.Tensor:
        return made.total(made(batch, 3, create_graph=True)[1])

    (slope,) = torch.autograd.grad(total(), parameter)
    step, ends = 1e-5, []
    for sign in (1, -1):
        with torch.no_grad():
            parameter[2, 1] += sign * step
        ends.append(total().item())
        with torch.no_grad():
            parameter[2, 1] -= sign * step
    assert slope[2, 1].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)


def test_structures_at_rest_without_force_labels_have_none(batch):
    assert float(batch.forces[batch.batch == 0].abs().max()) == 0.0
    assert bool(batch.forces[batch.batch == 1].isnan().all())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": {"zero_force": {"weight": 0.3}}}, "data.equilibrium is none"),
        ({"loss": {"mask": {"weight": 0.7}}}, "masking true"),
    ],
)
def test_conditions_that_cannot_be_met_are_refused(changes, message):
    values = {"name": "x", "model": {"name": "physrep"}, "data": {"files": ["a.xyz"]}, **changes}
    with pytest.raises(ConfigError, match=message):
        FitConfig.parse(values)
