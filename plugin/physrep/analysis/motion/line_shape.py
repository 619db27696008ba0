"""From an autocorrelation to a spectrum: the cosine transform with a window."""

from typing import NamedTuple

import numpy as np
from scipy.constants import speed_of_light
from scipy.fft import dct
from scipy.signal import get_window

PER_CM_IN_PER_PS = 1e-10 * speed_of_light  # 1 cm^-1 as a frequency in 1/ps
FASTEST = 4000.0  # cm^-1: no vibration of a molecule is faster
SMALLEST_RESPONSE = 0.5  # of a frequency to be divided by


class LineShape(NamedTuple):
    """wavenumbers: (n,) in cm^-1; value: (..., n), blocks: (n_blocks, ..., n), 2 int_0 C(t) cos wt
    dt in the unit of C times ps; resolution: cm^-1, full width at half maximum of an undamped line.
    """

    wavenumbers: np.ndarray
    value: np.ndarray
    blocks: np.ndarray
    resolution: float


def line_shape(
    lags: np.ndarray,
    correlation: np.ndarray,
    blocks: np.ndarray,
    differences: bool,
    window: str = "hann",
) -> LineShape:
    """Cosine transform of the windowed correlation, as far as the frames resolve it.

    A window that ends at zero keeps the ends of lines from ringing; it is 1 at lag 0, so that the
    integral of the spectrum stays what it was.

    Args: lags: (n_lags + 1,) ps, evenly spaced from 0; correlation: (..., n_lags + 1); blocks:
        (n_blocks, ..., n_lags + 1); differences: whether the rates behind it are differences from
        frame to frame over their time, which takes sin(x)/x, x = pi frequency interval, from an
        amplitude: divided out, up to twice; window: a name scipy.signal.get_window knows; its right
        half is used.

    Raises:
        ValueError: a window that is not known.
    """
    n_lags = len(lags) - 1
    half = get_window(window, 2 * n_lags + 1, fftbins=False)[n_lags:]
    wavenumbers = np.arange(n_lags + 1) / (2.0 * lags[-1] * PER_CM_IN_PER_PS)
    response = np.ones(n_lags + 1)
    if differences:
        response = np.sinc(wavenumbers * PER_CM_IN_PER_PS * lags[1]) ** 2
    kept = response >= SMALLEST_RESPONSE  # beyond, noise would be blown up
    value, in_blocks = (
        lags[1] * dct(one * half, type=1, axis=-1)[..., kept] / response[kept]
        for one in (correlation, blocks)
    )
    transform = np.abs(np.fft.rfft(half, 256 * (n_lags + 1)).real)
    half_width = np.argmax(transform < 0.5 * transform[0]) / (256 * (n_lags + 1) * lags[1])
    return LineShape(wavenumbers[kept], value, in_blocks, 2.0 * half_width / PER_CM_IN_PER_PS)


def sampling_note(highest: float, differences: bool, interval: float) -> str:
    """What a reader must know of a spectrum up to ``highest`` (cm^-1), "" if nothing; interval: ps
    between frames.
    """
    parts = []
    if differences:
        parts.append(
            "velocities are differences of positions; intensities are corrected, up to "
            f"{1.0 / np.sinc(highest * PER_CM_IN_PER_PS * interval) ** 2:.2f} times"
        )
    nyquist = 0.5 / (interval * PER_CM_IN_PER_PS)
    if nyquist < FASTEST:
        parts.append(
            f"frames every {1000.0 * interval:g} fs hold vibrations up to {nyquist:.0f} cm^-1; "
            "faster ones appear folded to wrong places below it"
        )
    return "; ".join(parts)
