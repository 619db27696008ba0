"""Charges, polarization and dispersion for a potential that was fitted without them."""

from physrep.checkpoint import Checkpoint, new_checkpoint
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.potential import Potential


def what_is_new(potential: Potential, wanted: ElectrostaticsConfig | None) -> str | None:
    """``charges``, ``polarization`` or ``dispersion``, the first of them that the settings ask for
    and the potential lacks.
    """
    if wanted is None:
        return None
    if potential.long_range is None:
        return "charges"
    if wanted.polarization and potential.long_range.polarization is None:
        return "polarization"
    return "dispersion" if wanted.dispersion != "none" and potential.dispersion is None else None


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
        known = old.electrostatics_settings
        polarization = wanted.polarization or known["polarization"]
        kept = {**known, "polarization": polarization, "dispersion": wanted.dispersion}
        settings = ElectrostaticsConfig.parse(kept)
    made = new_checkpoint(
        checkpoint.model_name,
        checkpoint.model_settings,
        old.species,
        old.repulsion_name,
        settings,
    )
    made.potential.set_dtype(old.dtype)
    state = made.potential.state_dict()
    made.potential.load_state_dict({**state, **old.state_dict()})
    made.training = checkpoint.training
    return made
