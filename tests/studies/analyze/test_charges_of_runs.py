"""Charges of atoms along a trajectory: where they are from, what follows, what stays unknown."""

import json

import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from scipy import constants

from physrep.analysis.motion.line_shape import PER_CM_IN_PER_PS
from physrep.config import ConfigError
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.charge_chapters import charge_chapters
from physrep.studies.analyze.charge_sources import ConstantCharges, ModelCharges
from physrep.studies.analyze.collector import TrajectoryAnalysis
from physrep.studies.analyze.motion_chapters import motion_chapters
from physrep.studies.analyze.record import as_dict, gaps
from physrep.studies.analyze.settings import Settings

PERIODIC, ISOLATED = np.ones(3, dtype=bool), np.zeros(3, dtype=bool)
BOND = 0.92  # A, H-F
KELVIN = 300.0


def analysis_of(numbers, positions, charges, side, interval=0.01, source=None, every=100):
    """charges: (n_frames, n_atoms) or None; side: A of the cell, 0 for none."""
    settings = Settings(temperature=KELVIN, every=every)
    found = TrajectoryAnalysis(np.asarray(numbers), len(positions), interval, settings, source)
    pbc = PERIODIC if side else ISOLATED
    for k, place in enumerate(positions):
        own = None if charges is None else charges[k]
        found.observe(Frame(place, side * np.eye(3), pbc, k * interval, None, False, k, own))
    return found.finish()


def salt(n_frames: int, n_ions: int = 20, step: float = 0.7):
    """Na+ and Cl- that walk independently in a cell so large that no two meet."""
    rng, numbers = np.random.default_rng(0), np.tile([11, 17], n_ions // 2)
    walk = rng.normal(0.0, step, (n_frames, n_ions, 3)).cumsum(axis=0)
    return numbers, walk + 200.0 * np.arange(n_ions)[:, None], 5000.0


def fluctuating(rng, mean: np.ndarray, n_frames: int, size: float = 0.1) -> np.ndarray:
    """(n_frames, n_atoms), the sum of each frame that of the means."""
    noise = rng.normal(0.0, size, (n_frames, len(mean)))
    return mean + noise - noise.mean(axis=1, keepdims=True)


def fluoride(n_molecules: int, n_frames: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """HF molecules on a grid of 6 A, each at a new angle in every frame: (n_frames, 2 n, 3)."""
    edge = round(n_molecules ** (1.0 / 3.0) + 0.499)
    grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3), axis=-1).reshape(-1, 3)[:n_molecules]
    turned = rng.normal(size=(n_frames, n_molecules, 3))
    turned *= BOND / np.linalg.norm(turned, axis=2, keepdims=True)
    fluorine = np.broadcast_to(6.0 * grid + 1.0, turned.shape)
    positions = np.stack([fluorine, fluorine + turned], axis=2).reshape(n_frames, -1, 3)
    return np.tile([9, 1], n_molecules), positions


@pytest.fixture(name="walk", scope="module")
def _walk():
    n_frames = 1000
    numbers, positions, side = salt(n_frames)
    charges = fluctuating(np.random.default_rng(2), np.tile([0.8, -0.8], 10), n_frames)
    return analysis_of(numbers, positions, charges, side)


def test_fluctuating_charges_that_walk_conduct_as_their_means(walk):
    diffusion = 0.7**2 / (2.0 * 0.01) * (1.0 - 1.0 / 20) * 1e-8
    whole = 20 * constants.e**2 * diffusion / ((5000e-10) ** 3 * constants.k * KELVIN)
    found = walk.charges
    assert found.source == "those in the trajectory"
    apart, together = found.nernst_einstein.value, found.einstein.value
    for one in (apart, together):
        assert abs(one.value - 0.64 * whole) < 3.0 * one.error < whole
    beside = walk.motion  # whole charges stay what they were
    ratio = apart.value / beside.nernst_einstein.value.value
    assert ratio == pytest.approx(0.64, rel=1e-2)
    assert together.value / beside.einstein.value.value == pytest.approx(0.64, rel=1e-2)


def test_charges_of_species_have_mean_and_spread(walk):
    found = walk.charges.molecules.value
    assert found.kinds == ["Cl-", "Na+"]
    np.testing.assert_allclose(found.mean.value, [-0.8, 0.8], atol=3e-3)
    np.testing.assert_allclose(found.spread, 0.1 * np.sqrt(0.95), rtol=0.02)
    assert np.all(np.abs(found.mean.value - [-0.8, 0.8]) < 4.0 * found.mean.error)
    assert "no molecule has two atoms" in walk.charges.rotational.reason


