"""Labelled reaction paths: aligned, ordered, labelled by GFN2-xTB; resumable; split by reaction."""

import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.data import atomic_numbers
from repository import REPOSITORY

from physrep.io import DataError, read_structures
from physrep_training.labels import reaction_paths as paths
from physrep_training.labels.gfn2 import label
from physrep_training.labels.reaction_paths import (
    PathError,
    PathSettings,
    Reaction,
    append_path,
    choose_reactions,
    finished_reactions,
    interpolate,
    labelled_path,
    load_reactions,
)

SETTINGS = PathSettings(images=2)
# Not what it stands for: a backslash, which marks double bonds, must survive the file.
SMILES = "[N:1]([H:2])([H:3])[H:4]>>[N:1](/[H:3])(\\[H:2])[H:4]"


def ammonia(height: float) -> np.ndarray:
    """(4, 3) positions in A: nitrogen over the plane of its hydrogens."""
    angles = 2 * np.pi * np.arange(3) / 3
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    return np.vstack([[0, 0, height], 0.97 * ring])


def turned(positions: np.ndarray, seed: int) -> np.ndarray:
    """Rotated at random and moved away."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return positions @ (q * np.sign(np.linalg.det(q))) + 5


@pytest.fixture(name="inversion")
def _inversion() -> Reaction:
    """Ammonia's umbrella: planar transition state, ends turned away from it."""
    ends = turned(ammonia(0.3), 1), turned(ammonia(-0.3), 2)
    numbers = np.array([7, 1, 1, 1])
    return Reaction(5, numbers, ends[0], ammonia(0.0), ends[1], SMILES, 5.5)


def write_reactions(path, reactions, **changes):
    joined = {
        name: np.concatenate([getattr(r, field) for r in reactions])
        for name, field in (("Z", "numbers"), ("R", "reactant"), ("TS", "ts"), ("P", "product"))
    }
    arrays = {
        "rxn_id": np.array([r.id for r in reactions]),
        "dE0_kcal": np.array([r.barrier_kcal for r in reactions]),
        "smiles": np.array([r.smiles for r in reactions]),
        "offsets": np.cumsum([0, *(len(r.numbers) for r in reactions)]),
        **joined,
        **changes,
    }
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def rms(first, second) -> float:
    return float(np.sqrt(((first - second) ** 2).sum(axis=1).mean()))


def test_inversion_of_ammonia(inversion, tmp_path):
    path = labelled_path(inversion, SETTINGS)
    append_path(tmp_path / "p.extxyz", path)
    structures = read_structures(tmp_path / "p.extxyz", require=("energy", "forces"))
    roles = ["reactant", "path", "path", "ts", "path", "path", "product"]
    assert [s.info["role"] for s in structures] == roles
    assert [s.info["image"] for s in structures] == list(range(7))
    for structure in structures:
        assert structure.info["reaction"] == 5 and structure.info["n_images"] == 7
        assert structure.info["smiles"] == SMILES and structure.info["barrier_kcal"] == 5.5
        known = label(structure.to_ase())
        assert structure.energy == pytest.approx(known.info["REF_energy"], abs=1e-6)
        np.testing.assert_allclose(structure.forces, known.arrays["REF_forces"], atol=1e-5)
    # Both ends are the same minimum of GFN2-xTB, its umbrella a few kcal/mol deep.
    energies = np.array([s.energy for s in structures])
    assert abs(energies[0] - energies[-1]) < 1e-3
    assert 0.1 < energies[3] - energies[0] < 0.6 and energies.argmax() == 3
    for end in (0, -1):
        assert np.abs(structures[end].forces).max() < paths.RELAXED
    # Aligned: no step is long, and the nitrogen passes through the plane in order.
    steps = [rms(a.positions, b.positions) for a, b in pairwise(structures)]
    assert max(steps) < 0.3
    heights = [s.positions[0, 2] - s.positions[1:, 2].mean() for s in structures]
    assert heights == sorted(heights) or heights == sorted(heights, reverse=True)


def test_ends_as_they_are(inversion):
    path = labelled_path(inversion, PathSettings(images=0, relax_ends=False))
    assert [atoms.info["role"] for atoms in path] == ["reactant", "ts", "product"]
    distances = Atoms("NH3", inversion.reactant).get_all_distances()
    np.testing.assert_allclose(path[0].get_all_distances(), distances, atol=1e-12)


def test_images_do_not_run_into_each_other():
    """Two hydrogens that change places would meet half-way on straight lines."""
    water = molecule("H2O")
    swapped = water.copy()
    swapped.positions[[1, 2]] = water.positions[[2, 1]]
    swapped.positions += np.random.default_rng(0).normal(0, 0.05, (3, 3))
    path = interpolate(water, swapped, 3)
    assert len(path) == 5
    assert min(atoms.get_all_distances()[np.triu_indices(3, 1)].min() for atoms in path) > 0.5
    np.testing.assert_array_equal(path[0].positions, water.positions)
    np.testing.assert_array_equal(path[-1].positions, swapped.positions)


def test_reaction_that_falls_apart_is_left_out(inversion):
    """Two hydrogens 0.4 A from a bond snap together; the reactant is then another molecule."""
    near = Reaction(1, np.array([1, 1]), *[np.array([[0, 0, 0], [0, 0, 1.2]])] * 3, "", 0.0)
    with pytest.raises(PathError, match="the reactant changes its bonds"):
        labelled_path(near, SETTINGS)
    assert "changes its bonds" in paths.attempt(near, SETTINGS)


