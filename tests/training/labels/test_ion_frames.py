"""Frames of ions: whole ions, distances as asked, no contacts, reproduced by their seed."""

import ase
import ase.build
import ase.io
import numpy as np
import pytest
from ase.data.vdw_alvarez import vdw_radii
from ase.geometry import get_distances
from repository import REPOSITORY

from physrep.analysis.chemistry.bond_tracking import molecules
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.cli.main import main
from physrep.config import ConfigError
from physrep_training.labels.ion_frames import (
    APART,
    IonCounts,
    IonSettings,
    ion_frames,
    read_liquid,
)
from physrep_training.labels.ions import CONTACT_SHARE
from physrep_training.labels.read_frames import read_frames
from physrep_training.labels.slabs import slab

BOX = REPOSITORY / "md_examples" / "ean.pdb"
COUNTS = IonCounts(singles=4, pairs=12, like=8, clusters=10, slabs=2, above=4)
FORMULAS = {1: "C2H8N", -1: "NO3"}


@pytest.fixture(scope="module")
def liquid():
    return read_liquid(read_frames(BOX))


@pytest.fixture(scope="module")
def frames(liquid):
    return list(ion_frames(liquid, COUNTS, IonSettings(seed=3)))


def of_kind(frames, kind):
    return [atoms for atoms in frames if atoms.info["kind"] == kind]


def ions_in(atoms):
    """Each ion by the column, in its order."""
    return [atoms[atoms.arrays["ion"] == k] for k in range(atoms.arrays["ion"].max() + 1)]


def test_every_ion_is_whole_and_every_charge_is_stated(frames):
    assert len(frames) == 4 + 12 + 8 + 10 + 2 + (2 + 4 + 4)
    for atoms in frames:
        bonds = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
        found = molecules(bonds, len(atoms))
        # The bonds tell the ions apart as the column does.
        assert len(set(zip(found.tolist(), atoms.arrays["ion"].tolist(), strict=True))) == len(
            atoms.info["ion_charges"]
        )
        for ion, charge in zip(ions_in(atoms), atoms.info["ion_charges"], strict=True):
            assert ion.get_chemical_formula(mode="hill") == FORMULAS[charge]
        assert atoms.info["charge"] == atoms.info["ion_charges"].sum()


def test_no_ions_touch(frames):
    """In clusters that are cut and in slabs they are as near as in the liquid."""
    for atoms in frames:
        if atoms.info["kind"] == "slab" or atoms.info.get("made") == "cut":
            continue
        ions = atoms.arrays["ion"]
        cell, pbc = atoms.cell, atoms.pbc
        lengths = get_distances(atoms.positions, cell=cell, pbc=pbc)[1]
        radii = vdw_radii[atoms.numbers]
        guests = ions >= ions.max() - 1 if atoms.info["kind"] == "above" else ions >= 0
        between = (ions[:, None] != ions) & guests[:, None]
        if atoms.info["kind"] == "above_slab" or not between.any():
            continue
        assert (lengths / (radii[:, None] + radii))[between].min() >= CONTACT_SHARE - 1e-9


def test_distances_of_pairs(frames):
    for kind, n, charges in (("pair_unlike", 12, {0}), ("pair_like", 8, {-2, 2})):
        pairs = of_kind(frames, kind)
        assert len(pairs) == n and {atoms.info["charge"] for atoms in pairs} == charges
        distances = []
        for atoms in pairs:
            one, other = (ion.get_center_of_mass() for ion in ions_in(atoms))
            assert np.linalg.norm(other - one) == pytest.approx(atoms.info["distance"], abs=1e-9)
            far = kind == "pair_unlike" and atoms.info["distance"] > APART
            assert bool(atoms.info.get("ions_apart")) == far
            distances.append(atoms.info["distance"])
        assert 3.0 <= min(distances) < 4.0 and 16.5 < max(distances) <= 20.0
        # More near than far: half of them in the nearer 6 A of 17.
        assert 8.0 < np.median(distances) < 10.0


