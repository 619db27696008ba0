"""Charges, polarization and dispersion for a potential that was fitted without them."""

from physrep.checkpoint import Checkpoint, new_checkpoint
from physrep.pair.electrostatics_config import (
    ElectrostaticsConfig,
    PolarizationConfig,
    electrostatics_of,
)
from physrep.potential import Potential


def what_is_new(potential: Potential, wanted: ElectrostaticsConfig | None) -> list[str]:
    """Which of ``charges``, ``polarization`` and ``dispersion`` the settings ask for and the
    potential lacks; with charges, what belongs to them is not named.
    """
    if wanted is None:
        return []
    known = potential.long_range
    if known is None:
        return ["charges"]
    new = []
    if wanted.polarization is not None and not has_polarization(potential, wanted.polarization):
        new.append("polarization")
    return [*new, "dispersion"] if wanted.dispersion != "none" and known.dispersion is None else new


def has_polarization(potential: Potential, wanted: PolarizationConfig) -> bool:
    """Whether it has polarizabilities, of the field that is wanted."""
    settings = electrostatics_of(potential.electrostatics_settings)
    return settings is not None and settings.polarization == wanted


def add_long_range(checkpoint: Checkpoint, wanted: ElectrostaticsConfig) -> Checkpoint:
    """The same potential with what :func:`what_is_new` says: a readout of charges, whose parameters
    are random, polarizabilities, the same for all atoms, dispersion, whose coefficients are 0, or
    several of these.

    Everything else is kept, the settings of charges that it has too. The new energy comes on top of
    what the network has learned of it within its cutoff, and the fit takes that back.
    """
    old = checkpoint.potential
    settings = wanted
    if old.electrostatics_settings is not None:
        added = {name: getattr(wanted, name) for name in what_is_new(old, wanted)}
        settings = ElectrostaticsConfig.parse({**old.electrostatics_settings, **added})
    made = new_checkpoint(
        checkpoint.model_name,
        checkpoint.model_settings,
        old.species,
        old.repulsion_name,
        settings,
    )
    made.potential.set_dtype(old.dtype)
    state = made.potential.state_dict()
    kept = old.state_dict()
    if "polarization" in what_is_new(old, wanted):
        kept = {name: value for name, value in kept.items() if ".polarizability." not in name}
    made.potential.load_state_dict({**state, **kept})
    made.training = checkpoint.training
    return made
