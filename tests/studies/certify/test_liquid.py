"""Structure and dynamics of the runs: what is compared with what, and what is a labelled gap."""

import json
from typing import NamedTuple

import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from calculators import Wrong, argon, smooth_lj

from physrep.analysis.motion.line_shape import PER_CM_IN_PER_PS
from physrep.analysis.stability.soundness import Stability
from physrep.analysis.structure.contacts import shortest_contacts
from physrep.io import Structure
from physrep.probes.dynamics import Sample
from physrep.studies.certify.certificate import Certificate, write_certificate
from physrep.studies.certify.check import skipped, verdict_of_part
from physrep.studies.certify.comparison import (
    comparison_checks,
    curve_deviation,
    neighbour_deviation,
)
from physrep.studies.certify.density import density_check
from physrep.studies.certify.levels import Level
from physrep.studies.certify.liquid import (
    FEWEST,
    INTERVAL,
    Liquid,
    frames_like,
    liquids,
    longest_sound_run,
    measured_data,
)
from physrep.studies.certify.liquid_motion import dynamics_checks, dynamics_part
from physrep.studies.certify.liquid_structure import structure_part
from physrep.studies.certify.survival import Run, survival_run
from physrep.studies.certify.task import Task

TEMPERATURE = 60.0  # K
LEVEL = Level((TEMPERATURE,), 1, 0.6, 0.1, 0.1, 1)


def structure_of(atoms, **info) -> Structure:
    return Structure(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc, info=info)


class Measured(NamedTuple):
    """A task with its runs and what was measured of them."""

    task: Task
    runs: list[Run]
    found: list[Liquid]


def measured(atoms, data=(), calculator=None, level=LEVEL, seed=1) -> Measured:
    task = Task(calculator or smooth_lj(), atoms, level, list(data), seed)
    contacts = shortest_contacts([structure_of(argon())])
    runs = [
        survival_run(task.calculator, atoms, contacts, temperature, level.survival, seed)
        for temperature in level.temperatures
    ]
    return Measured(task, runs, liquids(task, runs))


@pytest.fixture(scope="module", name="sound")
def _sound():
    """A run, and frames of another one of the same crystal as data."""
    other = measured(argon(), seed=7).runs[0]
    frames = [argon() for sample in other.samples]
    for atoms, sample in zip(frames, other.samples, strict=True):
        atoms.positions = sample.positions
    return measured(argon(), [structure_of(atoms) for atoms in frames[25:]])


def test_a_liquid_like_its_data_passes(sound):
    part = structure_part(sound.task, sound.found)
    found = {check.name.removeprefix("structure: 60 K, "): check for check in part.checks}
    assert verdict_of_part(part.checks) == "pass"
    assert found["atoms: neighbours"].value < 0.02
    assert "Ar around Ar up to" in found["atoms: neighbours"].note
    assert found["atoms: g(r)"].value < 0.1
    assert "no hydrogen bonds are possible" in found["hydrogen bonds"].note
    assert "no bonds" in found["bonds"].note
    assert found["structure: density"].verdict == "skipped"
    names = [chapter.name for chapter in part.chapters]
    assert names == ["density", "atoms", "ions", "hydrogen", "bonds"]


def test_another_arrangement_of_the_same_atoms_does_not(sound):
    """Atoms on a simple cubic lattice have 6 neighbours, not 12."""
    rng = np.random.default_rng(0)
    cubic = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3)[::2] * 2.7
    data = []
    for _ in range(40):
        atoms = argon()
        atoms.positions = cubic + rng.normal(0.0, 0.05, cubic.shape)
        data.append(structure_of(atoms))
    run = sound.found[0].measured
    other = measured_data(data, TEMPERATURE, float(run.structure.elements.value.edges[-1]))
    found = {check.name: check for check in comparison_checks("x", run, other)}
    assert found["x, atoms: neighbours"].verdict == "fail"
    assert found["x, atoms: g(r)"].verdict == "fail"
    assert "most at" in found["x, atoms: g(r)"].note


def test_a_deviation_from_itself_is_zero_and_error_bars_are_taken_off(sound):
    radial = sound.found[0].data.structure.elements.value
    (pair,) = radial.pairs
    assert neighbour_deviation(radial, radial, pair).value == 0.0
    found = curve_deviation(radial, radial, pair)
    assert found.value == 0.0 and "within twice the error bars" in found.note


def test_motion_of_a_short_run_is_skipped_with_reasons(sound):
    part = dynamics_part(sound.found)
    found = {check.name.removeprefix("dynamics: 60 K, "): check for check in part.checks}
    assert found["diffusion of Ar"].verdict == "skipped"
    assert "not resolved" in found["diffusion of Ar"].note
    assert "charge" in found["conductivity, Nernst-Einstein"].note
    assert "too few" in found["fastest vibration"].note
    assert verdict_of_part(part.checks) == "skipped"
    assert [chapter.name for chapter in part.chapters][:3] == [
        "diffusion",
        "vibrations",
        "conductivity",
    ]


