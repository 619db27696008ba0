"""Packed frames: the density asked for, no contacts, whole molecules, reproduced by their seed."""

from itertools import product

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.named_pieces import ions_in
from physrep.config import ConfigError
from physrep_training.boxes import assemble, packing
from physrep_training.boxes.assemble import BoxSettings, frames_of
from physrep_training.boxes.composition import read_parts
from physrep_training.labels.ion_frames import APART

EAN = ["CC[NH3+]", "O=[N+]([O-])[O-]"]
PAIRS = 15
AVOGADRO = 6.02214076e23


def frame(words, n, **settings):
    (found,) = frames_of(read_parts(words, n), BoxSettings(**settings))
    return found


@pytest.fixture(name="ean", scope="module")
def _ean():
    return frame(EAN, PAIRS, density=1.21)


def nearest(atoms) -> float:
    """Between atoms of different molecules or of different images, over all 27 cells."""
    ion = atoms.arrays["ion"]
    cell, pbc = atoms.cell.array, atoms.pbc
    shifts = product(*((-1, 0, 1) if periodic else (0,) for periodic in pbc))
    closest = np.inf
    for shift in shifts:
        lengths = cdist(atoms.positions, atoms.positions + np.array(shift) @ cell)
        if not any(shift):
            lengths[ion[:, None] == ion] = np.inf
        closest = min(closest, lengths.min())
    return closest


def check_bonds(atoms, parts):
    """Bonds by distances are those of the SMILES."""
    found = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    wanted, start = set(), 0
    for part in parts:
        for _ in range(part.copies):
            wanted |= {(min(b), max(b)) for b in (part.molecule.bonds + start).tolist()}
            start += len(part.molecule.numbers)
    assert {(min(b), max(b)) for b in found.tolist()} == wanted


def test_density_volume_and_contents(ean):
    atoms = ean.atoms
    assert atoms.pbc.all()
    grams = atoms.get_masses().sum() / AVOGADRO
    assert grams / (atoms.cell.volume * 1e-24) == pytest.approx(1.21, rel=1e-6)
    assert ean.density == pytest.approx(1.21) and not ean.guessed
    assert atoms.get_chemical_formula() == "C30H120N30O45"
    assert atoms.info["charge"] == 0 == atoms.arrays["formal_charges"].sum()
    assert sorted(set(atoms.arrays["residuenames"])) == ["ETH", "NIT"]
    assert atoms.info["molecules"] == "CC[NH3+]:15 O=[N+]([O-])[O-]:15"
    assert atoms.info["kind"] == "box"


def test_molecules_are_whole_and_apart(ean):
    check_bonds(ean.atoms, read_parts(EAN, PAIRS))
    assert nearest(ean.atoms) == pytest.approx(ean.contact.distance, abs=1e-9)
    assert ean.contact.distance > 2.0 - assemble.SHORTFALL
    for k, charge in enumerate(ean.atoms.info["ion_charges"]):
        own = ean.atoms.arrays["ion"] == k
        assert ean.atoms.arrays["formal_charges"][own].sum() == charge


