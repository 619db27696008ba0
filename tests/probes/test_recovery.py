"""Recovery and relaxation against calculators whose minimum is known."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from scipy.spatial.transform import Rotation

from physrep.analysis.structure.superposition import periodic_rmsd, rmsd, structure_rmsd, superposed
from physrep.figures.reliability_plots import recovery_figure
from physrep.probes.recovery import perturbed, recover
from physrep.probes.relaxation import is2re, is2re_errors, relax


class Springs(Calculator):
    """A spring between every two atoms, at rest in the structure given; eV, A."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, at_rest: Atoms, stiffness: float = 20.0):
        super().__init__()
        self.rest, self.stiffness = at_rest.get_all_distances(), stiffness

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        vectors = self.atoms.get_all_distances(vector=True)
        lengths = np.linalg.norm(vectors, axis=2) + np.eye(len(self.atoms))
        stretch = (lengths - self.rest) * (1.0 - np.eye(len(self.atoms)))
        forces = self.stiffness * ((stretch / lengths)[..., None] * vectors).sum(axis=1)
        self.results = {"energy": 0.25 * self.stiffness * (stretch**2).sum(), "forces": forces}


class Constant(Calculator):
    """The same energy everywhere for ``n_calls`` calls, then something else."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, n_calls=10**9, then=None, force=0.0):
        super().__init__()
        self.n_calls, self.then, self.force = n_calls, then, force

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.n_calls -= 1
        if self.n_calls < 0 and isinstance(self.then, Exception):
            raise self.then
        energy = self.then if self.n_calls < 0 else -3.0
        forces = np.full((len(self.atoms), 3), self.force)
        self.results = {"energy": energy, "forces": forces}


ETHANOL = molecule("CH3CH2OH")


def rng():
    return np.random.default_rng([0, 0])


def least_rmsd(positions, reference):
    """S. K. Kearsley, Acta Cryst. A45 (1989) 208: the lowest eigenvalue of a quaternion form."""
    x, y = positions - positions.mean(axis=0), reference - reference.mean(axis=0)
    minus, plus = y - x, y + x
    form = np.zeros((4, 4))
    form[0, 0] = (minus**2).sum()
    form[0, 1:] = form[1:, 0] = np.cross(plus, minus).sum(axis=0)
    form[1:, 1:] = minus.T @ minus + (plus**2).sum() * np.eye(3) - plus.T @ plus
    return np.sqrt(max(np.linalg.eigvalsh(form)[0], 0.0) / len(x))


@pytest.mark.parametrize("n_atoms", [3, 4, 9])
def test_superposition_has_the_least_rmsd(n_atoms):
    reference, positions = np.random.default_rng(n_atoms).normal(size=(2, n_atoms, 3))
    assert rmsd(positions, reference) == pytest.approx(least_rmsd(positions, reference), abs=1e-7)


def test_mirror_images_stay_apart_by_the_least_rmsd():
    reference = molecule("CH3CHO").positions + np.random.default_rng(0).normal(0, 0.3, (7, 3))
    mirrored = reference * [1, 1, -1]
    assert rmsd(mirrored, reference) == pytest.approx(least_rmsd(mirrored, reference), abs=1e-7)


def test_an_atom_and_a_pair():
    assert rmsd(np.ones((1, 3)), np.zeros((1, 3))) == 0.0
    pair, longer = np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([[0.0, 5, 0], [0, 5, 1.4]])
    assert rmsd(longer, pair) == pytest.approx(0.2)


def test_shift_and_rotation_are_taken_out_and_a_mirror_is_not():
    reference = molecule("CH3CHO").positions + np.random.default_rng(0).normal(0, 0.3, (7, 3))
    moved = Rotation.random(random_state=3).apply(reference) + [3.0, -2.0, 9.0]
    assert rmsd(moved, reference) < 1e-12
    np.testing.assert_allclose(superposed(moved, reference), reference, atol=1e-12)
    assert rmsd(reference * [1, 1, -1], reference) > 0.1


def test_periodic_rmsd_takes_out_the_mean_displacement_only():
    slab = fcc111("Cu", (2, 2, 3), vacuum=5.0, periodic=True)
    other = slab.copy()
    other.positions += [0.3, 0.1, -0.2]
    other.wrap()
    assert structure_rmsd(other, slab) < 1e-12
    turned = slab.copy()
    turned.rotate(5.0, "z", center="COP")
    assert structure_rmsd(turned, slab) > 0.1
    other.positions[0] += [0.0, 0.0, 1.2]
    n = len(slab)
    expected = 1.2 * np.sqrt((1.0 - 1.0 / n) / n)  # one of n atoms, the mean taken out
    found = periodic_rmsd(other.positions, slab.positions, slab.cell.array, slab.pbc)
    assert found == pytest.approx(expected)


def test_rmsd_wants_the_same_atoms():
    with pytest.raises(ValueError, match=r"\(3, 3\).*\(2, 3\).*same order"):
        rmsd(np.zeros((3, 3)), np.zeros((2, 3)))


def test_springs_recover():
    found = recover(Springs(ETHANOL), ETHANOL, rng())
    assert found.recovered and found.converged and not found.failure
    assert found.delta_p < 0.005 and found.delta_e < 1e-4
    assert found.stable_energy == pytest.approx(0.0)
    np.testing.assert_allclose(found.stable_forces, 0.0, atol=1e-12)
    assert 5 < found.n_steps < 500


def test_without_forces_the_noise_stays():
    found = recover(Constant(), ETHANOL, rng())
    noise = rng().normal(0.0, 0.1, (9, 3))
    assert found.delta_p == pytest.approx(rmsd(ETHANOL.positions + noise, ETHANOL.positions))
    assert found.delta_e == 0.0 and found.n_steps == 0 and not found.recovered
    moved = perturbed(ETHANOL, rng())
    np.testing.assert_allclose(moved.positions, ETHANOL.positions + noise)


def test_another_minimum_is_not_recovered():
    found = recover(Springs(molecule("CH3OCH3")), ETHANOL, rng())
    assert found.converged and not found.recovered and found.delta_e > 0.1


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (np.nan, "step 3: energy nan eV"),
        (RuntimeError("SCF\n lost"), "step 3: RuntimeError: SCF l"),
    ],
)
def test_a_failed_relaxation_has_no_numbers(then, said):
    found = recover(Constant(4, then, force=1.0), ETHANOL, rng())  # the stable one, and 3 steps
    assert np.isnan(found.delta_p) and np.isnan(found.delta_e)
    assert not found.recovered and not found.converged
    assert found.failure.startswith(said) and "\n" not in found.failure


def test_an_error_at_the_stable_structure_is_raised():
    with pytest.raises(RuntimeError, match="no element"):
        recover(Constant(0, RuntimeError("no element")), ETHANOL, rng())


def test_relaxation_ends_after_its_steps_and_changes_nothing_else():
    before = ETHANOL.positions.copy()
    found = relax(Constant(force=1.0), ETHANOL, steps=7)
    assert len(found.energies) == 8 and not found.converged and not found.failure
    np.testing.assert_array_equal(ETHANOL.positions, before)


@pytest.fixture(name="surface")
def _surface() -> Atoms:
    """Copper with an adatom 0.3 A too high, and where EMT takes it; the bottom is held."""
    slab = fcc111("Cu", (2, 2, 3), vacuum=6.0, periodic=True)
    slab.append("Cu")
    slab.positions[-1] = slab.positions[-2] + [0.0, 1.47, 2.4]
    slab.arrays["free"] = (slab.positions[:, 2] > slab.positions[:, 2].min() + 1.0).astype(int)
    slab.info["relaxed_energy"] = 0.0
    slab.arrays["relaxed_pos"] = slab.positions.copy()
    start = slab.copy()
    slab.set_constraint(FixAtoms(mask=slab.arrays["free"] == 0))
    relaxed = relax(EMT(), slab, fmax=0.005)
    start.info["relaxed_energy"] = float(relaxed.energies[-1])
    start.arrays["relaxed_pos"] = relaxed.atoms.get_positions(wrap=True)
    return start


def test_is2re_of_its_own_reference(surface):
    found = is2re(EMT(), surface)
    assert found.converged and found.start_displacement > 0.05
    assert found.displacement < 0.02
    errors = is2re_errors([found, found._replace(energy=np.nan, displacement=np.nan)])
    assert errors.energy_mae < 0.01 and errors.within == 0.5 and errors.failed == 1
    assert errors.displacement == found.displacement


def test_held_atoms_stay(surface):
    found = is2re(Constant(force=0.5), surface, steps=3)
    assert found.n_steps == 3 and not found.converged
    stayed = np.all(found.positions == surface.positions, axis=1)
    np.testing.assert_array_equal(stayed, surface.arrays["free"] == 0)
    assert stayed.sum() == 4


def test_is2re_does_not_hide_an_unknown_element(surface):
    with pytest.raises(RuntimeError, match="no element"):
        is2re(Constant(0, RuntimeError("no element")), surface)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.info.pop("relaxed_energy"), "lacks info relaxed_energy; add"),
        (lambda a: a.arrays.pop("free"), "lacks array free; add"),
        (lambda a: a.info.update(relaxed_energy="low"), "relaxed_energy = 'low' is not a finite"),
        (lambda a: a.arrays["free"].fill(2), r"free holds \[2\]; give 1"),
        (lambda a: a.arrays["relaxed_pos"].fill(np.nan), "relaxed_pos .* must be finite"),
    ],
)
def test_is2re_says_what_it_lacks(surface, change, said):
    change(surface)
    with pytest.raises(ValueError, match=said):
        is2re(EMT(), surface)


def test_figure_counts_the_failed_and_draws_zeros():
    values = {"a": np.array([0.0, 0.01, 2.0]), "b": np.array([np.nan, 0.2, 0.3])}
    figure = recovery_figure(values, {k: 1000.0 * v for k, v in values.items()})
    places, energies = figure.axes
    assert places.get_xscale() == energies.get_xscale() == "log"
    assert [text.get_text() for text in figure.legends[0].texts] == ["a", "b (1 failed)"]
    with pytest.raises(ValueError, match="same names"):
        recovery_figure(values, {})


def test_gfn2_finds_its_own_minima_again(shared_data):
    """The reference method itself: small molecules without soft torsions come back."""
    tblite = pytest.importorskip("tblite.ase")
    calculator = tblite.TBLite(verbosity=0)
    for index, atoms in enumerate(ase.io.read(shared_data / "qm9" / "qm9_1200.extxyz", "20:23")):
        stable = relax(calculator, atoms, fmax=0.005).atoms
        found = recover(calculator, stable, np.random.default_rng([0, index]))
        assert found.recovered, f"{atoms.get_chemical_formula()}: {found}"
        assert found.delta_e < 0.01 and np.abs(found.stable_forces).mean() < 0.005