def test_failures_of_the_method_are_told(inversion, monkeypatch):
    def fail(atoms):
        raise RuntimeError("SCF not converged\nmore")

    monkeypatch.setattr(paths, "label", fail)
    assert paths.attempt(inversion, SETTINGS) == "GFN2-xTB failed: SCF not converged"
    atoms = Atoms("H", info={"REF_energy": 0.0})
    atoms.new_array("REF_forces", np.zeros((1, 3)))
    wild = [atoms.copy() for _ in range(7)]
    wild[2].info["REF_energy"] = 88.0
    with pytest.raises(PathError, match="an image lies 88 eV above the transition state"):
        paths._refuse_collisions(wild)
    wild[2].info["REF_energy"] = np.nan
    with pytest.raises(PathError, match="not finite"):
        paths._refuse_collisions(wild)


def test_half_a_reaction_is_cut_off(inversion, tmp_path):
    output = tmp_path / "p.extxyz"
    assert finished_reactions(output, SETTINGS) == set()
    path = labelled_path(inversion, SETTINGS)
    append_path(output, path)
    whole = output.read_bytes()
    for atoms in path:
        atoms.info["reaction"] = 6
    append_path(output, path)
    both = output.read_bytes()
    assert finished_reactions(output, SETTINGS) == {5, 6} and output.read_bytes() == both
    for size in (len(whole) + 1, len(whole) + 300, (len(whole) + len(both)) // 2, len(both) - 1):
        output.write_bytes(both[:size])
        assert finished_reactions(output, SETTINGS) == {5}
        assert output.read_bytes() == whole
    output.write_bytes(both[: len(whole) // 2])
    assert finished_reactions(output, SETTINGS) == set() and output.read_bytes() == b""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (PathSettings(images=3), "was made with n_images=7 ends_relaxed=T method=GFN2-xTB, now"),
        (PathSettings(images=2, relax_ends=False), "give another -o or the old options"),
    ],
)
def test_output_of_other_settings_is_left_alone(inversion, tmp_path, settings, words):
    output = tmp_path / "p.extxyz"
    append_path(output, labelled_path(inversion, SETTINGS))
    before = output.read_bytes()
    with pytest.raises(DataError, match=re.escape(words)):
        finished_reactions(output, settings)
    assert output.read_bytes() == before
    output.write_text("1\nProperties=species:S:1:pos:R:3 energy=-1\nH 0 0 0\n")
    with pytest.raises(DataError, match="frames that are not from labelled paths"):
        finished_reactions(output, settings)
    output.write_text("notes of somebody\n")
    with pytest.raises(DataError, match="is not extxyz"):
        finished_reactions(output, settings)
    assert output.read_text() == "notes of somebody\n"


def test_command_goes_on_where_it_was(inversion, tmp_path):
    reactions = [inversion._replace(id=k) for k in (3, 7, 11)]
    source = write_reactions(tmp_path / "r.npz", reactions)
    output = tmp_path / "p.extxyz"

    def run(n, *options):
        command = [sys.executable, REPOSITORY / "training" / "paths.py", source, "-o", output]
        command += ["--reactions", str(n), "--images", "1", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert "paths: 1 reactions, 0 skipped" in run(1).stdout
    first = output.read_bytes()
    output.write_bytes(first + first[:500])
    again = run(3, "--threads", "2")
    assert again.returncode == 0, again.stderr
    assert "1 of 3 reactions are in" in again.stderr
    assert output.read_bytes().startswith(first)
    structures = read_structures(output, require=("energy", "forces"))
    assert sorted({s.info["reaction"] for s in structures}) == [3, 7, 11] and len(structures) == 15
    refused = run(4)
    assert refused.returncode == 2
    assert refused.stderr.startswith("paths: error: --reactions 4: the file has 3")


def test_choice_is_by_seed(inversion):
    reactions = [inversion._replace(id=10 * k) for k in range(40)]
    few, many = (choose_reactions(reactions, n, seed=1) for n in (10, 20))
    assert [r.id for r in many[:10]] == [r.id for r in few]
    assert {r.id for r in few} != {r.id for r in choose_reactions(reactions, 10, seed=2)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TS": None}, "missing TS; it has: rxn_id"),
        ({"rxn_id": np.array([3, 3])}, "has the same rxn_id twice"),
        ({"offsets": np.array([0, 4])}, "offsets must rise from 0 in 3 steps"),
        ({"offsets": np.array([0, 5, 5])}, "offsets must rise from 0 in 3 steps"),
        ({"P": np.zeros((7, 3))}, "P has shape (7, 3), not (8, 3)"),
        ({"R": np.full((8, 3), np.nan)}, "R has numbers that are not finite"),
        ({"dE0_kcal": np.zeros(3)}, "dE0_kcal has shape (3,), not (2,)"),
    ],
)
def test_damaged_geometries(inversion, tmp_path, changes, words):
    reactions = [inversion, inversion._replace(id=6)]
    path = write_reactions(tmp_path / "r.npz", reactions, **changes)
    with pytest.raises(DataError, match=re.escape(words)):
        load_reactions(path)


def test_rdb7(shared_data):
    """Real reactions: the formula is that of the SMILES, and a path climbs to its barrier."""
    reactions = load_reactions(shared_data / "rdb7" / "rdb7_r_ts_p.npz")
    assert len(reactions) == 8945
    for reaction in reactions[::500]:
        symbols = re.findall(
            r"\[([A-Z][a-z]?|c|n|o)[@H+-]*\d*:(\d+)\]", reaction.smiles.split(">>")[0]
        )
        numbers = {int(k): atomic_numbers[symbol.capitalize()] for symbol, k in symbols}
        for k, number in numbers.items():
            assert reaction.numbers[k - 1] == number
    path = labelled_path(reactions[0], SETTINGS)
    energies = [atoms.info["REF_energy"] for atoms in path]
    assert 0.5 < max(energies) - energies[0] < 2 * reactions[0].barrier_kcal * 0.04336
