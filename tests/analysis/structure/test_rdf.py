"""Radial distributions: ideal gas, crystals in any cell, ions made whole, hydrogen bonds."""

from itertools import islice

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.data import chemical_symbols
from repository import REPOSITORY

from physrep.analysis.structure.distributions import shortest_images
from physrep.analysis.structure.rdf import GroupCentres, HydrogenBondSums, RadialSums, first_shell
from physrep.figures.structure_plots import radial_figure
from physrep.io import iter_structures

ALL, NONE = np.ones(3, bool), np.zeros(3, bool)
CUBE = 10.0 * np.eye(3)
TRICLINIC = np.array([[11.0, 0.0, 0.0], [4.0, 10.0, 0.0], [-3.0, 2.0, 9.0]])
SKEWED = TRICLINIC @ np.eye(3) + np.array([[0.0] * 3, 2 * TRICLINIC[0], -3 * TRICLINIC[0]])
CELLS = pytest.mark.parametrize("cell", [CUBE, TRICLINIC, SKEWED], ids=["cube", "tri", "skewed"])


def radial(frames, kinds, cell, r_max, **settings):
    sums = RadialSums(kinds, r_max, **settings)
    for positions in frames:
        sums.add(positions, cell, ALL)
    return sums.result()


@CELLS
def test_an_ideal_gas_has_g_of_one_within_its_errors(cell):
    rng = np.random.default_rng(0)
    frames = rng.uniform(size=(1000, 30, 3)) @ cell
    kinds = ["A"] * 8 + ["B"] * 21 + ["C"]
    found = radial(frames, kinds, cell, 4.0, n_bins=20, molecules=np.arange(30) // 2)
    assert found.pairs[:3] == [("A", "A"), ("A", "B"), ("A", "C")]
    curves = [found.of(a, b) for a, b in ("AA", "AB", "BB", "BC")]
    away = np.concatenate([(g.value[4:] - 1.0) / g.error[4:] for g in curves])  # 64 numbers
    assert np.abs(away).max() < 4.5 and np.abs(away.mean()) < 4.5 / 8.0
    assert 0.6 < (away**2).mean() < 1.6  # chi^2 of 64 degrees of freedom, 3 sigma
    assert max(g.error[-1] for g in curves[:3]) < 0.05
    assert np.isnan(found.of("C", "C").value).all()  # one atom makes no pair
    around = found.coordination("A", "B").value[-1]
    assert around == pytest.approx(21 * 4 / 3 * np.pi * 4.0**3 / np.linalg.det(cell), rel=0.03)


def test_shells_of_an_fcc_crystal_in_a_cubic_and_in_a_skewed_cell():
    copper = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(3)
    skewed = make_supercell(copper, [[1, 0, 0], [2, 1, 0], [-1, 3, 1]], wrap=False)
    skewed.positions += np.array([[1], [-2], [0]] * 36) @ skewed.cell[:1]  # unwrapped
    radii = 3.6 * np.array([0.5, 1.0, 1.5]) ** 0.5
    for crystal in (copper, skewed):
        found = radial([crystal.positions], ["Cu"] * 108, crystal.cell[:], 5.0, n_bins=100)
        around = found.coordination("Cu", "Cu").value
        within = [around[np.searchsorted(found.edges, r + 0.1) - 1] for r in radii]
        np.testing.assert_allclose(within, [12, 18, 42])
        assert found.g.value[0].sum() > 0 and np.isnan(found.g.error).all()
        assert "1 frames" in found.g.reason


@CELLS
def test_counts_are_those_of_all_images_written_out(cell):
    rng = np.random.default_rng(1)
    positions = rng.uniform(-2, 3, size=(25, 3)) @ cell
    kinds = np.array(["N", "O"])[rng.integers(0, 2, 25)]
    found = radial([positions], kinds, cell, 4.0, n_bins=40)
    shifts = np.stack(np.meshgrid(*[np.arange(-16, 17)] * 3), -1).reshape(-1, 3) @ cell
    wrapped = (positions @ np.linalg.inv(cell) % 1.0) @ cell
    for a, b in found.pairs:
        counts = np.zeros(40)
        for i in np.flatnonzero(kinds == a):
            others = [j for j in np.flatnonzero(kinds == b) if a != b or j > i]
            apart = wrapped[others][:, None] + shifts - wrapped[i]
            counts += np.histogram(np.linalg.norm(apart, axis=2), found.edges)[0]
        near = found.near.value[found.pairs.index((a, b))]
        np.testing.assert_allclose(near, counts.cumsum(), atol=1e-12)


def test_many_points_in_rows_give_what_few_do(monkeypatch):
    frames = np.random.default_rng(2).uniform(size=(3, 60, 3)) @ TRICLINIC
    kinds, molecules = ["C", "H", "H"] * 20, np.arange(60) // 3
    expected = radial(frames, kinds, TRICLINIC, 4.0, molecules=molecules)
    monkeypatch.setattr("physrep.analysis.structure.rdf.PAIRS_AT_ONCE", 130)
    monkeypatch.setattr("physrep.analysis.structure.rdf.KEPT_PAIRS", 0)
    found = radial(frames, kinds, TRICLINIC, 4.0, molecules=molecules)
    np.testing.assert_array_equal(found.g.value, expected.g.value)


def test_the_same_as_mdtraj_on_frames_of_the_liquid():
    mdtraj = pytest.importorskip("mdtraj")
    structures = list(islice(iter_structures(REPOSITORY / "data" / "ean_gfn2.extxyz.gz"), 120))
    frames = np.array([s.positions for s in structures if s.cell[0, 0] == 12.9])
    assert len(frames) > 100
    kinds = np.array([chemical_symbols[z] for z in structures[0].species])
    lengths, angles = np.full((len(frames), 3), 1.29), np.full((len(frames), 3), 90.0)
    trajectory = mdtraj.Trajectory(frames / 10.0, None, None, lengths, angles)
    found = radial(frames, kinds, 12.9 * np.eye(3), 6.4, n_bins=64)
    for a, b in ("HO", "NO", "OO"):
        pairs = np.argwhere(np.outer(kinds == a, kinds == b))
        if a == b:
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        _, g = mdtraj.compute_rdf(trajectory, pairs, r_range=(0.0, 0.64), n_bins=64)
        # mdtraj works in float32: a few pairs fall to the other side of an edge
        np.testing.assert_allclose(found.of(a, b).value, g, atol=0.005 * g.max())


def test_a_radial_distribution_refuses_what_it_cannot_do():
    sums = RadialSums(["A", "B"], 4.9)
    points = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"frame 0 .* a density needs a cell"):
        sums.add(points, np.zeros((3, 3)), NONE)
    with pytest.raises(ValueError, match="has no volume"):
        sums.add(points, np.diag([10.0, 10.0, 0.0]), ALL)
    with pytest.raises(ValueError, match=r"r_max is 4.9 A, above .* frame 0, 4.5 A"):
        sums.add(points, np.diag([10.0, 10.0, 9.0]), ALL)
    with pytest.raises(ValueError, match="same along a trajectory"):
        sums.add(np.zeros((3, 3)), CUBE, ALL)
    with pytest.raises(ValueError, match="0 frames"):
        sums.result()
    with pytest.raises(ValueError, match="1 points, r_max 4"):
        RadialSums(["A"], 4.0)
    with pytest.raises(ValueError, match="1 molecules for 2"):
        RadialSums(["A", "B"], 4.0, molecules=np.zeros(1))
    sums.add(points + [[0], [3]], CUBE, ALL)
    with pytest.raises(ValueError, match="no pair A-X"):
        sums.result().of("A", "X")