def test_the_report_says_which_charges_were_used(walk):
    record = json.loads(json.dumps(as_dict(walk), allow_nan=False))["charges"]
    assert record["source"] == "those in the trajectory"
    assert record["molecules"]["kinds"]["Na+"]["mean"] == pytest.approx(0.8, abs=3e-3)
    runs = {"run": walk}
    pages = {one.name: one for one in (*charge_chapters(runs), *motion_chapters(runs))}
    assert "Charges of atoms: those in the trajectory." in pages["charges"].texts
    (figure, _), *_ = pages["charges"].figures
    figure.draw_without_rendering()
    assert [axes.get_title("left") for axes in figure.axes] == ["Cl-", "Na+"]
    rows = pages["conductivity"].tables[0].rows
    assert {row[:2] for row in rows} >= {("Nernst-Einstein", "whole ions"),
                                         ("Nernst-Einstein", "mean of atoms")}  # fmt: skip


def test_independent_rotating_molecules_have_the_dielectric_constant_of_debye():
    """Charges that fluctuate by exchange between molecules give no current."""
    rng, n_molecules, n_frames, side = np.random.default_rng(3), 27, 400, 18.0
    numbers, positions = fluoride(n_molecules, n_frames, rng)
    charges = fluctuating(rng, np.tile([-0.4, 0.4], n_molecules), n_frames, 0.01)
    found = analysis_of(numbers, positions, charges, side).charges
    size = 0.4 * BOND
    per = (1e-10 * constants.e) ** 2 / (
        3.0 * constants.epsilon_0 * (side * 1e-10) ** 3 * constants.k * KELVIN
    )
    exact = n_molecules * size**2 * per
    rotational = found.rotational.value
    assert abs(rotational.value - exact) < 3.0 * rotational.error < 0.3 * exact
    assert found.static.value.value == rotational.value  # nothing else can respond
    assert found.dipoles.value.mean.value[0] == pytest.approx(size, rel=0.01)
    assert "no molecule of the first frame carries a charge" in found.einstein.reason


def vibrating(n_frames: int, interval: float, wavenumber: float) -> tuple[np.ndarray, float]:
    """(n_frames, 2, 3) of HF that vibrates with the mean energy k_B T, and its mass in amu."""
    masses = np.array([18.998403163, 1.008])
    reduced = masses.prod() / masses.sum()
    omega = 2.0 * np.pi * wavenumber * PER_CM_IN_PER_PS
    thermal = constants.k * KELVIN / constants.atomic_mass * 1e-4
    length = BOND + np.sqrt(2.0 * thermal / reduced) / omega * np.sin(
        omega * interval * np.arange(n_frames)
    )
    positions = np.zeros((n_frames, 2, 3))
    positions[:, :, 0] = 3.0 + length[:, None] * np.array([-masses[1], masses[0]]) / masses.sum()
    return positions, reduced


@pytest.mark.parametrize("side", [0.0, 8.0])
def test_a_molecule_that_vibrates_has_its_line_with_the_right_intensity(side):
    positions, reduced = vibrating(1300, 0.002, 2000.0)
    source = ConstantCharges(np.array([-0.5, 0.5]), "those in charges.txt")
    found = analysis_of([9, 1], positions, None, side, 0.002, source, every=1000)
    spectrum = found.charges.infrared.value
    top = spectrum.wavenumbers[spectrum.intensity.value.argmax()]
    assert top == pytest.approx(2000.0, abs=spectrum.resolution)
    assert spectrum.integral(1800.0, 2200.0) == pytest.approx(974.86 * 0.25 / reduced, rel=0.01)
    (page,) = [one for one in charge_chapters({"run": found}) if one.name == "infrared"]
    assert "Quantum correction factor: harmonic" in page.figures[0][1]
    page.figures[0][0].draw_without_rendering()
    axis = page.figures[0][0].axes[0].get_ylabel()
    assert ("km cm/mol" in axis) == (side == 0.0)


