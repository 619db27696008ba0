"""Learning-rate schedules: pure functions of the progress in [0, 1], factors of the peak rate."""

import math


def warm_up(progress: float, share: float) -> float:
    """Linear rise from 0 to 1 over the first ``share`` of the run."""
    return min(1.0, progress / share) if share > 0 else 1.0


def cosine(progress: float, warm_up_share: float, end: float) -> float:
    """Linear warm-up, then half a cosine from 1 down to ``end``."""
    if progress < warm_up_share:
        return warm_up(progress, warm_up_share)
    x = (progress - warm_up_share) / (1.0 - warm_up_share)
    return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * min(x, 1.0)))


def one_cycle(progress: float, start: float, end: float) -> float:
    """The thesis' cycle (sec. 4.2): 45 % of the steps from ``start`` up to 1, 45 % down to
    ``start``, 10 % linearly from there to ``end`` (all as factors of the peak).
    """
    if progress < 0.45:
        return start + (1.0 - start) * progress / 0.45
    if progress < 0.90:
        return 1.0 - (1.0 - start) * (progress - 0.45) / 0.45
    return start + (end - start) * min((progress - 0.90) / 0.10, 1.0)