def test_the_first_shell_of_a_smooth_g():
    r = np.linspace(0.01, 6.0, 300)
    g = 1.0 / (1.0 + np.exp(-20 * (r - 2.0))) * (1.0 + np.cos(2 * np.pi * (r - 2.6) / 2.0) / r)
    peak, minimum = first_shell(r, g)
    assert peak == pytest.approx(2.55, abs=0.1) and minimum == pytest.approx(3.6, abs=0.1)
    assert np.isnan(first_shell(r, np.ones(300))).all()


@CELLS
def test_ions_are_made_whole_in_every_frame(cell):
    rng = np.random.default_rng(4)
    chain = np.array([[0.0, 0, 0], [1.4, 0, 0], [1.8, 1.3, 0], [3.2, 1.4, 0.3]])
    groups = [np.array([5, 1, 2, 0]), np.array([3]), np.array([4, 6])]
    masses = np.array([1.0, 12.0, 14.0, 16.0, 1.0, 12.0, 16.0])
    centres = GroupCentres(groups, masses)
    for _ in range(5):
        whole = np.empty((7, 3))
        whole[groups[0]] = chain + rng.uniform(size=3) @ cell
        whole[3] = rng.uniform(size=3) @ cell
        whole[[4, 6]] = chain[:2] + rng.uniform(size=3) @ cell
        expected = [masses[g] @ whole[g] / masses[g].sum() for g in groups]
        split = whole + rng.integers(-2, 3, (7, 3)) @ cell
        found = (centres.of(split, cell, ALL) - expected) @ np.linalg.inv(cell)
        np.testing.assert_allclose(found, np.rint(found), atol=1e-10)  # a lattice vector away
    assert centres.of(chain[[0] * 7] + np.arange(7)[:, None] * 0.1, cell, NONE).shape == (3, 3)


