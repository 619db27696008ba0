"""Parameters of the published JAT (flax) -> a checkpoint of the published form."""

from pathlib import Path

from ase.data import atomic_numbers
from torch import Tensor

from physrep.checkpoint import Checkpoint, new_checkpoint
from physrep.importers.flax_tree import ImportProblem, ParameterTree, read_settings

SETTINGS = ("graph_cut", "sorted_elements", "embed_d", "layer_dims", "n_head")
READOUT = [64, 32, 16, 16]


def import_jat(parameters: str | Path, settings: str | Path) -> Checkpoint:
    """Read a flattened tree and its hyper-parameters.

    Args:
        parameters: npz; settings: JSON with graph_cut (A), sorted_elements, embed_d, layer_dims,
            n_head.

    Raises:
        ImportProblem: a missing or superfluous key, a wrong shape, layers of unequal widths.
    """
    values = read_settings(settings, SETTINGS)
    width, heads, dims = values["embed_d"], values["n_head"], values["layer_dims"]
    if set(dims) != {width}:
        raise ImportProblem(
            f"{settings}: layer_dims = {dims} with embed_d = {width}: only layers of the width of "
            "the embedding can be imported"
        )
    model = {
        "cutoff": float(values["graph_cut"]),
        "n_layers": len(dims),
        "features": width,
        "attention_features": width,
        "heads": heads,
        "edge_features": "distance_squared",
        "aggregation": "softmax",
        "filters": False,
        "smooth": False,
    }
    species = [atomic_numbers[symbol] for symbol in values["sorted_elements"]]
    tree = ParameterTree(parameters)
    state = _layers(tree, len(dims), width, heads) | _readout(tree, width * heads)
    state["model.embedding.weight"] = tree.take("params/embed/embedding", len(species), width)
    scale = tree.take("params/denormalizer/kernel", 1, 1)
    shift = tree.take("params/denormalizer/bias", 1)
    tree.finish()
    checkpoint = new_checkpoint("jat", model, species, repulsion="none")
    checkpoint.potential.scale.copy_(scale[0, 0])
    checkpoint.potential.shift.copy_(shift.expand(len(species)))
    checkpoint.potential.load_state_dict({**checkpoint.potential.state_dict(), **state})
    return checkpoint


def _layers(tree: ParameterTree, n_layers: int, width: int, heads: int) -> dict[str, Tensor]:
    state = {}
    for k in range(n_layers):
        source, target = f"params/core_model/jat_layers_{k}", f"model.layers.{k}"
        n_in = 1 if k == 0 else heads
        for name, dense in (("sender", 0), ("receiver", 1)):
            kernel = tree.take(f"{source}/DenseGeneral_{dense}/kernel", n_in, width, heads, width)
            state[f"{target}.{name}.weight"] = kernel.reshape(n_in * width, heads * width).T
        kernel = tree.take(f"{source}/DenseGeneral_2/kernel", heads, width + 1, heads, 1)[..., 0]
        state[f"{target}.attention"] = kernel[:, :width].reshape(heads * width, heads)
        state[f"{target}.edge_attention"] = kernel[:, width]
        if k < n_layers - 1:
            state[f"{target}.norm.weight"] = tree.take(f"{source}/LayerNorm_0/scale", width)
            state[f"{target}.norm.bias"] = tree.take(f"{source}/LayerNorm_0/bias", width)
    return state


def _readout(tree: ParameterTree, n_in: int) -> dict[str, Tensor]:
    state = {}
    for k, n_out in enumerate(READOUT):
        kernel = tree.take(f"params/core_model/Dense_{k}/kernel", n_in, n_out)
        state[f"model.energy.dense.{k}.weight"] = kernel.T
        norm = f"params/core_model/LayerNorm_{k}"
        state[f"model.energy.norms.{k}.weight"] = tree.take(f"{norm}/scale", n_out)
        state[f"model.energy.norms.{k}.bias"] = tree.take(f"{norm}/bias", n_out)
        n_in = n_out
    last = tree.take(f"params/core_model/Dense_{len(READOUT)}/kernel", n_in, 1)
    state["model.energy.last.weight"] = last.T
    return state
