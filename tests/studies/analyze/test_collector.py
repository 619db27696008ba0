"""The collector, fed from memory: what it finds, and the gaps that it names."""

import json

import numpy as np
import pytest
from liquid_box import Frames, box

from physrep.config import ConfigError
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.chapters import chapters
from physrep.studies.analyze.collector import TrajectoryAnalysis
from physrep.studies.analyze.correlation_chapters import correlation_chapters
from physrep.studies.analyze.record import as_dict, gaps
from physrep.studies.analyze.settings import Settings

SIDE = 30.0  # A
CELL, PERIODIC = SIDE * np.eye(3), np.ones(3, dtype=bool)
NO_CELL, NOT_PERIODIC = np.zeros((3, 3)), np.zeros(3, dtype=bool)
NUMBERS = np.array([11, 17] * 20)  # Na+, Cl-: ions of one atom


def walk(n_frames, step, seed=0):
    """(n_frames, 40, 3) in A, unwrapped: ions without interaction."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0.0, SIDE, (40, 3))
    steps = rng.normal(0.0, step, (n_frames - 1, 40, 3))
    return start + np.concatenate([np.zeros((1, 40, 3)), steps.cumsum(axis=0)])


def analysis_of(positions, interval=0.01, cell=CELL, pbc=PERIODIC, numbers=NUMBERS, **settings):
    found = TrajectoryAnalysis(numbers, len(positions), interval, Settings(**settings))
    for k, one in enumerate(positions):
        time = None if interval is None else k * interval
        found.observe(Frame(one, cell, pbc, time, None, bool(np.any(pbc)), k))
    return found.finish()


def lonely(seed=0):
    """No two ions near enough for a bond; they tremble."""
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3)[:40] * 7.0 + 1.0
    return grid + np.random.default_rng(seed).normal(0.0, 0.3, (200, 40, 3))


def test_displacements_are_those_written_out():
    positions = lonely() + 0.1 * np.arange(200)[:, None, None]  # drifts through the cell
    found = analysis_of(positions % SIDE).motion.displacements.value
    masses = np.array([22.98976928 if z == 11 else 35.45 for z in NUMBERS])
    free = positions - (np.einsum("a,fak->fk", masses, positions) / masses.sum())[:, None]
    for kind, own in (("Na+", slice(0, None, 2)), ("Cl-", slice(1, None, 2))):
        expected = [
            ((free[lag:, own] - free[: len(free) - lag, own]) ** 2).sum(axis=2).mean()
            for lag in range(21)
        ]
        row = found.kinds.index(kind)
        np.testing.assert_allclose(found.msd.value[row], expected, rtol=1e-4, atol=1e-9)


def test_a_random_walk_has_its_diffusion_and_conductivity():
    step, interval = 0.7, 0.02
    numbers = np.array([11, 17] * 20)
    positions = walk(4000, step)
    found = TrajectoryAnalysis(numbers, 4000, interval, Settings(temperature=300.0, every=100))
    apart = 100.0 * np.arange(40)[:, None]  # a cell so large that no two meet
    cell = 5000.0 * np.eye(3)
    for k, one in enumerate(positions):
        found.observe(Frame(one + apart, cell, PERIODIC, k * interval, None, True, k))
    motion = found.finish().motion
    expected = step**2 / (2.0 * interval) * (1.0 - 1.0 / 40)  # less the centre of mass
    for kind in ("Na+", "Cl-"):
        line = motion.lines[kind]
        assert line.resolved, line.reason
        assert line.coefficient == pytest.approx(expected, rel=0.25)
    e, k_b = 1.602176634e-19, 1.380649e-23
    volume, diffusion = (5000e-10) ** 3, expected * 1e-8
    sigma = 40 * e**2 * diffusion / (volume * k_b * 300.0)
    assert motion.nernst_einstein.value.value == pytest.approx(sigma, rel=0.2)
    assert motion.charged == 0.0


def test_long_runs_are_thinned_for_displacements_only():
    found = analysis_of(np.tile(lonely(), (45, 1, 1)), every=10)  # 9000 frames
    assert found.motion.every == 2
    assert found.motion.displacements.value.lags[1] == pytest.approx(0.02)
    assert found.reactions.value.n_frames == 9000 and found.structure.n_frames == 900


def test_structure_every_tenth_frame():
    found = analysis_of(lonely(), every=10)
    assert found.structure.n_frames == 20
    assert found.reactions.value.n_frames == 200


def test_without_a_cell_there_is_no_g_and_no_density():
    found = analysis_of(lonely(), cell=NO_CELL, pbc=NOT_PERIODIC)
    missing = gaps(found)
    for name in ("structure.elements", "structure.ions", "structure.density"):
        assert "no cell" in missing[name]
    assert found.motion.displacements.value is not None
    assert "no cell" in missing["motion.nernst_einstein"]


def test_without_times_there_is_no_motion():
    found = analysis_of(lonely(), interval=None)
    assert "--timestep" in gaps(found)["motion"]
    shares = correlation_chapters({"run": found})[-1]
    assert [text.partition(":")[0] for text in shares.texts] == [
        "Transference numbers",
        "Haven ratio",
    ]
    assert all("not measured" in text and "--timestep" in text for text in shares.texts)
    assert "--timestep" in gaps(found)["reactions"]
    assert found.structure.elements.value is not None


def test_few_frames_have_no_error_bar_and_no_motion():
    found = analysis_of(lonely()[:4])
    assert np.isnan(found.structure.elements.value.g.error).all()
    assert "4 frames" in found.structure.elements.value.g.reason
    assert "4 frames are too few" in gaps(found)["motion.displacements"]
    text = json.dumps(as_dict(found), allow_nan=False)
    assert "too few for an error bar" in text


def test_wrapped_positions_far_apart_are_refused_and_unwrapped_ones_are_not():
    positions = lonely() + np.arange(200)[:, None, None] * np.array([13.0, 0.0, 0.0])
    found = analysis_of(positions % SIDE)
    reason = found.motion.displacements.reason
    assert "the image it moved to is ambiguous" in reason
    assert "frame 1 of the trajectory (0.01 ps)" in reason
    free = analysis_of(positions, wrapped=False)
    assert free.motion.displacements.value is not None
    assert free.motion.displacements.value.msd.value[0].max() < 2.0  # less the drift


def test_uneven_times_end_the_motion_but_nothing_else():
    found = TrajectoryAnalysis(NUMBERS, 200, 0.01)
    for k, one in enumerate(lonely()):
        time = 0.01 * k + (0.005 if k > 150 else 0.0)
        found.observe(Frame(one, CELL, PERIODIC, time, None, True, k))
    results = found.finish()
    reason = results.motion.displacements.reason
    assert "frame 151" in reason and "evenly spaced" in reason
    assert results.motion.displacements.value.n_frames == 151
    assert results.reactions.value.n_frames == 200


def test_a_cell_that_shrinks_below_r_max_ends_the_distributions_with_its_frame():
    found = TrajectoryAnalysis(NUMBERS, 60, 0.01, Settings(r_max=14.9))
    for k, one in enumerate(lonely()[:60]):
        scale = 0.98 if k >= 40 else 1.0
        found.observe(Frame(scale * one, scale * CELL, PERIODIC, 0.01 * k, None, True, k))
    elements = found.finish().structure.elements
    assert "frame 40" in elements.reason and "r_max is 14.9" in elements.reason
    assert elements.value.n_frames == 40


def test_velocities_give_a_temperature_and_a_spectrum():
    rng, interval = np.random.default_rng(0), 0.002
    masses = np.array([22.98976928 if z == 11 else 35.45 for z in NUMBERS])[:, None]
    omega, kb = 2.0 * np.pi * 200.0 * 0.0299792458, 8.617333262e-5 / 1.036426966e-4
    phases = rng.uniform(0.0, 2.0 * np.pi, (40, 3))
    size = np.sqrt(2.0 * 300.0 * kb / masses)  # A/ps
    found = TrajectoryAnalysis(NUMBERS, 2000, interval)
    rest = lonely()[0]
    for k in range(2000):
        angle = omega * k * interval + phases
        place = rest + size / omega * np.sin(angle)
        found.observe(Frame(place, CELL, PERIODIC, k * interval, size * np.cos(angle), True, k))
    motion = found.finish().motion
    assert float(motion.temperature.value.value) == pytest.approx(300.0 * 40 / 39, rel=0.01)
    density = motion.spectrum.value
    top = density.wavenumbers[density.density.value[-1].argmax()]
    assert top == pytest.approx(200.0, abs=density.resolution)


def test_frames_too_far_apart_have_no_spectrum():
    missing = gaps(analysis_of(lonely(), interval=0.01))
    assert "frames every 10 fs" in missing["motion.spectrum"]


def test_two_trajectories_share_their_figures():
    runs = {}
    for name, seed in (("one", 0), ("two", 1)):
        frames = Frames([(5, 30)], drift=0.0)
        positions = frames.positions(0, 60, np.random.default_rng(seed))
        atoms = frames.atoms
        runs[name] = analysis_of(positions, 0.01, atoms.cell.array, PERIODIC, atoms.numbers)
    found = {chapter.name: chapter for chapter in chapters(runs)}
    legend = found["ions"].figures[0][0].legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]
    assert found["trajectory"].tables[0].header[0] == "trajectory"
    assert all("<section" not in chapter.heading for chapter in found.values())


def test_lifetimes_of_pairs_without_memory_and_of_pairs_that_last():
    """Ions at new places in each frame: S(t) = p^t, C(t) = p = 1/20; in a crystal nothing ends."""
    new = np.random.default_rng(4).uniform(0.0, SIDE, (600, 40, 3))
    found = analysis_of(new)
    ions = found.lifetimes.ions.value
    assert ions.number == 20.0 and ions.chance == 0.05
    exact = 0.05 ** np.arange(4)
    np.testing.assert_allclose(ions.continuous.value[:4], exact, atol=5e-3)
    np.testing.assert_allclose(ions.intermittent.value[1:], 0.05, atol=0.02)
    time = ions.continuous_time
    assert abs(time.value - 0.01 * (0.5 + 1.0 / 19.0)) < max(4.0 * time.error, 1e-4)
    assert "no hydrogen bonds are possible" in found.lifetimes.hydrogen.reason
    crystal = analysis_of(np.repeat(lonely()[:1], 200, axis=0))
    lasting = crystal.lifetimes.ions.value
    assert (
        lasting.continuous.value == 1.0
    ).all() and "run longer" in lasting.continuous_time.reason
    record = json.loads(json.dumps(as_dict(found), allow_nan=False))
    assert record["lifetimes"]["ions"]["number"] == 20.0
    (chapter,) = [one for one in chapters({"a": found, "b": crystal}) if one.name == "lifetimes"]
    assert [row[-2:] for row in chapter.tables[0].rows][1] == ("not resolved", "not resolved")
    assert len(chapter.figures) == 1
    without_times = analysis_of(new[:5], interval=None)
    assert without_times.lifetimes is None


def test_hydrogen_bonds_and_molecules_of_the_liquid():
    atoms = box()
    found = analysis_of([atoms.positions], None, atoms.cell.array, PERIODIC, atoms.numbers)
    assert dict(found.system.counts) == {"C2H8N+": 15, "NO3-": 15}
    assert found.system.charges.sum() == 0.0
    assert found.structure.hydrogen_pairs == [("H(N)", "O")]
    assert len(found.system.donors()) == len(found.system.acceptors()) == 45
    assert 15 < found.structure.hydrogen_bonds.value.value < 90


@pytest.mark.parametrize(
    "wrong", [{"r_max": -1.0}, {"every": 0}, {"tau": -0.1}, {"temperature": float("nan")}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name} = .*must be"):
        Settings(**wrong)


def test_another_number_of_atoms_is_refused():
    found = TrajectoryAnalysis(NUMBERS, 2, 0.01)
    with pytest.raises(ValueError, match="39 atoms, expected 40"):
        found.observe(Frame(lonely()[0][:39], CELL, PERIODIC, 0.0, None, True, 0))
    with pytest.raises(ValueError, match="0 frames"):
        found.finish()
