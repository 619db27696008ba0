"""Perturbed frames: what is asked for moves, all else stays."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from full_disk import files_of_at_most
from repository import REPOSITORY

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.named_pieces import ions_in
from physrep.cli.main import main
from physrep.config import ConfigError
from physrep_training.labels.perturbed import Perturbations, perturbed

BOX = REPOSITORY / "md_examples" / "ean.pdb"


@pytest.fixture(name="box", scope="module")
def _box() -> Atoms:
    return ase.io.read(BOX)


def frames(start: Atoms, seed: int = 0, **wanted) -> list[Atoms]:
    return list(perturbed(start, Perturbations(**wanted), np.random.default_rng(seed)))


def distances(atoms: Atoms) -> np.ndarray:
    return atoms.get_all_distances(mic=True)


def test_displacements_have_the_size_asked_for(box):
    small, large = frames(box, displace=(0.05, 0.1))
    for atoms, size in ((small, 0.05), (large, 0.1)):
        whole = frames(box, scale=(1.0,))[0]
        moved = atoms.positions - whole.positions
        assert moved.std() == pytest.approx(size, rel=0.1)  # 675 numbers: 2.7 % is one sigma
        assert atoms.info == {"kind": "displaced", "displaced": size}


def test_a_stretched_bond_takes_its_side_along(box):
    made = frames(box, stretch=(7, 1), lengths=(0.9, 1.3, 1.8))
    start = distances(box)
    for atoms, length in zip(made, (0.9, 1.3, 1.8), strict=True):
        now = distances(atoms)
        changed = np.abs(now - start) > 1e-6
        hydrogen = np.argmax(changed.sum(axis=1))
        changed[hydrogen] = changed[:, hydrogen] = False
        assert not changed.any()  # one atom has moved
        nitrogen = np.argmin(np.where(box.numbers == 7, start[hydrogen], np.inf))
        assert box.numbers[hydrogen] == 1
        assert now[hydrogen, nitrogen] == pytest.approx(length)


def test_a_stretched_c_c_bond_keeps_both_sides():
    ethanol = molecule("CH3CH2OH")
    (atoms,) = frames(ethanol, stretch=(6, 6), lengths=(2.0,))
    assert atoms.get_distance(*np.flatnonzero(ethanol.numbers == 6)) == pytest.approx(2.0)
    pairs = find_bonds(ethanol.positions, ethanol.numbers, np.zeros((3, 3)), ethanol.pbc).pairs
    kept = [(i, j) for i, j in pairs if ethanol.numbers[i] != 6 or ethanol.numbers[j] != 6]
    for i, j in kept:
        assert atoms.get_distance(i, j) == pytest.approx(ethanol.get_distance(i, j))


def test_a_proton_goes_over(box):
    start, middle, end = frames(box, transfer=(0.0, 0.5, 1.0))
    cell, pbc = box.cell.array, box.pbc
    found = ions_in(end.numbers, end.positions, cell, pbc)
    assert found == {"C2H8N+": 1, "NO3-": -1}  # fourteen pairs are left
    moved = np.flatnonzero(np.abs(end.positions - start.positions).max(axis=1) > 1e-9)
    assert len(moved) == 1 and box.numbers[moved[0]] == 1
    oxygens = np.flatnonzero(box.numbers == 8)
    nearest = [atoms.get_distances(moved[0], oxygens, mic=True).min() for atoms in (start, end)]
    assert nearest[1] == pytest.approx(0.66 + 0.31, abs=0.02)  # covalent radii of O and H
    assert nearest[0] > 1.4
    both = (start.positions[moved] + end.positions[moved]) / 2
    np.testing.assert_allclose(middle.positions[moved], both, atol=1e-9)


def test_volumes_keep_the_molecules(box):
    pairs = find_bonds(box.positions, box.numbers, box.cell.array, box.pbc).pairs
    start = distances(box)[tuple(pairs.T)]
    for atoms, factor in zip(frames(box, scale=(0.95, 1.05)), (0.95, 1.05), strict=True):
        assert atoms.cell.volume == pytest.approx(box.cell.volume * factor**3)
        np.testing.assert_allclose(distances(atoms)[tuple(pairs.T)], start, atol=1e-9)


def test_charge_is_kept_and_the_seed_chooses(box):
    ion = molecule("CH3OH")
    ion.info["charge"] = 1
    assert frames(ion, displace=(0.1,))[0].info["charge"] == 1
    again = [frames(box, seed, transfer=(1.0,))[0].positions for seed in (0, 0, 1)]
    np.testing.assert_array_equal(again[0], again[1])
    assert np.abs(again[0] - again[2]).max() > 0.5


@pytest.mark.parametrize(
    ("start", "wanted", "said"),
    [
        ("CH3OH", {"stretch": (7, 1), "lengths": (1.0,)}, "--stretch N-H: a frame .* has no such"),
        ("C6H6", {"stretch": (6, 6), "lengths": (1.0,)}, "outside a ring"),
        ("CH4", {"transfer": (0.5,)}, "--transfer: a frame .* has no proton"),
        ("CH4", {"scale": (0.9,)}, "--scale changes the volume of a cell"),
    ],
)
def test_frames_that_do_not_have_it(start, wanted, said):
    with pytest.raises(ConfigError, match=said):
        frames(molecule(start), **wanted)


def test_the_verb(tmp_path, capsys):
    path = tmp_path / "new.extxyz"
    words = ["--displace", "0.05", "--stretch", "N-H", "--lengths", "1:1.2:0.1", "--scale", "0.98"]
    assert main(["perturb", str(BOX), *words, "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"perturb: 5 frames in {path}\n"
    kinds = [atoms.info["kind"] for atoms in ase.io.read(path, ":")]
    assert kinds == ["displaced", "stretched", "stretched", "stretched", "scaled"]
    with files_of_at_most(100):
        assert main(["perturb", str(BOX), *words, "-o", str(tmp_path / "b.extxyz")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to do: give --displace"),
        (["--stretch", "N-H"], "--stretch and --lengths go together"),
        (["--lengths", "1"], "--stretch and --lengths go together"),
        (["--stretch", "N-Xx", "--lengths", "1"], "--stretch N-Xx: give two elements"),
        (["--displace", "much"], "--displace much: 'much' is not numbers, as in 1,2,3"),
        (["--displace", "-0.1"], "--displace -0.1: must be above 0"),
        (["--scale", "1:0.9:0.1"], "give FROM:TO:STEP, FROM below TO"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, said):
    assert main(["perturb", str(BOX), *words, "-o", str(tmp_path / "a.extxyz")]) == 2
    found = capsys.readouterr()
    assert said in found.err and found.err.count("\n") == 1 and found.out == ""
    assert list(tmp_path.iterdir()) == []