def test_a_molecule_that_came_apart_is_named():
    centres = GroupCentres([np.array([0, 1])], np.ones(2))
    centres.of(np.array([[0.0, 0, 0], [1.0, 0, 0]]), CUBE, ALL)
    with pytest.raises(ValueError, match=r"frame 1: atoms 0 and 1 .* 5.00 A apart"):
        centres.of(np.array([[0.0, 0, 0], [5.0, 0, 0]]), CUBE, ALL)
    for groups in ([[]], [[0, 2]], [[0, 0]], [[-1]]):
        with pytest.raises(ValueError, match="group 0 has the atoms"):
            GroupCentres([np.array(group, dtype=int) for group in groups], np.ones(2))


def test_ions_of_opposite_charge_stand_where_they_were_put():
    frames = [Atoms("HF", [[0, 0, 0], [0, 0, z]]).positions for z in (2.05, 2.05, 3.05, 3.05)]
    found = radial(frames, ["anion", "cation"], CUBE, 5.0, n_bins=50)
    g = found.of("cation", "anion").value
    assert np.flatnonzero(g).tolist() == [20, 30]
    shell = 4 / 3 * np.pi * np.diff(found.edges**3)
    np.testing.assert_allclose(g[[20, 30]], 0.5 * 1000.0 / shell[[20, 30]])


@pytest.mark.parametrize(
    ("away", "degrees", "bonded"),
    [(3.4, 29.0, 1), (3.6, 5.0, 0), (3.4, 31.0, 0), (2.8, 180.0, 0)],
)
def test_hydrogen_bonds_have_a_length_and_an_angle(away, degrees, bonded):
    angle = np.radians(degrees)
    positions = np.array([[9.5, 5, 5], [10.5, 5, 5], [9.5 + away * np.cos(angle),
                          5 + away * np.sin(angle), 5]])  # fmt: skip
    for cell, pbc in ((CUBE, ALL), (np.zeros((3, 3)), NONE)):
        sums = HydrogenBondSums(np.array([[0, 1]]), np.array([0, 2]))
        found = sums.add(positions % 10.0 if pbc.all() else positions, cell, pbc)
        assert found.tolist() == [[0, 1, 2]] * bonded
        assert sums.result().value == bonded and np.isnan(sums.result().error)


