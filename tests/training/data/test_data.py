"""Splits that do not leak, references that mean what they say, graphs that equal the structures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from physrep.checkpoint import new_checkpoint
from physrep.config import ConfigError
from physrep.io import DataError, Structure
from physrep_training.data import graphs
from physrep_training.data.data_config import SplitConfig
from physrep_training.data.graphs import (
    EpochSampler,
    check_labels,
    edges_of,
    make_graph,
    species_of,
)
from physrep_training.data.references import isolated_atom_energies, set_references
from physrep_training.data.splits import save_split, split_structures


def structure(numbers, energy=None, name="a", frame=0, seed=0) -> Structure:
    positions = np.random.default_rng(seed).uniform(0, 5, size=(len(numbers), 3))
    return Structure(
        positions=positions,
        species=np.array(numbers),
        cell=np.eye(3) * 6,
        pbc=True,
        energy=energy,
        forces=np.zeros((len(numbers), 3)),
        info={"trajectory": name},
        frame=frame,
    )


@pytest.fixture(name="frames")
def _frames():
    return [structure([1, 8], name=n, frame=k, seed=k) for n in "ab" for k in range(40)]


def test_time_blocks_are_contiguous_with_gaps(frames):
    split = split_structures(frames, SplitConfig(validation=0.1, test=0.2, gap=3), seed=0)
    for name in "ab":
        times = {
            part: [frames[i].frame for i in split[part] if frames[i].info["trajectory"] == name]
            for part in split
        }
        assert times["test"] == list(range(32, 40))
        assert max(times["validation"]) == 32 - 1 - 3
        assert max(times["train"]) == min(times["validation"]) - 1 - 3
    assert not set(split["train"]) & set(split["test"])


def test_whole_trajectories_are_kept_apart(frames):
    config = SplitConfig(method="trajectory", test_names=["b"], validation=0.0, test=0.1)
    split = split_structures(frames, config, seed=0)
    assert {frames[i].info["trajectory"] for i in split["test"]} == {"b"}
    assert {frames[i].info["trajectory"] for i in split["train"]} == {"a"}
    with pytest.raises(ConfigError, match="no trajectory 'c'; there are a, b"):
        split_structures(frames, SplitConfig(method="trajectory", test_names=["c"]), seed=0)


def test_whole_groups_are_kept_apart(frames):
    for k, frame in enumerate(frames):
        frame.info["reaction"] = k // 4
    config = SplitConfig(method="groups", group_key="reaction", validation=0.1, test=0.25)
    split = split_structures(frames, config, seed=0)
    groups = {part: {frames[i].info["reaction"] for i in split[part]} for part in split}
    assert [len(groups[part]) for part in ("train", "validation", "test")] == [13, 2, 5]
    assert len(set.union(*groups.values())) == 20
    assert split["test"] != split_structures(frames, config, seed=1)["test"]
    with pytest.raises(ConfigError, match="group_key = 'path': frame 0 of memory has no such key"):
        split_structures(frames, SplitConfig(method="groups", group_key="path"), seed=0)


def test_too_little_data_is_said(frames):
    with pytest.raises(ConfigError, match="leaves no"):
        split_structures(frames[:3], SplitConfig(gap=5), seed=0)


@pytest.mark.parametrize("seed", range(8))
def test_the_only_structure_of_an_element_is_trained_on(frames, seed):
    frames[17] = structure([1, 9])
    config = SplitConfig(method="random", validation=0.3, test=0.3)
    split = split_structures(frames, config, seed)
    assert 17 in split["train"]
    assert sorted(k for part in split.values() for k in part) == list(range(len(frames)))


def test_split_is_saved_by_file_and_frame(frames, tmp_path):
    split = split_structures(frames, SplitConfig(), seed=0)
    save_split(split, frames, tmp_path / "split.json")
    saved = json.loads((tmp_path / "split.json").read_text())
    assert saved["test"][0] == ["memory", frames[split["test"][0]].frame]


def test_missing_labels_are_found_before_the_fit(frames):
    with pytest.raises(DataError, match=r"has no energy, but the loss gives energy the weight 1"):
        check_labels(frames, {"energy": 1.0, "forces": 1.0})
    check_labels(frames, {"energy": 0.0, "forces": 1.0})


def test_graph_holds_the_structure():
    graph = make_graph(structure([8, 1, 6], energy=-3.0), [6, 1, 8], 4.0, torch.float64)
    assert graph.types.tolist() == [2, 1, 0]
    assert float(graph.energy) == -3.0
    assert bool(torch.isnan(graph.virial).all())  # absent labels are never zero
    with pytest.raises(DataError, match="atomic number 8"):
        make_graph(structure([8, 1]), [6, 1], 4.0, torch.float64)


def test_species_are_ordered_as_chemists_do():
    assert species_of([structure([8, 7, 1]), structure([6, 1])]) == [6, 1, 7, 8]


def test_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    a, b = EpochSampler(20, seed=1), EpochSampler(20, seed=1)
    for _ in range(3):
        list(a)  # drawing does not change later epochs
    a.set_epoch(5)
    b.set_epoch(5)
    assert list(a) == list(b)
    b.set_epoch(6)
    assert list(a) != list(b)


def test_references_from_compositions_of_full_rank():
    potential = new_checkpoint("jat", {"n_layers": 1}, [1, 8]).potential
    true = {1: -3.0, 8: -50.0}
    frames = [structure(c, sum(true[z] for z in c)) for c in ([1, 8], [1, 1, 8], [8, 8, 1])]
    set_references(potential, frames, None)
    np.testing.assert_allclose(potential.reference_energies, [-3.0, -50.0], atol=1e-9)
    set_references(potential, frames, None, scale=0.7)
    assert float(potential.scale) == pytest.approx(0.7)


def test_references_of_rank_one_warn():
    potential = new_checkpoint("jat", {"n_layers": 1}, [1, 8]).potential
    frames = [structure([1, 8], -53.0)] * 3
    with pytest.warns(UserWarning, match="rank 1 for 2 elements"):
        set_references(potential, frames, None)
    assert float(potential.reference_energies.sum()) == pytest.approx(-53.0)


def test_isolated_atoms_leave_the_cohesive_energy_to_the_shift(tmp_path):
    path = tmp_path / "atoms.json"
    path.write_text(json.dumps({"unit": "eV", "energies": {"H": -10.0, "O": -100.0}}))
    potential = new_checkpoint("jat", {"n_layers": 1}, [1, 8]).potential
    set_references(potential, [structure([1, 1, 8], -126.0)] * 2, path)
    assert potential.reference_energies.tolist() == [-10.0, -100.0]
    assert float(potential.shift @ torch.tensor([2.0, 1.0]).double()) == pytest.approx(-6.0)
    path.write_text(json.dumps({"unit": "eV", "energies": {"H": -10.0}}))
    with pytest.raises(ConfigError, match="no energy for O"):
        set_references(potential, [structure([1, 1, 8], -126.0)], path)


def test_isolated_atoms_may_be_structures(tmp_path):
    path = tmp_path / "atoms.xyz"
    atoms = [Atoms("H"), Atoms("O")]
    for atom, energy in zip(atoms, (-10.0, -100.0), strict=True):
        atom.calc = SinglePointCalculator(atom, energy=energy)
    write(path, atoms, format="extxyz")
    assert isolated_atom_energies(path, [8, 1]).tolist() == [-100.0, -10.0]
    write(path, Atoms("H2", positions=np.eye(3)[:2], calculator=atoms[0].calc), format="extxyz")
    with pytest.raises(ConfigError, match="structure 0 has 2 atoms"):
        isolated_atom_energies(path, [1])


def test_parts_that_the_frames_state():
    names = ["test", "train", "validation", "train"] * 5
    frames = [
        replace(structure([1, 8]), info={"part": name}, frame=k) for k, name in enumerate(names)
    ]
    split = split_structures(frames, SplitConfig(method="stated"), seed=0)
    assert {part: sorted(split[part]) for part in split} == {
        part: [k for k, name in enumerate(names) if name == part] for part in split
    }
    # The first of the training part stand for all of it.
    assert split["train"] != sorted(split["train"])
    assert split == split_structures(frames, SplitConfig(method="stated"), seed=0)
    for info, found in (({}, "None"), ({"part": "Test"}, "'Test'")):
        odd = [*frames, replace(structure([1, 8]), info=info, frame=20)]
        with pytest.raises(ConfigError, match=f"frame 20 of memory has part = {found}; every"):
            split_structures(odd, SplitConfig(method="stated"), seed=0)


@pytest.mark.parametrize("n_atoms", [1, 2, 30])
def test_small_isolated_structures_have_the_edges_of_bins(n_atoms, monkeypatch):
    positions = np.random.default_rng(n_atoms).uniform(0, 6, size=(n_atoms, 3))
    alone = Structure(positions, np.full(n_atoms, 1))
    found = edges_of(alone, 3.0)
    monkeypatch.setattr(graphs, "ALL_PAIRS", 0)
    expected = edges_of(alone, 3.0)
    assert (found[0][0].diff() >= 0).all()  # sorted by centre
    for pairs in (found, expected):
        assert pairs[0].dtype == torch.int64 and pairs[1].dtype == torch.float64
    rows = [
        sorted(zip(index.T.tolist(), vectors.tolist(), strict=True))
        for index, vectors in (found, expected)
    ]
    assert [pair for pair, _ in rows[0]] == [pair for pair, _ in rows[1]]
    if rows[1]:
        apart = [np.array([vector for _, vector in one]) for one in rows]
        np.testing.assert_allclose(apart[0], apart[1], atol=1e-12)


def test_positions_that_are_not_finite_have_no_edges():
    with pytest.raises(ValueError, match="positions hold NaN or infinity"):
        edges_of(Structure([[0.0, 0.0, np.nan], [0.0, 0.0, 1.0]], [1, 1]), 3.0)