def harmonic_run(wavenumber: float) -> Run:
    """Atoms that all vibrate with this wavenumber (cm^-1), 2.8 ps long."""
    rng = np.random.default_rng(0)
    start, away, phase = argon().positions, *rng.normal(0.0, 1.0, (2, 32, 3))
    omega = 2.0 * np.pi * wavenumber * PER_CM_IN_PER_PS
    samples = []
    for time in INTERVAL * np.arange(1, 701):
        moved = 0.01 * away * np.cos(omega * time + phase)
        velocities = -0.01 * omega * away * np.sin(omega * time + phase)
        samples.append(Sample(float(time), start + moved, velocities, 0.0, 0.0, TEMPERATURE))
    stability = Stability(None, 2.8, 700, 0.0, 1.0, TEMPERATURE, None, None, None, None)
    return Run(TEMPERATURE, 0, 2.8, stability, samples)


@pytest.mark.parametrize(("wavenumber", "verdict"), [(1500.0, "pass"), (4000.0, "warn")])
def test_the_spectrum_ends_where_the_fastest_vibration_does(wavenumber, verdict):
    (liquid,) = liquids(Task(smooth_lj(), argon(), LEVEL, []), [harmonic_run(wavenumber)])
    (check,) = (c for c in dynamics_checks(liquid) if "vibration" in c.name)
    assert check.verdict == verdict
    assert check.value == pytest.approx(wavenumber, abs=130.0)  # the resolution


def test_a_run_that_failed_is_no_liquid():
    def attractive(atoms, energy, forces):
        return energy, -3.0 * forces

    task, _, found = measured(argon(), calculator=Wrong(attractive))
    for part in (structure_part(task, found), dynamics_part(found)):
        assert verdict_of_part(part.checks) == "skipped"
        assert "no run at 60 K was sound" in part.checks[0].note
        assert not part.chapters


def test_a_molecule_in_vacuum_has_no_radial_distribution():
    task, _, found = measured(argon(pbc=False), level=LEVEL._replace(survival=0.3))
    part = structure_part(task, found)
    assert all(check.verdict == "skipped" for check in part.checks)
    assert "not periodic in three directions" in part.checks[0].note
    assert [chapter.name for chapter in part.chapters] == ["bonds"]


def test_too_little_after_the_equilibration(sound):
    run, why = longest_sound_run(sound.runs, TEMPERATURE, 0.58)
    assert run is None and "fewer than 10 frames after 0.58 ps" in why
    assert longest_sound_run(sound.runs, 500.0, 0.0)[0] is None


def test_only_data_like_the_run_is_compared_with():
    atoms, wide = argon(), argon()
    wide.set_cell(1.02 * wide.cell, scale_atoms=True)  # 6 % of the volume
    warm = [structure_of(atoms, temperature=62.0)] * FEWEST
    hot = [structure_of(atoms, temperature=90.0)] * FEWEST
    fewer = [structure_of(atoms[:-1], temperature=60.0)] * FEWEST
    everything = [*warm, *hot, *fewer, *[structure_of(wide, temperature=60.0)] * FEWEST]
    kept, why = frames_like(everything, atoms, TEMPERATURE)
    assert kept == warm and why == ""
    assert len(frames_like([structure_of(atoms)] * FEWEST, atoms, TEMPERATURE)[0]) == FEWEST
    for data, words in (([], "give --reference"), (hot, "0 periodic frames"), (fewer, "0 per")):
        kept, why = frames_like(data, atoms, TEMPERATURE)
        assert kept == [] and words in why
    assert "not periodic" in frames_like(warm, argon(pbc=False), TEMPERATURE)[1]


def test_density_of_a_crystal_near_its_own():
    check = density_check("density", smooth_lj(), argon(), 20.0, 0.3, 0)
    assert check.verdict == "pass", check
    assert "g/cm3 at 1 bar, 20 K" in check.note


def test_density_of_a_liquid_that_boils_away_fails():
    repulsive = LennardJones(sigma=4.6, epsilon=0.0103, rc=8.0, ro=6.5, smooth=True)
    assert density_check("density", repulsive, argon(), 60.0, 0.3, 0).verdict == "fail"


def test_the_report_holds_the_chapters(sound, tmp_path):
    parts = [structure_part(sound.task, sound.found), dynamics_part(sound.found)]
    assert verdict_of_part([skipped("a", "b")]) == "skipped"
    write_certificate(Certificate("lj", "argon", "quick", "pass", parts), tmp_path, ["physrep"])
    page = (tmp_path / "report.html").read_text()
    for words in ("Structure: pass", "Dynamics: skipped", "<h3>Radial distributions of atoms</h3>"):
        assert words in page
    assert json.loads((tmp_path / "certificate.json").read_text())["checks"]
