"""The ASE calculator where Python copies it: pickle, deepcopy, other processes."""

import copy
import multiprocessing
import pickle
import shutil

import numpy as np
import pytest
import torch
from ean_systems import SYSTEMS

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.metadata import ExportError

KINDS = ["ckpt", "pt"]
SECONDS = 200  # for a busy machine to start a process; a hang would be for ever


@pytest.fixture(name="calculator", params=KINDS)
def _calculator(request, exports):
    return PhysRepCalculator(exports.ckpt() if request.param == "ckpt" else exports.pt(None))


def answer(queue, atoms):
    queue.put((atoms.get_potential_energy(), atoms.get_forces()))


@pytest.mark.case
def test_pickles_with_its_results(calculator):
    atoms = SYSTEMS["pair"]()
    atoms.calc = calculator
    energy = atoms.get_potential_energy()
    again = pickle.loads(pickle.dumps(atoms))
    assert again.calc.results["energy"] == energy
    again.rattle(0.01, seed=1)
    atoms.rattle(0.01, seed=1)
    assert atoms.get_potential_energy() != energy
    # Round-off: TorchScript compiles anew after the first calls of a module.
    assert again.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
    np.testing.assert_allclose(again.get_forces(), atoms.get_forces(), atol=1e-12)


@pytest.mark.case
def test_copies_are_independent_but_share_the_potential(calculator):
    atoms = SYSTEMS["pair"]()
    atoms.calc = calculator
    energy = atoms.get_potential_energy()
    other = copy.deepcopy(atoms)
    assert other.calc is not calculator
    assert other.calc.potential is calculator.potential
    other.rattle(0.01, seed=1)
    assert other.get_potential_energy() != energy
    assert atoms.calc.results["energy"] == energy


@pytest.mark.case
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_works_in_another_process(exports, method, monkeypatch):
    """The parent has computed with two threads, which do not live in a forked child."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        atoms = SYSTEMS["box"]()
        atoms.calc = PhysRepCalculator(exports.pt(None))
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc.reset()
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        process = context.Process(target=answer, args=(queue, atoms))
        process.start()
        try:
            there = queue.get(timeout=SECONDS)
        finally:
            process.terminate()
            process.join()
    finally:
        torch.set_num_threads(before)
    assert there[0] == pytest.approx(energy, abs=1e-9)
    np.testing.assert_allclose(there[1], forces, atol=1e-10)  # round-off of sums


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_changed_or_went_is_refused(exports, tmp_path, kind):
    path = tmp_path / f"model.{kind}"
    shutil.copy(exports.ckpt() if kind == "ckpt" else exports.pt(None), path)
    kept = pickle.dumps(PhysRepCalculator(path))
    pickle.loads(kept)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ExportError, match=f"model.{kind}: .* has changed since .*make the calc"):
        pickle.loads(kept)
    path.unlink()
    with pytest.raises(ExportError, match=f"model.{kind}: .* is not here; bring the file back"):
        pickle.loads(kept)


def test_a_relative_path_is_found_from_another_folder(exports, tmp_path, monkeypatch):
    shutil.copy(exports.pt(None), tmp_path / "model.pt")
    monkeypatch.chdir(tmp_path)
    kept = pickle.dumps(PhysRepCalculator("model.pt"))
    monkeypatch.chdir("/")
    assert pickle.loads(kept).potential.path == tmp_path / "model.pt"


def test_a_pickle_keeps_precision(exports):
    again = pickle.loads(pickle.dumps(PhysRepCalculator(exports.ckpt(), dtype="float32")))
    assert again.potential.dtype == "float32"
