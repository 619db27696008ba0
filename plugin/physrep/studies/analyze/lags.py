"""How far the correlations of fast motion go, and what a trajectory is too coarse or short for."""

from physrep.analysis.motion.line_shape import FASTEST, PER_CM_IN_PER_PS

FEWEST_LAGS = 5
VIBRATION = (0.25, 2.0)  # ps, shortest and longest lag that is of use; lines 17 cm^-1 wide
CURRENT = (1.0, 5.0)  # ps; below, an ion is still in its first swing in its cage
DENSE = 0.5 / (FASTEST * PER_CM_IN_PER_PS)  # ps between frames that hold every vibration
COARSEST = 0.02  # ps, for velocities: an ion in its cage turns round within 0.1 ps
NUMBERS_HELD = 32_000_000  # of one correlation: 256 MB
UNEVEN = 1e-3  # of the interval


def fast_lags(
    n_frames: int,
    interval: float,
    lengths: tuple[float, float],
    n_series: int,
    coarsest: float,
    source: str = "",
) -> tuple[int, str]:
    """Lags in frames of a correlation of velocities, and why there is none ("" where there is one).

    Args: interval: ps between frames; lengths: ps, VIBRATION or CURRENT; n_series: vectors in each
        frame; coarsest: ps between frames, at most; source: of the velocities, for the reason.
    """
    if interval > coarsest * (1.0 + UNEVEN):
        return 0, (
            f"frames every {1e3 * interval:g} fs{source} are too far apart (at most "
            f"{1e3 * coarsest:.3g} fs); store frames more often"
        )
    fewest, wanted = (max(FEWEST_LAGS, round(length / interval)) for length in lengths)
    n_lags = min(wanted, n_frames // 10, NUMBERS_HELD // (6 * n_series))
    if n_lags < fewest:
        text = f"{n_frames} frames every {1e3 * interval:g} fs are too few for a"
        return 0, f"{text} correlation over {lengths[0]:g} ps (at least {10 * fewest}); run longer"
    return n_lags, ""


def folded(interval: float) -> str:
    """Why frames so far apart (ps) have no spectrum, "" where they have one."""
    if interval <= DENSE * (1.0 + UNEVEN):
        return ""
    nyquist = 0.5 / (interval * PER_CM_IN_PER_PS)
    return (
        f"frames every {1e3 * interval:g} fs hold vibrations up to {nyquist:.0f} cm^-1 and fold "
        f"faster ones to wrong places; store frames every {1e3 * DENSE:.3g} fs or less"
    )