def test_clusters(frames):
    clusters = of_kind(frames, "cluster")
    assert [len(atoms.info["ion_charges"]) for atoms in clusters] == [2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    for atoms in clusters:
        n = len(atoms.info["ion_charges"])
        assert abs(atoms.info["charge"]) == n % 2 and not atoms.pbc.any()
        centres = np.array([ion.get_center_of_mass() for ion in ions_in(atoms)])
        lengths = np.linalg.norm(centres[:, None] - centres, axis=2)
        np.fill_diagonal(lengths, np.inf)
        # One piece, compact: every ion has a neighbour.
        assert lengths.min() > 2.5 and lengths.min(axis=1).max() < 8.0
        if atoms.info["made"] == "packed":
            assert lengths.min() >= 3.0 and lengths.min(axis=1).max() <= 6.0


def test_slabs_have_vacuum(frames):
    slabs = of_kind(frames, "slab")
    assert [atoms.info["n_pairs"] for atoms in slabs] == [8, 15]
    for atoms in slabs:
        assert atoms.pbc.all() and atoms.info["charge"] == 0
        assert len(atoms) == 15 * atoms.info["n_pairs"]
        height = np.ptp(atoms.positions[:, 2])
        assert atoms.cell.lengths()[2] - height == pytest.approx(20.0)


def test_a_pair_above_a_slab_comes_with_its_parts(frames):
    slabs = {atoms.info["host"]: atoms for atoms in of_kind(frames, "above_slab")}
    pairs = {atoms.info["group"]: atoms for atoms in of_kind(frames, "above_pair")}
    both = of_kind(frames, "above")
    assert len(both) == 4 and len(slabs) == 2 and len(pairs) == 4
    for atoms in both:
        slab, pair = slabs[atoms.info["host"]], pairs[atoms.info["group"]]
        np.testing.assert_allclose(atoms.positions[: len(slab)], slab.positions, atol=1e-12)
        np.testing.assert_allclose(atoms.positions[len(slab) :], pair.positions, atol=1e-12)
        np.testing.assert_allclose(atoms.cell, slab.cell)
        gap = pair.positions[:, 2].min() - slab.positions[:, 2].max()
        assert gap == pytest.approx(atoms.info["gap"]) and 2.0 <= gap <= 8.0


def test_seeds(liquid, frames):
    """The same seed gives the same frames, whatever else is asked for; another gives others."""
    again = list(ion_frames(liquid, IonCounts(0, 12, 0, 10, 0, 0), IonSettings(seed=3)))
    pairs = [*of_kind(frames, "pair_unlike"), *of_kind(frames, "cluster")]
    assert len(again) == len(pairs)
    for one, other in zip(again, pairs, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
    others = ion_frames(liquid, IonCounts(0, 12, 0, 0, 0, 0), IonSettings(seed=4))
    for one, other in zip(others, pairs, strict=False):
        assert one.info["distance"] != other.info["distance"]


def test_command(tmp_path, capsys):
    output = tmp_path / "ions.extxyz"
    none = ["--pairs", "2", "--like", "0", "--clusters", "2", "--slabs", "0", "--singles", "2"]
    words = ["ions", str(BOX), "-o", str(output), *none]
    assert main([*words, "--nearest", "5", "--farthest", "6", "--seed", "1"]) == 0
    assert "ions: 6 frames in" in capsys.readouterr().out
    frames = ase.io.read(output, ":")
    kinds = [atoms.info["kind"] for atoms in frames]
    assert kinds == ["single"] * 2 + ["pair_unlike"] * 2 + ["cluster"] * 2
    assert [atoms.info["charge"] for atoms in frames[:2]] == [1, -1]
    assert all(5.0 <= atoms.info["distance"] <= 6.0 for atoms in frames[2:4])
    assert main([*words, "--nearest", "7", "--farthest", "6"]) == 2
    assert "--nearest 7 is above --farthest 6" in capsys.readouterr().err
    assert main([*words, "--frames", "1:x"]) == 2
    assert "--frames: '1:x' is not FROM:TO, like 0:45" in capsys.readouterr().err
    assert main([*words, "--frames", "5:9"]) == 2
    assert "--frames: none of the 1 frames of" in capsys.readouterr().err


def test_what_is_no_ionic_liquid(tmp_path, capsys):
    path = tmp_path / "molecules.extxyz"
    words = ["ions", str(path), "-o", str(tmp_path / "o.extxyz")]
    ase.io.write(path, ase.build.molecule("H2O", cell=[9, 9, 9], pbc=True))
    assert main(words) == 2
    assert "the frames hold 0 cations and 0 anions" in capsys.readouterr().err
    ase.io.write(path, ase.Atoms("H", cell=[9, 9, 9], pbc=True))
    assert main(words) == 2
    assert "the charge of H is not known; give it as a whole number" in capsys.readouterr().err


def test_slabs_need_an_orthorhombic_box(liquid):
    ions, cell = liquid.boxes[0]
    with pytest.raises(ConfigError, match="slabs are made of orthorhombic boxes"):
        slab(ions, cell + [[0, 0, 0], [3, 0, 0], [0, 0, 0]], 8, 20.0, np.random.default_rng())
    with pytest.raises(ConfigError, match=r"a slab of 16 pairs .* a frame has 15 of sign \+1"):
        slab(ions, cell, 16, 20.0, np.random.default_rng())