def test_the_ions_are_recognised(ean):
    atoms = ean.atoms
    found = ions_in(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
    assert found == {"C2H8N+": 1, "NO3-": -1}


def test_the_seed_makes_the_frame():
    first, again, other = (
        frame(EAN, 3, density=1.1, seed=seed).atoms.positions for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(other - first).max() > 1.0


def test_edges_in_place_of_a_density():
    found = frame(["O:30"], 1, edges=(9.0, 10.0, 11.0))
    np.testing.assert_allclose(found.atoms.cell.array, np.diag([9.0, 10.0, 11.0]))
    assert found.density == pytest.approx(30 * 18.015 / AVOGADRO * 1e24 / 990.0, rel=1e-4)
    assert nearest(found.atoms) > 1.98


def test_a_guess_is_called_one():
    found = frame(["O:20"], 1)
    assert found.guessed and 0.8 < found.density < 0.95


def test_a_slab_has_its_vacuum():
    found = frame(EAN, 8, density=1.1, vacuum=25.0)
    atoms = found.atoms
    x, y, z = atoms.cell.lengths()
    assert x == pytest.approx(y) and z == pytest.approx(x + 25.0)
    # packmol's walls hold to the root of its precision, 0.01 A^2.
    assert atoms.positions[:, 2].min() > -0.1 and atoms.positions[:, 2].max() < x + 0.1
    assert atoms.pbc.all() and atoms.info["kind"] == "slab"
    assert found.density == pytest.approx(1.1)
    assert nearest(atoms) > 1.98


def test_clusters_may_be_charged():
    found = frame(["CC[NH3+]:2", "O=[N+]([O-])[O-]:1", "O:3"], 1, cluster=True)
    atoms = found.atoms
    assert not atoms.pbc.any() and not atoms.cell.volume
    assert atoms.info["charge"] == 1 and found.density is None
    assert atoms.info["kind"] == "cluster"
    assert 1.98 < nearest(atoms) < 3.5  # together, and not in each other
    check_bonds(atoms, read_parts(["CC[NH3+]:2", "O=[N+]([O-])[O-]:1", "O:3"], 1))


def test_a_single_ion():
    atoms = frame(["CC[NH3+]"], 1, cluster=True).atoms
    assert (len(atoms), atoms.info["charge"], atoms.info["kind"]) == (11, 1, "single")
    np.testing.assert_allclose(atoms.get_center_of_mass(), 0.0, atol=0.01)


def test_pairs_at_distances():
    parts = read_parts(EAN, 1)
    wanted = (4.0, 6.0, 12.0)
    frames = list(frames_of(parts, BoxSettings(distances=wanted)))
    for found, distance in zip(frames, wanted, strict=True):
        atoms = found.atoms
        centres = [atoms[atoms.arrays["ion"] == k].get_center_of_mass() for k in (0, 1)]
        assert np.linalg.norm(centres[1] - centres[0]) == pytest.approx(distance, abs=1e-9)
        assert atoms.info["distance"] == pytest.approx(distance)
        assert bool(atoms.info.get("ions_apart")) == (distance > APART)
        assert atoms.info["kind"] == "pair_unlike"
    (like,) = frames_of(read_parts(["[Cl-]:2"], 1), BoxSettings(distances=(5.0,)))
    assert like.atoms.info["kind"] == "pair_like" and like.atoms.info["charge"] == -2
    assert "ions_apart" not in like.atoms.info


def test_flexible_ions_have_different_shapes():
    atoms = frame(["CCCC[NH3+]:6", "O=[N+]([O-])[O-]:6"], 1, density=0.9).atoms
    cations = np.split(atoms.positions[: 6 * 17], 6)
    lengths = [cdist(cation, cation).max() for cation in cations]
    assert max(lengths) - min(lengths) > 0.2


@pytest.mark.parametrize(
    ("words", "n", "settings", "said"),
    [
        (EAN, 15, {"density": 1210.0}, "1210 g/cm3 leaves these molecules 0 % of their own volume"),
        (EAN, 15, {"edges": (1.3, 1.3, 1.3)}, "a liquid of them has some 1.2"),
        (["[Na+]", "[Cl-]:1"], 2, {"density": 1.0}, "a charge of +1 e (2 Na+, 1 Cl-)"),
        (["[Na+]:1", "[K+]:1"], 1, {}, "a charge of +2 e"),
        (["CCCCCCCCCC"], 1, {"edges": (7.0, 7.0, 7.0)}, "a molecule and its periodic image are"),
        (EAN, 2, {"distances": (4.0,)}, "--distances is for two molecules, not 4"),
    ],
)
def test_what_cannot_be_packed(words, n, settings, said):
    with pytest.raises(ConfigError) as error:
        list(frames_of(read_parts(words, n), BoxSettings(**settings)))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_too_dense_to_pack(monkeypatch):
    monkeypatch.setattr(packing, "LOOPS", 1)
    with pytest.raises(ConfigError, match=r"no packing at 1\.7 g/cm3 with 2\.4 A .*1 loops"):
        frame(EAN, 4, density=1.7, tolerance=2.4)


def test_packmol_that_takes_for_ever_or_breaks(monkeypatch):
    monkeypatch.setattr(packing, "SECONDS", 0.001)
    with pytest.raises(ConfigError, match=r"none in 0\.001 s"):
        frame(["O:9"], 1, density=0.9)
    monkeypatch.setattr(packing, "SECONDS", 60)
    monkeypatch.setattr(packing, "_instructions", lambda *_: "tolerance much\n")
    with pytest.raises(ConfigError, match=r"packmol stopped: .*physrep doctor"):
        frame(["O:9"], 1, density=0.9)
