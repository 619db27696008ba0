"""A checkpoint with elements that it was not fitted to: old parameters kept, new ones borrowed.

A new element starts as the known one above or below it in its group of the periodic table (Cl
from F, P from N), the nearest in atomic number; where there is none, as the mean of all known
elements. Structures of known elements keep their energies exactly.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from ase.data import chemical_symbols
from torch import Tensor

from physrep.checkpoint import Checkpoint, new_checkpoint
from physrep.config import ConfigError
from physrep.io import Structure
from physrep.models.neuralil import NeuralIL
from physrep.pair.electrostatics_config import electrostatics_of
from physrep.potential import Potential
from physrep_training.data.references import composition
from physrep_training.fit.transfer import energies_of

NOBLE_GASES = (0, 2, 10, 18, 36, 54, 86, 118)
INLET = "model.core.inlet.weight"  # of NeuralIL: its columns belong to pairs of types


def group_of(z: int) -> int:
    """Group of the periodic table, 1 to 18; 0 for hydrogen, which is like no other element, and
    for f elements.
    """
    if z == 1:
        return 0
    from_start = z - max(gas for gas in NOBLE_GASES if gas < z)
    from_end = min(gas for gas in NOBLE_GASES if gas >= z) - z
    if from_start <= 2 and from_end > 0:
        return from_start
    return 18 - from_end if from_end <= 15 else 0


def donors_of(z: int, species: Sequence[int]) -> list[int]:
    """The known elements that a new one starts from: one of its group, else all."""
    alike = [known for known in species if group_of(z) and group_of(known) == group_of(z)]
    return [min(alike, key=lambda known: abs(known - z))] if alike else list(species)


def add_elements(checkpoint: Checkpoint, new: Sequence[int]) -> Checkpoint:
    """A checkpoint of the same model that knows ``new`` (atomic numbers) as well.

    New types stand after the old ones. Rows of embeddings and of radial functions, shifts and
    weights of pairs come from the donors (`donors_of`); a charge-like constant of an element
    (electronegativity, radius, ZBL) is its own; the shortest distances of new pairs are unknown
    (0, no guard) until training data are there; reference energies are zero, see
    `set_new_references`, and so are weights of the dispersion, see `set_dispersion`.

    Raises:
        ConfigError: a model whose parameters cannot be extended.
    """
    old = checkpoint.potential
    species = [*old.species, *new]
    made = new_checkpoint(
        checkpoint.model_name,
        checkpoint.model_settings,
        species,
        old.repulsion_name,
        electrostatics_of(old.electrostatics_settings),
    )
    potential = made.potential
    potential.set_dtype(old.dtype)
    mixing = _mixing(old.species, new)
    trained = {name for name, _ in potential.named_parameters()}
    before, state = old.state_dict(), potential.state_dict()
    for name, value in state.items():
        if name in before and before[name].shape == value.shape:
            state[name] = before[name]
        elif name in ("shift", "isolated_readouts") or name in trained:
            state[name] = _extended(name, before.get(name), value, mixing, potential)
    n = len(old.species)
    state["shortest_distances"][:n, :n] = before["shortest_distances"]
    state["reference_energies"][:n] = before["reference_energies"]
    if old.dispersion is not None:
        state["long_range.dispersion.weights"][:n] = before["long_range.dispersion.weights"]
    potential.load_state_dict(state)
    made.training = checkpoint.training
    return made


def new_elements_in_words(potential: Potential, new: Sequence[int]) -> str:
    """What the new elements start from, for the log; ``potential``: the one that lacks them."""
    words = []
    for z in new:
        donors = donors_of(z, potential.species)
        start = chemical_symbols[donors[0]] if len(donors) == 1 else "the mean of all"
        words.append(f"{chemical_symbols[z]} (starts from {start})")
    return f"start_from knows {' '.join(potential.symbols)}; added: {', '.join(words)}"


def _mixing(species: Sequence[int], new: Sequence[int]) -> Tensor:
    """(n_old + n_new, n_old): what each type is made of."""
    rows = torch.zeros(len(new), len(species), dtype=torch.float64)
    for row, z in zip(rows, new, strict=True):
        donors = donors_of(z, species)
        for donor in donors:
            row[list(species).index(donor)] = 1.0 / len(donors)
    return torch.cat([torch.eye(len(species), dtype=torch.float64), rows])


def _extended(
    name: str, before: Tensor | None, fresh: Tensor, mixing: Tensor, potential: Potential
) -> Tensor:
    n_new, n_old = mixing.shape
    if before is not None and name == INLET and isinstance(potential.model, NeuralIL):
        n_rest = potential.model.embedding.embedding_dim
        columns = _pair_columns(before[:, :-n_rest], mixing)
        return torch.cat([columns.to(fresh.dtype), before[:, -n_rest:]], dim=1)
    # One row for each type, and perhaps more after them (the row of a hidden element).
    if (
        before is None
        or before.shape[1:] != fresh.shape[1:]
        or before.size(0) - n_old != fresh.size(0) - n_new
        or before.size(0) < n_old
    ):
        raise ConfigError(
            f"{name} of this model cannot be extended to more elements; fit a new model, or remove "
            "the frames with them"
        )
    flat = before[:n_old].to(mixing.dtype).view(n_old, -1)
    rows = (mixing @ flat).view(n_new, *before.shape[1:])
    return torch.cat([rows.to(fresh.dtype), before[n_old:]])


def _pair_columns(before: Tensor, mixing: Tensor) -> Tensor:
    """Weights (n_out, n_columns) of the descriptors in NeuralIL's first layer. The power spectrum
    is quadratic in the densities of the types, so that its weights are a quadratic form of them.
    """
    n_new, n_old = mixing.shape
    first, second = torch.triu_indices(n_old, n_old)
    weights = before.to(mixing.dtype).view(before.size(0), first.numel(), -1)
    form = weights.new_zeros(before.size(0), n_old, n_old, weights.size(2))
    form[:, first, second] += 0.5 * weights
    form[:, second, first] += 0.5 * weights
    mixed = torch.einsum("am,bn,umnk->uabk", mixing, mixing, form)
    first, second = torch.triu_indices(n_new, n_new)
    twice = torch.where(first == second, 1.0, 2.0)
    return (mixed[:, first, second] * twice[None, :, None]).flatten(1)


def set_new_references(
    potential: Potential,
    new: Sequence[int],
    structures: Sequence[Structure],
    isolated_atoms: Mapping[int, float] | None,
) -> None:
    """Energies of the new elements, those of the others as they are.

    With the energy of the isolated atom known, that is the reference energy and the shift takes
    the rest of the mean error; without, the reference energy takes it all (least squares). Without
    energies the reference energies stay zero.
    """
    known = isolated_atoms or {}
    indices = [potential.species.index(z) for z in new]
    for z, index in zip(new, indices, strict=True):
        if z in known:
            potential.reference_energies[index] = known[z]
    labelled = [s for s in structures if s.energy is not None and np.isin(s.species, new).any()]
    if not labelled:
        return
    left = np.array([s.energy for s in labelled]) - energies_of(potential, labelled)
    change = np.linalg.lstsq(composition(labelled, list(new)), left, rcond=None)[0]
    for z, index, step in zip(new, indices, change.tolist(), strict=True):
        target = potential.shift if z in known else potential.reference_energies
        target[index] += step
