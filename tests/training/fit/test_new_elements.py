"""start_from with elements that a checkpoint lacks: nothing is lost, new ones start sensibly."""

import numpy as np
import pytest
import torch
import yaml
from ase import Atoms
from systems import FORMS, SPECIES, make_checkpoint, molecule

from physrep.checkpoint import load_checkpoint, new_checkpoint, save_checkpoint
from physrep.cli.main import main
from physrep.io import Structure, write_npz
from physrep.potential import Potential
from physrep.prediction import Prediction, predict
from physrep_training.data.graphs import make_graph
from physrep_training.fit.new_elements import (
    add_elements,
    donors_of,
    group_of,
    new_elements_in_words,
    set_new_references,
)

pytestmark = [pytest.mark.case, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
S, CL = 16, 17
LAYOUTS = (
    "jat-gated-sum",
    "jat-published",
    "physrep",
    "physrep-adjacency",
    "neuralil",
    "neuralil-morse",
)


def compute(potential: Potential, atoms: Atoms) -> Prediction:
    structure = Structure(atoms.positions, atoms.numbers)
    graph = make_graph(structure, potential.species, potential.cutoff, potential.dtype)
    return predict(potential, graph.types, graph.edge_index, graph.vectors)


@pytest.mark.parametrize("form", LAYOUTS)
def test_structures_of_known_elements_keep_their_numbers(form):
    old = make_checkpoint(form)
    old.potential.shortest_distances.fill_(0.7)
    new = add_elements(old, [S, CL]).potential.eval()
    assert new.species == [*SPECIES, S, CL]
    for atoms in (molecule(0), molecule(1)):
        before, after = compute(old.potential, atoms), compute(new, atoms)
        assert float(after.energy) == pytest.approx(float(before.energy), abs=1e-10)
        np.testing.assert_allclose(after.forces, before.forces, atol=1e-10)
    n = len(SPECIES)
    np.testing.assert_array_equal(new.shortest_distances[:n, :n], 0.7)
    assert not new.shortest_distances[n:].any()  # no data yet, no guard


@pytest.mark.parametrize("form", ["jat-gated-sum", "jat-angular", "neuralil", "neuralil-morse"])
def test_a_new_element_starts_as_its_neighbour_in_the_group(form):
    """Sulfur for oxygen: the same but for the fixed repulsion, which is off here."""
    name, settings = FORMS[form]
    torch.manual_seed(3)
    repulsion = "morse" if form == "neuralil-morse" else "none"
    old = new_checkpoint(name, settings, SPECIES, repulsion)
    old.potential.set_dtype(torch.float64)
    new = add_elements(old, [S]).potential.eval()
    oxygen = molecule(0)
    sulfur = oxygen.copy()
    sulfur.numbers[np.flatnonzero(oxygen.numbers == 8)[:1]] = S  # one of several: O-S pairs too
    assert (sulfur.numbers == 8).any() and (sulfur.numbers == S).any()
    before, after = compute(old.potential.eval(), oxygen), compute(new, sulfur)
    np.testing.assert_allclose(after.forces, before.forces, atol=1e-9)


def test_groups_and_donors():
    groups = {"H": 0, "He": 18, "Li": 1, "B": 13, "F": 17, "P": 15, "Fe": 8, "Zn": 12, "Ba": 2}
    groups |= {"La": 0, "Lu": 3, "Hf": 4, "Bi": 15}
    assert {symbol: group_of(Atoms(symbol).numbers[0]) for symbol in groups} == groups
    assert donors_of(CL, [6, 1, 9, 35]) == [9]
    assert donors_of(53, [6, 1, 9, 35]) == [35]
    assert donors_of(3, [6, 1, 8]) == [6, 1, 8]  # lithium is not like hydrogen
    said = new_elements_in_words(make_checkpoint().potential, [S, 3])
    assert said == (
        "start_from knows C H N O; added: S (starts from O), Li (starts from the mean of all)"
    )


def labelled(potential, seed: int, energy_of_sulfur: float) -> Structure:
    """A molecule in which oxygen became sulfur, worth that much more."""
    atoms = molecule(seed)
    numbers = np.where(atoms.numbers == 8, S, atoms.numbers)
    energy = float(compute(potential, Atoms(numbers, atoms.positions)).energy)
    energy += energy_of_sulfur * int((numbers == S).sum())
    return Structure(atoms.positions, numbers, energy=energy, forces=np.zeros((len(atoms), 3)))


def test_reference_energies_of_new_elements():
    potential = add_elements(make_checkpoint(), [S]).potential.eval()
    frames = [labelled(potential, seed, -300.0) for seed in range(3)]
    before = potential.shift.clone()
    set_new_references(potential, [S], frames, None)
    assert potential.reference_energies.tolist() == pytest.approx([-48, -10, -70, -100, -300])
    np.testing.assert_array_equal(potential.shift, before)
    # With the isolated atom known, its energy is the reference and the shift takes the rest.
    potential.reference_energies[-1] = 0.0
    set_new_references(potential, [S], frames, {S: -290.0, 6: 0.0})
    assert potential.reference_energies.tolist() == [-48, -10, -70, -100, -290]
    assert float(potential.shift[-1]) < float(before[-1])
    np.testing.assert_array_equal(potential.shift[:-1], before[:-1])


def test_a_fit_adds_the_elements_of_its_data(tmp_path, capsys):
    start = make_checkpoint(dtype=torch.float32)
    start.potential.shortest_distances.fill_(0.3)
    save_checkpoint(start, tmp_path / "start.ckpt")
    wide = add_elements(make_checkpoint(), [S]).potential.eval()
    write_npz(tmp_path / "data.npz", [labelled(wide, seed, -300.0) for seed in range(8)])
    values = {
        "name": "wider",
        "output": str(tmp_path / "run"),
        "start_from": str(tmp_path / "start.ckpt"),
        "model": {"name": "jat"},
        "data": {
            "files": [str(tmp_path / "data.npz")],
            "split": {"method": "random", "validation": 0.0, "test": 0.25},
        },
        "run": {"epochs": 1, "threads": 1, "device": "cpu"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    assert main(["fit", str(tmp_path / "config.yaml")]) == 0
    assert "fit: start_from knows C H N O; added: S (starts from O)" in capsys.readouterr().err
    potential = load_checkpoint(tmp_path / "run" / "best.ckpt").potential
    assert potential.symbols == ["C", "H", "N", "O", "S"]
    assert float(potential.reference_energies[-1]) == pytest.approx(-300.0, abs=1.0)
    assert float(potential.shortest_distances[-1, 0]) > 0.5  # of the training data
    np.testing.assert_array_equal(potential.shortest_distances[:4, :4], 0.3)  # known before
