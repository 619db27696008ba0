"""Baselines: equal to the library's own forward, and physics as far as the published forms keep it.

torch_geometric's DimeNet++ needs torch_sparse for its triplets, so its forward cannot run here. Its
blocks are used as they are; compared are the triplets with an enumeration of all triples, the basis
with torch_geometric's formulas, and the blocks' order with its forward fed by that enumeration.
"""

import itertools
from functools import partial

import numpy as np
import pytest
import torch
from ase import Atoms
from repository import REPOSITORY
from systems import SPECIES, compute, force_by_difference, liquid, molecule, neighbors_of, types_of
from torch_geometric.nn.models import dimenet as library
from torch_geometric.nn.models import schnet as schnet_library

from physrep.checkpoint import Checkpoint, load_checkpoint, new_checkpoint, save_checkpoint
from physrep.cli.main import main
from physrep.config import ConfigError
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.engines.metadata import ExportError
from physrep.io import Structure, write_npz
from physrep.models import MODELS
from physrep.potential import Potential
from physrep_training.baselines.dimenet import DimeNetPlusPlus, SphericalBasis, triplets
from physrep_training.fit.fit_config import load_config
from physrep_training.fit.fitting import fit

DIMENET = {
    "n_layers": 2,
    "features": 16,
    "interaction_features": 8,
    "output_features": 16,
    "n_spherical": 3,
    "n_radial": 2,
}
SMALL = {
    "schnet": {"n_layers": 2, "features": 16, "filters": 16, "n_gaussians": 12},
    "dimenet++": DIMENET,
    "cgcnn": {"n_layers": 2, "features": 16, "hidden": 16},
    "torchmd-et": {"n_layers": 2, "features": 16, "heads": 4, "n_basis": 8},
}
CUTOFF = 3.5
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def make(name: str, dtype: torch.dtype = torch.float64) -> Checkpoint:
    if name == "torchmd-et":
        pytest.importorskip("torchmdnet", exc_type=ImportError)
    torch.manual_seed(5)
    checkpoint = new_checkpoint(name, {**SMALL[name], "cutoff": CUTOFF}, SPECIES, "none")
    potential = checkpoint.potential.eval()
    potential.reference_energies.copy_(torch.tensor([-48.0, -10.0, -70.0, -100.0]))
    if name == "dimenet++":  # its last weights start at 0: no energy at all
        for block in potential.model.outputs:
            torch.nn.init.normal_(block.lin.weight, std=0.5)
    if name == "torchmd-et":  # without these, which start at 0, nothing jumps at the cutoff
        for layer in potential.model.net.attention_layers:
            torch.nn.init.normal_(layer.dv_proj.bias)
    potential.set_dtype(dtype)
    return checkpoint


@pytest.fixture(params=SMALL, name="name", scope="module")
def _name(request) -> str:
    return request.param


@pytest.fixture(name="potential", scope="module")
def _potential(name) -> Potential:
    return make(name).potential


def energy(potential: Potential, atoms: Atoms) -> float:
    return float(compute(potential, atoms).energy)


def test_rotation_translation_permutation(potential):
    atoms, moved = liquid(), liquid()
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    moved.set_cell(atoms.cell.array @ q)
    moved.positions = atoms.positions @ q + [3.0, -1.0, 0.5]
    order = np.random.default_rng(1).permutation(len(atoms))
    a, b = compute(potential, atoms), compute(potential, moved[order])
    assert float(abs(a.energy - b.energy)) < 1e-9
    np.testing.assert_allclose((a.forces.numpy() @ q)[order], b.forces, atol=1e-9)


@pytest.mark.parametrize("system", [liquid, molecule])
def test_forces_are_minus_the_gradient(potential, system):
    forces = compute(potential, system()).forces.numpy()
    assert np.abs(forces).max() > 1e-3
    step = 1e-4  # A
    for index, axis in [(0, 0), (5, 1), (9, 2)]:
        expected = force_by_difference(partial(energy, potential), system(), index, axis, step)
        # Error of the difference: step^2 times the third derivative.
        assert forces[index, axis] == pytest.approx(expected, abs=2e-5)


def test_energy_is_size_extensive(potential):
    atoms, other = molecule(0), molecule(1)
    other.positions += 50.0
    apart = energy(potential, atoms) + energy(potential, other)
    assert energy(potential, atoms + other) == pytest.approx(apart, abs=1e-9)
    cell = liquid()
    assert energy(potential, cell * (2, 1, 1)) == pytest.approx(2 * energy(potential, cell))


def test_isolated_atom_has_its_reference_energy_unless_published(potential):
    found = energy(potential, Atoms("N", positions=[[0.0, 0.0, 0.0]]))
    if potential.published:
        assert np.isfinite(found)
    else:
        assert found == pytest.approx(-70.0, abs=1e-12)


def test_energy_jumps_at_the_cutoff_only_where_published(potential):
    def at(d: float) -> float:
        return energy(potential, Atoms("ONH", positions=[[0, 0, 0], [d, 0, 0], [0.4, 1.1, 0]]))

    jump = abs(at(CUTOFF + 1e-9) - at(CUTOFF - 1e-9))
    assert jump > 1e-5 if potential.published else jump < 1e-9


