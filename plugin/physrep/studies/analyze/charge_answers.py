"""From the sums over a trajectory with charges to spectra, dielectric response, conductivity."""

from collections.abc import Mapping

import numpy as np

from physrep.analysis.motion.conductivity import einstein, nernst_einstein
from physrep.analysis.motion.dielectric import static_response
from physrep.analysis.motion.infrared import Infrared, infrared
from physrep.analysis.motion.msd import CHARGE, SHARED_VARIANCE, Diffusion, Displacements
from physrep.analysis.statistics.blocks import Estimate, block_error
from physrep.analysis.statistics.lag_matrix import LagMatrix
from physrep.analysis.statistics.scalars import Scalars
from physrep.studies.analyze.charge_stream import NO_CELL, ChargeResults, ChargeSums
from physrep.studies.analyze.stream import Answer, resolved

LARGEST_SUM = 0.01  # e: columns of a trajectory are rounded
Lines = Mapping[str, Diffusion]


def charge_results(
    sums: ChargeSums,
    lines: Lines,
    volume: float | None,
    temperature: Answer[Estimate],
    correction: str,
) -> ChargeResults:
    """The answers so far.

    Args: lines: diffusion of the kinds of molecules; volume: A^3, its mean, None without a cell;
        temperature: K; correction: quantum correction factor of the infrared spectrum.
    """
    molecules = sums.molecules.answer(lambda one: one.result())
    at = None if temperature.value is None else float(temperature.value.value)
    return ChargeResults(
        sums.source.name if sums.source else "",
        sums.atoms.answer(lambda one: one.result()),
        molecules,
        sums.dipoles.answer(lambda one: one.result()),
        sums.whole.answer(lambda one: one.result()),
        _infrared(sums, molecules, at, temperature.reason, correction),
        *_response(sums, molecules, volume, at, temperature.reason),
        *_conductivities(sums, molecules, lines, volume, at, temperature.reason),
    )


def _infrared(
    sums: ChargeSums, molecules: Answer[Scalars], at: float | None, no: str, correction: str
) -> Answer[Infrared]:
    rates = sums.matrix(sums.rates)
    if rates.value is None or molecules.value is None:
        return Answer(None, rates.reason)
    if at is None:
        return Answer(None, no)
    correlation, blocks = rates.value.combined(sums.weights(molecules.value))
    lags = sums.interval * np.arange(len(correlation))
    return Answer(infrared(lags, correlation, blocks, at, correction), rates.reason)


def _response(
    sums: ChargeSums, molecules: Answer[Scalars], volume: float | None, at: float | None, no: str
) -> tuple[Answer[Estimate], Answer[Estimate]]:
    """Of rotation, and of all."""
    gap = sums.gap or (NO_CELL if volume is None else "") or (no if at is None else "")
    if gap or volume is None or at is None:
        return Answer(None, gap), Answer(None, gap)
    place = volume, at
    turned = sums.total.answer(lambda one: one.rotational(*place))
    rotational = turned if turned.value is None else resolved(turned.value)
    if not _mobile(sums):
        return rotational, rotational
    moved = sums.matrix(sums.moved)
    gap = moved.reason if moved.value is None else _charged(molecules)
    if gap or moved.value is None or molecules.value is None:
        return rotational, Answer(None, gap)
    interval = sums.interval * (sums.motion.every if sums.motion else 1)
    weights = sums.weights(molecules.value)
    return rotational, resolved(static_response(moved.value, weights, interval, *place))


def _conductivities(
    sums: ChargeSums,
    molecules: Answer[Scalars],
    lines: Lines,
    volume: float | None,
    at: float | None,
    no: str,
) -> tuple[Answer[Estimate], Answer[Estimate]]:
    """Nernst-Einstein and collective, with mean charges."""
    moved = sums.matrix(sums.moved)
    gap = sums.gap or (NO_CELL if volume is None else "") or (no if at is None else "")
    gap = gap or ("" if _mobile(sums) else "no molecule of the first frame carries a charge")
    gap = gap or (moved.reason if moved.value is None else _charged(molecules))
    gap = gap or ("" if lines else "no displacements are known, see diffusion")
    if gap or moved.value is None or molecules.value is None or volume is None or at is None:
        return Answer(None, gap), Answer(None, gap)
    weights = sums.weights(molecules.value) * np.append(0.0, np.ones(len(sums.kinds)))
    interval = sums.interval * (sums.motion.every if sums.motion else 1)
    together = einstein(_displacements(moved.value, weights, interval), volume, at)[0]
    kinds = [k for k, kind in enumerate(sums.kinds) if sums.system.names[kind].charge != 0]
    found = [lines[sums.kinds[k]] for k in kinds]
    apart = nernst_einstein(
        np.array([line.coefficient for line in found]),
        np.array([line.error for line in found]),
        molecules.value.sizes[kinds],
        molecules.value.mean.value[kinds],
        volume,
        at,
    )
    return resolved(apart), resolved(together)


def _displacements(matrix: LagMatrix, weights: np.ndarray, interval: float) -> Displacements:
    """Of the charge, in the form that a conductivity is taken from."""
    mean, blocks = matrix.combined(weights)
    error, reason = block_error(blocks)
    msd = Estimate(mean[None], np.sqrt(SHARED_VARIANCE) * error[None], reason)
    lags = interval * np.arange(len(mean))
    return Displacements([CHARGE], lags, msd, blocks[:, None], np.ones(1, int), matrix.n_frames)


def _mobile(sums: ChargeSums) -> bool:
    """Whether any molecule carries a charge as a whole, or may do so. What neutral molecules of two
    kinds exchange is no charge that they carry along.
    """
    return any(name.charge != 0 for name in sums.system.names.values())


def _charged(molecules: Answer[Scalars]) -> str:
    """Why charges of molecules have no current, "" where they have."""
    if molecules.value is None:
        return molecules.reason
    mean, sizes = molecules.value.mean.value, molecules.value.sizes
    if molecules.value.unknown:
        return f"the charges of {', '.join(molecules.value.unknown)} are not known"
    if abs(mean @ sizes) > LARGEST_SUM:
        return f"the charges of all atoms add up to {mean @ sizes:+.3g} e, not to zero"
    if not np.abs(mean).max() > LARGEST_SUM:
        return "no kind of molecule has a mean charge"
    return ""
