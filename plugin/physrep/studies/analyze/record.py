"""Results as numbers for JSON: what is not known is null, with its reason."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from physrep.analysis.motion.conductivity import GreenKubo
from physrep.analysis.motion.infrared import Infrared
from physrep.analysis.motion.msd import Displacements
from physrep.analysis.motion.pair_lifetimes import PairCorrelation
from physrep.analysis.motion.transference import Transference
from physrep.analysis.motion.van_hove import VanHove
from physrep.analysis.motion.velocity import Spectrum, VelocityCorrelation
from physrep.analysis.statistics.blocks import Estimate
from physrep.analysis.statistics.scalars import Scalars
from physrep.analysis.structure.angular import RadiusAngleMaps
from physrep.analysis.structure.distributions import Distribution
from physrep.analysis.structure.rdf import RadialDistributions
from physrep.analysis.structure.scattering import StructureFactors
from physrep.studies.analyze.charge_stream import ChargeResults
from physrep.studies.analyze.collector import Results
from physrep.studies.analyze.motion_stream import MotionResults
from physrep.studies.analyze.shells import shells
from physrep.studies.analyze.stream import Answer
from physrep.studies.analyze.structure_stream import StructureResults

T = TypeVar("T")


def as_dict(results: Results) -> dict[str, Any]:
    """For ``json.dumps``: units A, ps, A^2/ps, g/cm^3, S/m, K, cm^-1, e, e A; infrared intensity in
    km cm/mol, absorption in cm^-1; see docs/analyze.md.
    """
    system = results.system
    found = {
        "n_atoms": len(system.species),
        "n_frames": results.n_frames,
        "start": results.start,
        "end": results.end,
        "interval": results.interval,
        "settings": vars(results.settings),
        "notes": results.notes,
        "molecules": [
            {"label": label, "n": n, "charge": system.names[label].charge,
             "name": system.names[label].name}
            for label, n in system.counts.items()
        ],
        "structure": _structure(results.structure),
        "motion": _motion(results.motion) if results.motion else {"reason": results.motion_gap},
        "lifetimes": _lifetimes(results),
        "charges": _charges(results.charges, results.structure.volume),
        "reactions": _found(results.reactions, lambda reactions: reactions.as_dict()),
        "gaps": gaps(results),
    }  # fmt: skip
    return _plain(found)


def gaps(results: Results) -> dict[str, str]:
    """What was not measured, and why, by its name in the dictionary."""
    parts = {"reactions": results.reactions}
    rooms = (
        ("structure", results.structure),
        ("motion", results.motion),
        ("lifetimes", results.lifetimes),
    )
    for room, part in rooms:
        if part is not None:
            parts |= {f"{room}.{k}": v for k, v in vars(part).items() if isinstance(v, Answer)}
    found = {name: part.reason for name, part in parts.items() if part.value is None}
    charges = {f"charges.{k}": v.reason for k, v in vars(results.charges).items()
               if isinstance(v, Answer) and v.value is None}  # fmt: skip
    if not results.charges.source:  # all for one reason
        charges = {"charges": results.charges.atoms.reason}
    return found | charges | ({} if results.motion else {"motion": results.motion_gap})


def _structure(structure: StructureResults) -> dict[str, Any]:
    return {
        "n_frames": structure.n_frames,
        "intermolecular": structure.intermolecular,
        "volume": structure.volume,
        "density": _found(structure.density, _estimate),
        "elements": _found(structure.elements, _radial),
        "ions": _found(structure.ions, _radial),
        "hydrogen": _found(structure.hydrogen, _radial),
        "hydrogen_bonds": _found(structure.hydrogen_bonds, _estimate),
        "bonds": _found(structure.bonds, _distribution),
        "angles": _found(structure.angles, _distribution),
        "scattering": _found(structure.scattering, _scattering),
        "neighbors": _found(structure.neighbors, _maps),
        "hydrogen_map": _found(structure.hydrogen_map, _maps),
    }


def _motion(motion: MotionResults) -> dict[str, Any]:
    return {
        "displacements": _found(motion.displacements, _displacements),
        "diffusion": {kind: vars(line) for kind, line in motion.lines.items()},
        "velocities": _found(motion.velocities, _velocities),
        "spectrum": _found(motion.spectrum, _spectrum),
        "temperature": _found(motion.temperature, _estimate),
        "nernst_einstein": _found(motion.nernst_einstein, _estimate),
        "einstein": _found(motion.einstein, _estimate),
        "green_kubo": _found(motion.green_kubo, _green_kubo),
        "transference": _found(motion.transference, _transference),
        "haven": _found(motion.haven, _estimate),
        "van_hove": _found(motion.van_hove, _van_hove),
        "charge": motion.charged,
    }


def _charges(charges: ChargeResults, volume: float | None) -> dict[str, Any]:
    if not charges.source:
        return {"reason": charges.atoms.reason}
    names = ("rotational", "static", "nernst_einstein", "einstein")
    scalars = ("atoms", "molecules", "dipoles", "whole")
    return {
        "source": charges.source,
        **{name: _found(getattr(charges, name), _scalars) for name in scalars},
        "infrared": _found(charges.infrared, lambda one: _infrared(one, volume)),
        **{name: _found(getattr(charges, name), _estimate) for name in names},
    }


def _scalars(one: Scalars) -> dict[str, Any]:
    rows = {"n": one.sizes, "mean": one.mean.value, "error": one.mean.error, "spread": one.spread}
    kinds = _by_kind(one.kinds, **rows, density=one.density)
    return {"edges": one.edges, "kinds": kinds, "error_reason": one.mean.reason}


def _infrared(one: Infrared, volume: float | None) -> dict[str, Any]:
    return {
        "wavenumbers": one.wavenumbers,
        "intensity": _estimate(one.intensity),
        "absorption": None if volume is None else _estimate(one.absorption(volume)),
        "resolution": one.resolution,
        "quantum_correction": one.correction,
        "note": one.note,
    }


def _lifetimes(results: Results) -> dict[str, Any]:
    found = results.lifetimes
    if found is None:
        return {"reason": results.motion_gap}
    return {name: _found(one, _pairs) for name, one in vars(found).items()}


def _pairs(one: PairCorrelation) -> dict[str, Any]:
    return {
        "lags": one.lags,
        "number": one.number,
        "chance": one.chance,
        "continuous": _estimate(one.continuous),
        "intermittent": _estimate(one.intermittent),
        "continuous_time": _estimate(one.continuous_time),
        "intermittent_time": _estimate(one.intermittent_time),
    }


def _found(found: Answer[T], read: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Of a gap the reason alone; of an answer its limits in "note"."""
    if found.value is None:
        return {"reason": found.reason}
    return read(found.value) | ({"note": found.reason} if found.reason else {})


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "error": estimate.error, "reason": estimate.reason}