@pytest.mark.parametrize("pbc", [ALL, np.array([True, False, True]), NONE], ids=["3d", "2d", "0d"])
@pytest.mark.parametrize("whole", [True, False], ids=["molecules", "atoms"])
def test_hydrogen_bonds_are_those_of_all_donors_and_acceptors_written_out(pbc, whole):
    """Water with its atoms anywhere: O is a donor twice and an acceptor; N accepts alone."""
    rng, cell = np.random.default_rng(11), np.array([[9.0, 0, 0], [3.0, 8.5, 0], [-4.0, 2.0, 9.5]])
    oxygen = 3 * np.arange(20)
    donors = np.stack([np.repeat(oxygen, 2), np.repeat(oxygen, 2) + [1, 2] * 20], axis=1)
    acceptors = rng.permutation(np.concatenate([oxygen, np.arange(60, 66)]))
    molecules = np.concatenate([np.repeat(np.arange(20), 3), np.arange(20, 26)])
    sums = HydrogenBondSums(donors, acceptors, 3.5, 40.0, molecules if whole else None)
    assert sums.n_possible == 40 * 26 - 40
    n_bonds = 0
    for _ in range(5):
        positions = rng.uniform(-0.2, 1.0, (66, 3)) @ cell
        positions[donors[:, 1]] = positions[donors[:, 0]] + rng.normal(0.0, 0.6, (40, 3))
        apart = positions[acceptors][None] - positions[donors[:, 0]][:, None]
        apart = shortest_images(apart.reshape(-1, 3), cell, pbc).reshape(apart.shape)
        arms = positions[donors[:, 1]] - positions[donors[:, 0]]
        lengths = np.linalg.norm(apart, axis=2)
        scale = np.maximum(lengths, 1e-12) * np.linalg.norm(arms, axis=1)[:, None]
        cosines = np.einsum("nmk,nk->nm", apart, arms) / scale
        possible = (donors[:, :1] != acceptors) & (lengths < 3.5)
        one, other = np.nonzero(possible & (cosines > np.cos(np.radians(40.0))))
        expected = np.column_stack([donors[one], acceptors[other]])
        assert sums.add(positions, cell, pbc).tolist() == expected.tolist()
        n_bonds += len(expected)
    assert n_bonds > 20


def test_hydrogen_bonds_refuse_what_they_cannot_do():
    sums = HydrogenBondSums(np.array([[0, 1]]), np.array([2]), molecules=np.zeros(3))
    assert len(sums.add(np.array([[0, 0, 0], [1, 0, 0], [2.8, 0, 0]]), CUBE, ALL)) == 0
    with pytest.raises(ValueError, match="frame 1 has 6 A"):
        sums.add(np.zeros((3, 3)), 6.0 * np.eye(3), ALL)
    with pytest.raises(ValueError, match="0 donors"):
        HydrogenBondSums(np.zeros((0, 2)), np.array([2]))


def test_the_figure_has_a_panel_for_every_pair_and_one_legend():
    rng = np.random.default_rng(5)
    one = radial(rng.uniform(0, 10, (20, 9, 3)), ["A", "B", "C"] * 3, CUBE, 5.0, n_bins=20)
    other = radial(rng.uniform(0, 10, (3, 6, 3)), ["A", "B"] * 3, CUBE, 4.0, n_bins=20)
    figure = radial_figure({"run": one, "reference": other})
    figure.draw_without_rendering()
    assert len(figure.axes) == 12
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["run", "reference"]
    with pytest.raises(ValueError, match="0 trajectories"):
        radial_figure({})


@pytest.mark.parametrize(
    "cell",
    [np.diag([30.0, 31.0, 29.0]), np.array([[30.0, 0, 0], [12.0, 30.0, 0], [-8.0, 9.0, 31.0]])],
)
def test_a_search_for_near_pairs_counts_as_all_pairs_do(cell, monkeypatch):
    rng, kinds = np.random.default_rng(5), ["A"] * 200 + ["B"] * 300
    points, molecules = rng.uniform(-1.0, 2.0, (500, 3)) @ cell, np.arange(500) // 4

    def counted(share):
        monkeypatch.setattr("physrep.analysis.structure.rdf.SMALL_SHARE", share)
        sums = RadialSums(kinds, 6.0, 60, molecules)
        sums.add(points, cell, np.ones(3, bool))
        return sums.result().near.value

    np.testing.assert_array_equal(counted(0.0), counted(1.0))
