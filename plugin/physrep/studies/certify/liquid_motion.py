"""How the liquid moves: vibrations, diffusion, conductivity. A short run resolves the first."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from physrep.analysis.motion.msd import CHARGE
from physrep.analysis.motion.velocity import Spectrum
from physrep.analysis.statistics.blocks import Estimate
from physrep.studies.analyze.motion_chapters import motion_chapters
from physrep.studies.analyze.motion_stream import MotionResults
from physrep.studies.analyze.reaction_chapter import reaction_chapters
from physrep.studies.analyze.stream import Answer
from physrep.studies.certify.check import Check, at_most, skipped
from physrep.studies.certify.liquid import Liquid
from physrep.studies.certify.part import Part

FASTEST = 3800.0  # cm^-1: O-H of water; N-H and C-H are below, only H2 and HF above
NEARLY_ALL = 0.99  # of the kinetic energy: what is left is noise
CONDUCTIVITIES = {
    "nernst_einstein": "Nernst-Einstein",
    "einstein": "Einstein, collective",
    "green_kubo": "Green-Kubo",
}
TEXT = (
    "From the same runs. A diffusion coefficient is reported where the log-log slope of the mean "
    "squared displacement is 1 +- 0.1 and the displacement reaches 25 A^2. What a run is too short "
    "to resolve is skipped; that is no failure of the potential. The Langevin friction of 1/ps "
    "slows diffusion."
)


def dynamics_part(found: Sequence[Liquid]) -> Part:
    """Spectrum, diffusion and conductivity of the longest sound runs, and their reactions."""
    checks = [check for liquid in found for check in dynamics_checks(liquid)]
    shown = {one.name: one.measured for one in found if one.measured is not None}
    chapters = [*motion_chapters(shown), *reaction_chapters(shown)] if shown else []
    return Part("dynamics", "Dynamics", TEXT, checks, [], chapters)


def dynamics_checks(liquid: Liquid) -> Iterator[Check]:
    """Of one temperature; skipped with the reason where the run does not resolve it."""
    name = f"dynamics: {liquid.name}"
    if liquid.measured is None:
        yield skipped(name, liquid.gap)
        return
    motion = liquid.measured.motion
    if motion is None:
        yield skipped(name, liquid.measured.motion_gap)
        return
    yield _spectrum_check(f"{name}, fastest vibration", motion.spectrum)
    yield from _diffusion_checks(name, motion)
    for attribute, way in CONDUCTIVITIES.items():
        yield _conductivity_check(f"{name}, conductivity, {way}", getattr(motion, attribute))


def _spectrum_check(name: str, found: Answer[Spectrum]) -> Check:
    """Below which wavenumber 99 % of the kinetic energy is: no bond of molecules is stiffer."""
    if found.value is None:
        return skipped(name, found.reason)
    density = found.value.density.value[found.value.kinds.index("all")]
    below = np.cumsum(np.maximum(density, 0.0))
    value = float(found.value.wavenumbers[np.searchsorted(below, NEARLY_ALL * below[-1])])
    note = f"resolution {found.value.resolution:.0f} cm^-1; X-H stretches end at {FASTEST:g}"
    return at_most(name, value, "cm^-1", FASTEST + found.value.resolution, np.inf, note)


def _diffusion_checks(name: str, motion: MotionResults) -> Iterator[Check]:
    if motion.displacements.value is None:
        yield skipped(f"{name}, diffusion", motion.displacements.reason)
    for kind, line in motion.lines.items():
        if kind == CHARGE:
            continue
        title = f"{name}, diffusion of {kind}"
        if not line.resolved:
            yield skipped(title, line.reason)
            continue
        note = f"+- {line.error:.2g}; slope {line.slope:.2f}, MSD {line.reached:.3g} A^2"
        yield Check(title, line.coefficient, "A^2/ps", None, "pass", note)


def _conductivity_check(name: str, found: Answer[Any]) -> Check:
    estimate = getattr(found.value, "conductivity", found.value)
    if not isinstance(estimate, Estimate) or not np.isfinite(estimate.value):
        return skipped(name, found.reason if estimate is None else estimate.reason)
    return Check(
        name, float(estimate.value), "S/m", None, "pass", f"+- {float(estimate.error):.2g}"
    )
