"""Infrared absorption from the motion of the total dipole.

The absorption coefficient alpha times the refractive index n is, with J = dM/dt,

    alpha n = 1 / (6 eps0 c V k_B T)  int <J(0) . J(t)> exp(-i w t) dt

(R. Kubo, J. Phys. Soc. Jpn. 12 (1957) 570; M. Thomas et al., Phys. Chem. Chem. Phys. 15 (2013)
6608). This is linear response with a classical correlation, which is the same as the quantum
formula with the harmonic correction factor; others are factors on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.constants import hbar, speed_of_light

from physrep.analysis.motion.line_shape import (
    PER_CM_IN_PER_PS,
    line_shape,
    sampling_note,
)
from physrep.analysis.statistics.blocks import Estimate, block_error
from physrep.units import AVOGADRO, BOLTZMANN_IN_EV, COULOMB_CONSTANT, ELEMENTARY_CHARGE

HARMONIC = "harmonic"
# Over the harmonic factor x / (1 - exp(-x)), x = hbar w / k_B T. "standard" is 2 / (1 + exp(-x)),
# "schofield" exp(x / 2), "none" 1: the classical correlation in the place of the quantum one.
CORRECTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    HARMONIC: np.ones_like,
    "standard": lambda x: np.tanh(0.5 * x) / (0.5 * x),
    "schofield": lambda x: np.sinh(0.5 * x) / (0.5 * x),
    "none": lambda x: -np.expm1(-x) / x,
}
LIGHT_IN_A_PER_PS = 1e-2 * speed_of_light
HBAR_IN_EV_PS = 1e12 * hbar / ELEMENTARY_CHARGE
# A^2 per 1/cm in km/mol per 1/cm: 1e-20 m^2 for every system, N_A of them, and 1 m = 0.01 / cm.
KM_PER_MOL = 1e-20 * AVOGADRO * 0.1
CM_IN_ANGSTROM = 1e8


@dataclass(frozen=True, eq=False)
class Infrared:
    """wavenumbers: (n,) in cm^-1; intensity: (n,) in km cm/mol, natural logarithm: absorption of a
    mole of the whole system, whose integral over a line is its intensity in km/mol; resolution:
    cm^-1, full width at half maximum of an undamped line; correction: name of the quantum
    correction factor; note: what to know of it, "" if nothing.
    """

    wavenumbers: np.ndarray
    intensity: Estimate
    resolution: float
    correction: str
    note: str

    def absorption(self, volume: float) -> Estimate:
        """alpha n, (n,) in 1/cm, of a liquid of one such system in ``volume`` (A^3)."""
        per = CM_IN_ANGSTROM / (volume * KM_PER_MOL)
        return Estimate(per * self.intensity.value, per * self.intensity.error,
                        self.intensity.reason)  # fmt: skip

    def integral(self, low: float = 0.0, high: float = np.inf) -> float:
        """km/mol between two wavenumbers (cm^-1)."""
        inside = (self.wavenumbers >= low) & (self.wavenumbers <= high)
        return float(np.trapezoid(self.intensity.value[inside], self.wavenumbers[inside]))


def infrared(
    lags: np.ndarray,
    correlation: np.ndarray,
    blocks: np.ndarray,
    temperature: float,
    correction: str = HARMONIC,
    differences: bool = True,
) -> Infrared:
    """The spectrum of the autocorrelation of dM/dt.

    Args: lags: (n_lags + 1,) ps from 0; correlation: (n_lags + 1,) <J(0) . J(t)> in e^2 A^2/ps^2;
        blocks: (n_blocks, n_lags + 1) of stretches of the run; temperature in K; correction:
        quantum correction factor: "harmonic" (R. Ramirez et al., J. Chem. Phys. 121 (2004) 3973,
        who find it the best in most cases), "standard", "schofield" or "none"; differences: J is
        (M(t + interval) - M(t)) / interval.

    Raises:
        ValueError: no such correction, a temperature that is not positive.
    """
    if correction not in CORRECTIONS or not temperature > 0.0:
        raise ValueError(
            f"quantum correction {correction!r} at {temperature} K: choose {', '.join(CORRECTIONS)}"
            ", and a positive temperature"
        )
    shape = line_shape(lags, correlation, blocks, differences)
    thermal = BOLTZMANN_IN_EV * temperature
    per = 4.0 * np.pi * COULOMB_CONSTANT / (6.0 * LIGHT_IN_A_PER_PS * thermal) * KM_PER_MOL
    x = 2.0 * np.pi * HBAR_IN_EV_PS * PER_CM_IN_PER_PS * shape.wavenumbers / thermal
    factor = np.ones_like(x)
    factor[1:] = CORRECTIONS[correction](x[1:])  # all are 1 at x = 0
    error, reason = block_error(per * factor * shape.blocks)
    return Infrared(
        shape.wavenumbers,
        Estimate(per * factor * shape.value, error, reason),
        shape.resolution,
        correction,
        sampling_note(shape.wavenumbers[-1], differences, lags[1]),
    )