def test_unknown_charges_are_a_gap_and_never_zero():
    n_frames = 200
    numbers, positions, side = salt(n_frames)
    charges = np.tile([0.9, -0.9], (n_frames, 10))
    charges[:, 5] = np.nan
    results = analysis_of(numbers, positions, charges, side)
    found, missing = results.charges, gaps(results)
    assert found.molecules.value.unknown == ["Cl-"]
    assert found.molecules.value.mean.value[1] == pytest.approx(0.9)
    for name in ("whole", "infrared", "einstein", "nernst_einstein"):
        assert missing[f"charges.{name}"]
    assert "the charges of atoms of Cl- are not known" in missing["charges.einstein"]
    record = json.loads(json.dumps(as_dict(results), allow_nan=False))["charges"]
    assert record["molecules"]["kinds"]["Cl-"]["mean"] is None
    page = next(one for one in charge_chapters({"run": results}) if one.name == "charges")
    row = next(row for row in page.tables[0].rows if row[0] == "Cl-")
    assert "unknown" in row and not any(cell.startswith("0") for cell in row[3:])


@pytest.mark.parametrize("charges", [None, 0.0])
def test_without_charges_there_is_one_gap_that_says_what_to_do(charges):
    numbers, positions = fluoride(8, 60, np.random.default_rng(0))
    given = None if charges is None else np.zeros((60, 16))
    results = analysis_of(numbers, positions, given, 20.0)
    missing = gaps(results)
    assert [name for name in missing if name.startswith("charges")] == ["charges"]
    said = "has no charges of atoms" if charges is None else "are 0: nothing has set them"
    assert said in missing["charges"] and "(--charges)" in missing["charges"]
    assert [one.name for one in charge_chapters({"run": results})].count("infrared") == 0


def test_ions_of_one_atom_have_their_whole_charges():
    numbers, positions, side = salt(60)
    found = analysis_of(numbers, positions, None, side).charges
    assert found.source == "whole charges of ions of one atom"
    assert found.molecules.value.mean.value.tolist() == [-1.0, 1.0]


class Electronegativity(Calculator):
    """Charges that follow the bond length; counts its calls."""

    implemented_properties = ["charges"]

    def __init__(self):
        super().__init__()
        self.calls = 0

    def calculate(self, atoms=None, properties=("charges",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        length = np.linalg.norm(self.atoms.positions[1] - self.atoms.positions[0])
        self.results = {"charges": np.array([-0.5, 0.5]) * length + 0.5 * atoms.info["charge"]}


def test_a_model_computes_charges_frame_by_frame():
    positions, _ = vibrating(50, 0.0005, 3000.0)
    calculator = Electronegativity()
    source = ModelCharges(calculator, "hf.pt", np.array([9, 1]))
    stored = np.full((50, 2), 7.0)  # a source that is given goes before
    found = analysis_of([9, 1], positions, stored, 0.0, 0.0005, source).charges
    assert calculator.calls == 50
    assert found.source == "those that hf.pt computes for each frame"
    lengths = positions[:, 1, 0] - positions[:, 0, 0]
    hydrogen = found.atoms.value.kinds.index("H in HF")
    assert found.atoms.value.mean.value[hydrogen] == pytest.approx(0.5 * lengths.mean())
    assert found.whole.value.mean.value[0] == pytest.approx(0.5 * (lengths**2).mean())
    charged = ModelCharges(calculator, "hf.pt", np.array([9, 1]), total_charge=1.0)
    both = analysis_of([9, 1], positions[:2], None, 0.0, 0.0005, charged).charges
    assert both.molecules.value.mean.value[0] == pytest.approx(1.0)


def test_a_model_without_charges_and_a_wrong_number_of_charges_are_refused():
    class Energies(Calculator):
        implemented_properties = ["energy"]

    with pytest.raises(ConfigError, match=r"--charges ean\.pt: this potential has no charges"):
        ModelCharges(Energies(), "ean.pt", np.array([9, 1]))

    class Promises(Calculator):
        """As an engine for all potentials, of which some have charges."""

        implemented_properties = ["charges"]

        def calculate(self, *_args, **_kwargs):
            self.results = {}

    positions, _ = vibrating(3, 0.0005, 3000.0)
    empty = ModelCharges(Promises(), "ean.pt", np.array([9, 1]))
    with pytest.raises(ConfigError, match="this potential has no charges"):
        analysis_of([9, 1], positions, None, 0.0, 0.0005, empty)
    short = ConstantCharges(np.zeros(3), "those in q.txt")
    with pytest.raises(ConfigError, match="3 charges are given for 2 atoms"):
        analysis_of([9, 1], positions, None, 0.0, 0.0005, short)


def test_frames_that_lose_their_charges_end_there():
    numbers, positions, side = salt(30)
    charges = [np.tile([1.0, -1.0], 10) if k < 20 else None for k in range(30)]
    found = analysis_of(numbers, positions, charges, side).charges
    assert found.molecules.value.n_frames == 20
    assert "frame 20" in found.molecules.reason and "no charges" in found.molecules.reason
