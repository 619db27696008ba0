"""Charges for a potential that was fitted without them."""

from physrep.checkpoint import Checkpoint, new_checkpoint
from physrep.pair.electrostatics_config import ElectrostaticsConfig


def add_charges(checkpoint: Checkpoint, settings: ElectrostaticsConfig) -> Checkpoint:
    """The same potential with a readout of charges, whose parameters are random.

    Everything else is kept: the Coulomb energy comes on top of what the network has learned of it
    within its cutoff, and the fit takes that back.
    """
    old = checkpoint.potential
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
