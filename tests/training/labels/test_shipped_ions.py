"""The shipped frames of ions: charges as stated, nothing in common between training and test."""

from itertools import islice

import numpy as np
import pytest
from repository import REPOSITORY

from physrep.io import iter_structures, read_structures
from physrep_training.labels.charge_leak import MOST_APART

DATA = REPOSITORY / "data"


def frames_of(name):
    return read_structures(DATA / name, require=("energy", "forces", "charges"))


@pytest.fixture(name="test_part", scope="module")
def _test_part():
    return frames_of("ean_ions_gfn2_test.extxyz.gz")


def shapes(structures):
    """The distances within each single ion, which neither a turn nor a shift changes."""
    found = set()
    for structure in structures:
        ions = np.asarray(structure.info["ion"])
        for k in range(ions.max() + 1):
            inside = structure.positions[ions == k]
            lengths = np.linalg.norm(inside - inside[0], axis=1)
            found.add((len(inside), *lengths.round(4).tolist()))
    return found


def test_training_and_test(test_part):
    train, test = frames_of("ean_ions_gfn2.extxyz.gz"), test_part
    assert len(train) > 700 and len(test) > 190
    # Not even one ion has the same shape in both.
    assert not shapes(train) & shapes(test)
    for structure in (*train, *test):
        info = structure.info
        assert structure.total_charge == np.sum(info["ion_charges"])
        assert abs(structure.charges.sum() - structure.total_charge) < 1e-4
        assert (structure.dipole is None) == bool(structure.pbc.any())
        assert np.abs(structure.forces).max() < 10.0
        assert bool(info.get("ions_apart")) == (info["method"] == "GFN2-xTB, ion by ion")
        if info["kind"].startswith("pair") and info["distance"] > 6.5:
            of_ions = np.bincount(info["ion"], weights=structure.charges)
            assert np.abs(of_ions - info["ion_charges"]).max() <= MOST_APART + 1e-6


def test_every_pair_above_a_slab_has_its_parts(test_part):
    frames = test_part
    slabs = {s.info["host"]: s for s in frames if s.info["kind"] == "above_slab"}
    pairs = {s.info["group"]: s for s in frames if s.info["kind"] == "above_pair"}
    above = [s for s in frames if s.info["kind"] == "above"]
    assert len(above) == 12
    for both in above:
        slab, pair = slabs[both.info["host"]], pairs[both.info["group"]]
        binding = both.energy - slab.energy - pair.energy
        assert len(both) == len(slab) + len(pair)
        assert -3.0 < binding < 1.5


def test_charges_of_ions_in_the_liquid():
    """Labelled again, the boxes have their stored energies; ions in contact have less than 1 e."""
    boxes = frames_of("ean_box_charges_gfn2.extxyz.gz")
    assert len(boxes) == 10
    cations = np.concatenate([s.charges[:165].reshape(15, 11).sum(axis=1) for s in boxes])
    assert 0.75 < cations.mean() < 0.9 and cations.std() < 0.08
    wanted = {s.info["frame"]: s for s in boxes}
    stored = islice(iter_structures(DATA / "ean_gfn2.extxyz.gz"), max(wanted) + 1)
    for frame, structure in enumerate(stored):
        if frame in wanted:
            assert wanted[frame].energy == pytest.approx(structure.energy, abs=1e-6)