def _radial(radial: RadialDistributions) -> dict[str, Any]:
    return {
        "r": radial.r,
        "edges": radial.edges,
        "n_frames": radial.n_frames,
        "pairs": [
            {
                "a": a,
                "b": b,
                "g": radial.of(a, b).value,
                "error": radial.of(a, b).error,
                "coordination": radial.coordination(a, b).value,
            }
            for a, b in radial.pairs
        ],
        "shells": [shell._asdict() for shell in shells(radial)],
        "error_reason": radial.g.reason,
    }


def _scattering(one: StructureFactors) -> dict[str, Any]:
    partial = [
        {"a": a, "b": b, "value": one.partial.value[row], "error": one.partial.error[row]}
        for row, (a, b) in enumerate(one.pairs)
    ]
    ways = {name: _estimate(getattr(one, name)) for name in ("total", "xray", "neutron")}
    return {"q": one.q, "n_frames": one.n_frames, "partial": partial, **ways}


def _maps(one: RadiusAngleMaps) -> dict[str, Any]:
    maps = [
        {"a": a, "b": b, "value": one.value.value[row], "error": one.value.error[row]}
        for row, (a, b) in enumerate(one.pairs)
    ]
    return {"edges": one.edges, "angles": one.angles, "n_frames": one.n_frames, "pairs": maps}


def _velocities(one: VelocityCorrelation) -> dict[str, Any]:
    return {
        "kinds": one.kinds,
        "lags": one.lags,
        "normalised": one.normalised.value,
        "from_positions": one.from_positions,
    }


def _spectrum(one: Spectrum) -> dict[str, Any]:
    return {
        "kinds": one.kinds,
        "wavenumbers": one.wavenumbers,
        "density": _estimate(one.density),
        "resolution": one.resolution,
        "note": one.note,
    }


def _green_kubo(one: GreenKubo) -> dict[str, Any]:
    curves = {"cutoff": one.cutoff, "lags": one.lags, "running": _estimate(one.running)}
    return _estimate(one.conductivity) | curves


def _transference(one: Transference) -> dict[str, Any]:
    numbers = _by_kind(one.kinds, value=one.numbers.value, error=one.numbers.error)
    return {"window": one.window, "numbers": numbers}


def _van_hove(one: VanHove) -> dict[str, Any]:
    moved = {
        kind: {"value": one.moved.value[:, k], "error": one.moved.error[:, k],
               "beyond": one.beyond[:, k]}
        for k, kind in enumerate(one.kinds)
    }  # fmt: skip
    distinct = [
        {"a": a, "b": b, "value": one.distinct.value[:, k], "error": one.distinct.error[:, k]}
        for k, (a, b) in enumerate(one.pairs)
    ]
    return {"lags": one.lags, "edges": one.edges, "self": moved, "distinct": distinct}


def _distribution(one: Distribution) -> dict[str, Any]:
    return {
        "edges": one.edges,
        "unit": one.unit,
        "kinds": _by_kind(
            one.kinds,
            mean=one.mean.value,
            error=one.mean.error,
            spread=one.spread,
            outside=one.outside,
            density=one.density.value,
        ),
        "error_reason": one.mean.reason,
    }


def _displacements(one: Displacements) -> dict[str, Any]:
    return {
        "lags": one.lags,
        "n_frames": one.n_frames,
        "kinds": _by_kind(one.kinds, msd=one.msd.value, error=one.msd.error),
        "error_reason": one.msd.reason,
    }


def _by_kind(kinds: Sequence[str], **columns: Sequence[Any] | np.ndarray) -> dict[str, Any]:
    """Of each kind its entries of the columns."""
    return {
        kind: {name: column[k] for name, column in columns.items()} for k, kind in enumerate(kinds)
    }


def _plain(value: Any) -> Any:
    """Lists, dictionaries and numbers; NaN and infinity are not in JSON: null."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