# The last two: all angles 0 or pi, where an angle has no derivative, and one bent.
TINY = {
    "bent": Atoms("OHH", positions=[[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0.1]]),
    "linear": Atoms("HCCH", positions=[[-1.66, 0, 0], [-0.6, 0, 0], [0.6, 0, 0], [1.66, 0, 0]]),
}


@pytest.mark.parametrize("atoms", TINY.values(), ids=TINY)
def test_second_derivatives(potential, atoms):
    """A loss of forces needs them; also in linear molecules."""
    found = neighbors_of(atoms, CUTOFF)
    edge_index = found.edge_index
    types = types_of(atoms)

    def total(positions: torch.Tensor) -> torch.Tensor:
        vectors = positions[edge_index[1]] - positions[edge_index[0]]
        return potential(types, edge_index, vectors).atomic.sum()

    positions = torch.from_numpy(atoms.positions).requires_grad_(True)
    torch.autograd.gradcheck(total, positions, atol=1e-6)
    torch.autograd.gradgradcheck(total, positions, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("atoms", TINY.values(), ids=TINY)
def test_loss_of_forces_has_gradients_for_all_parameters(name, atoms):
    potential = make(name, torch.float32).potential.train()
    found = neighbors_of(atoms, CUTOFF)
    vectors = found.vectors.float().requires_grad_(True)
    value = potential(types_of(atoms), found.edge_index, vectors).atomic.sum()
    (slope,) = torch.autograd.grad(value, vectors, create_graph=True)
    (slope**2).sum().backward()
    gradients = [p.grad for p in potential.parameters() if p.grad is not None]
    assert all(bool(g.isfinite().all()) for g in gradients)
    assert any(bool((g != 0).any()) for g in gradients)


def test_schnet_equals_torch_geometric():
    potential = make("schnet").potential
    atoms = molecule()
    found = neighbors_of(atoms, CUTOFF)
    net = potential.model.net
    graph = found.edge_index.flip(0), found.distances
    net.interaction_graph.forward = lambda positions, batch: graph
    expected = net(torch.from_numpy(atoms.numbers), torch.from_numpy(atoms.positions))
    edges = potential.edges(types_of(atoms), found.edge_index, found.vectors, len(atoms))
    h = potential.embed(types_of(atoms), edges)
    for k in range(potential.n_layers):
        h = potential.step(k, h, edges)
    mine = potential.model.readout(h, types_of(atoms), edges.shown).sum()
    assert isinstance(net, schnet_library.SchNet)
    assert mine.item() == pytest.approx(expected.item(), abs=1e-12)


def all_triplets(found) -> set[tuple[int, int]]:
    """Pairs of edges (j, k), (i, j) by trying all, without the way back."""
    pairs = set()
    (i, j), s = found.edge_index.tolist(), found.shifts
    for ji, kj in itertools.product(range(len(i)), repeat=2):
        if i[kj] == j[ji] and not (j[kj] == i[ji] and bool((s[ji] + s[kj] == 0).all())):
            pairs.add((kj, ji))
    return pairs


@pytest.mark.parametrize("system", [liquid, molecule])
def test_triplets_are_all_there(system):
    potential = make("dimenet++").potential
    atoms = system()
    found = neighbors_of(atoms, CUTOFF)
    edges = potential.edges(types_of(atoms), found.edge_index, found.vectors, len(atoms))
    kj, ji = triplets(edges.shown)
    made = list(zip(kj.tolist(), ji.tolist(), strict=True))
    assert len(made) == len(set(made))
    assert set(made) == all_triplets(found)


@pytest.fixture(name="library_net", scope="module")
def _library_net() -> library.DimeNetPlusPlus:
    """With the settings of DIMENET; more functions would take long to derive."""
    return library.DimeNetPlusPlus(16, 1, 2, 8, 8, 16, 3, 2, CUTOFF).double()


def test_dimenet_basis_equals_torch_geometric(library_net):
    mine, theirs = SphericalBasis(3, 2, CUTOFF, 5), library_net.sbf
    distances = torch.linspace(0.7, 3.4, 9, dtype=torch.float64)
    angles = torch.linspace(0.0, np.pi, 9, dtype=torch.float64)
    kj = torch.arange(9)
    expected = theirs(distances, angles, kj)
    # torch_geometric rounds the roots of j_l to float32.
    np.testing.assert_allclose(mine(distances, torch.cos(angles), kj), expected, rtol=0, atol=2e-5)


def test_dimenet_equals_torch_geometric(library_net, monkeypatch):
    """Its forward, with the two functions that need compiled packages replaced."""
    potential = make("dimenet++").potential
    model: DimeNetPlusPlus = potential.model
    net = library_net
    for ours, theirs in (
        (model.distance_basis, net.rbf),
        (model.start, net.emb),
        (model.interactions, net.interaction_blocks),
        (model.outputs, net.output_blocks),
    ):
        theirs.load_state_dict(ours.state_dict())
    atoms = molecule()
    found = neighbors_of(atoms, CUTOFF)
    i, j = found.edge_index

    def made_triplets(edge_index, num_nodes):
        kj, ji = torch.tensor(sorted(all_triplets(found))).T
        return i, j, i[ji], j[ji], j[kj], kj, ji

    monkeypatch.setattr(library, "radius_graph", lambda *args, **kwargs: found.edge_index.flip(0))
    monkeypatch.setattr(library, "triplets", made_triplets)
    expected = net(torch.from_numpy(atoms.numbers), torch.from_numpy(atoms.positions))
    types = types_of(atoms)
    edges = potential.edges(types, found.edge_index, found.vectors, len(atoms))
    mine = model.readout(potential.embed(types, edges), types, edges.shown).sum()
    # The basis differs by torch_geometric's rounded roots, see above.
    assert mine.item() == pytest.approx(expected.item(), rel=1e-5)


def test_torchmd_equals_its_package():
    potential = make("torchmd-et").potential
    model = potential.model
    atoms = molecule()
    found = neighbors_of(atoms, CUTOFF)
    loops = torch.arange(len(atoms)).expand(2, -1)
    index = torch.cat([found.edge_index.flip(0), loops], dim=1)
    distances = torch.cat([found.distances, torch.zeros(len(atoms), dtype=torch.float64)])
    vectors = torch.cat([found.vectors, torch.zeros(len(atoms), 3, dtype=torch.float64)])
    model.net.distance.forward = lambda *args: (index, distances, vectors)
    z, positions = torch.from_numpy(atoms.numbers), torch.from_numpy(atoms.positions)
    x, v, *_ = model.net(z, positions, torch.zeros_like(z))
    expected = model.output.pre_reduce(x, v, z, positions, None).sum()
    types = types_of(atoms)
    edges = potential.edges(types, found.edge_index, found.vectors, len(atoms))
    h = potential.embed(types, edges)
    for k in range(potential.n_layers):
        h = potential.step(k, h, edges)
    mine = model.readout(h, types, edges.shown).sum()
    assert mine.item() == pytest.approx(expected.item(), abs=1e-10)


def test_checkpoint_runs_in_ase_and_is_not_exported(name, tmp_path):
    checkpoint = make(name)
    save_checkpoint(checkpoint, tmp_path / "a.ckpt")
    loaded = load_checkpoint(tmp_path / "a.ckpt")
    atoms = molecule()
    a, b = compute(checkpoint.potential, atoms), compute(loaded.potential, atoms)
    assert torch.equal(a.forces, b.forces)
    atoms.calc = PhysRepCalculator(tmp_path / "a.ckpt", device="cpu")
    assert atoms.get_potential_energy() == pytest.approx(float(a.energy), abs=1e-10)
    np.testing.assert_allclose(atoms.get_forces(), a.forces, atol=1e-10)
    with pytest.raises(ExportError, match=r"baselines are for comparison.*cannot be exported"):
        export_potential(loaded, tmp_path / "a.pt")
    assert not (tmp_path / "a.pt").exists()


def test_plain_physrep_says_what_reads_a_baseline(tmp_path, monkeypatch, capsys):
    path = tmp_path / "a.ckpt"
    save_checkpoint(make("cgcnn"), path)
    monkeypatch.delitem(MODELS, "cgcnn")  # as where physrep_training was never imported
    assert main(["export", str(path), "-o", str(tmp_path / "a.pt")]) == 2
    said = capsys.readouterr().err
    assert "baselines are for comparison and cannot be exported" in said
    assert "import physrep_training" in said


def test_element_beyond_the_table_is_refused():
    with pytest.raises(ConfigError, match=r"atomic numbers below 95, not 96 \(Cm\)"):
        new_checkpoint("dimenet++", {}, [6, 96])


def test_one_epoch_of_a_fit(name, tmp_path):
    teacher = make("schnet").potential
    frames = []
    for k in range(20):
        atoms = molecule(k)[: 6 + k % 4]  # compositions of full rank
        label = float(compute(teacher, atoms).energy)
        frames.append(Structure(atoms.positions, atoms.numbers, energy=label))
    write_npz(tmp_path / "data.npz", frames)
    stem = {"dimenet++": "dimenet", "torchmd-et": "schnet"}.get(name, name)
    make(name)  # skips where its package is absent
    overrides = [
        f"output={tmp_path}/run",
        f"data={{files: [{tmp_path}/data.npz], split: {{method: random, validation: 0.2}}}}",
        f"model={{name: {name}, cutoff: {CUTOFF}, "
        + ", ".join(f"{key}: {value}" for key, value in SMALL[name].items())
        + "}",
        "run.epochs=1",
        "run.batch_size=4",
        "run.device=cpu",
    ]
    path = REPOSITORY / "training" / "configs" / "reliability" / f"{stem}_qm9.yaml"
    best = load_checkpoint(fit(load_config(path, overrides)))
    assert best.model_name == name
    assert np.isfinite(best.training["errors"]["energy_mae_mev_per_atom"])
