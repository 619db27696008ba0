"""Parameters of the published NeuralIL with its Morse repulsion (flax) -> a checkpoint."""

from pathlib import Path

from ase.data import atomic_numbers
from torch import Tensor

from physrep.checkpoint import Checkpoint, new_checkpoint
from physrep.importers.flax_tree import ParameterTree, read_settings

SETTINGS = ("r_cut", "n_max", "sorted_elements", "embed_d", "core_widths")


def import_neuralil(parameters: str | Path, settings: str | Path) -> Checkpoint:
    """Read a flattened tree and its hyper-parameters.

    Args:
        parameters: npz; settings: JSON with r_cut (A), n_max, sorted_elements, embed_d,
            core_widths.

    Raises:
        ImportProblem: a missing or superfluous key, a wrong shape.
    """
    values = read_settings(settings, SETTINGS)
    n_max, widths, embedding = values["n_max"], values["core_widths"], values["embed_d"]
    model = {
        "cutoff": float(values["r_cut"]),
        "n_max": n_max,
        "embedding": embedding,
        "widths": widths,
        "published": True,
    }
    species = [atomic_numbers[symbol] for symbol in values["sorted_elements"]]
    n_types = len(species)
    n_descriptors = n_types * (n_types + 1) // 2 * (n_max + 1) * (n_max + 2) // 2
    tree = ParameterTree(parameters)
    state = _core(tree, n_descriptors + embedding, widths)
    state["model.embedding.weight"] = tree.take("params/embed/embedding", n_types, embedding)
    state["repulsion.roots"] = tree.take("params/morse/embed/embedding", n_types, 3)
    state["repulsion.switch"] = tree.take("params/morse/switch_param", 1, 1)[0, 0]
    scale = tree.take("params/denormalizer/kernel", 1, 1)
    shift = tree.take("params/denormalizer/bias", 1)
    tree.finish()
    checkpoint = new_checkpoint("neuralil", model, species, repulsion="morse")
    checkpoint.potential.scale.copy_(scale[0, 0])
    checkpoint.potential.shift.copy_(shift.expand(n_types))
    checkpoint.potential.load_state_dict({**checkpoint.potential.state_dict(), **state})
    return checkpoint


def _core(tree: ParameterTree, n_in: int, widths: list[int]) -> dict[str, Tensor]:
    sizes = zip(["Inlet", *(f"Stage_{k}" for k in range(1, len(widths)))], widths, strict=True)
    names = ["inlet", *(f"stages.{k}" for k in range(len(widths) - 1))]
    state: dict[str, Tensor] = {}
    for name, (source, n_out) in zip(names, sizes, strict=True):
        state |= _dense(tree, source, name, n_in, n_out)
        n_in = n_out
    for k, width in enumerate(widths[1:]):
        norm = f"params/core_model/LayerNorm_{k}"
        state[f"model.core.norms.{k}.weight"] = tree.take(f"{norm}/scale", width)
        state[f"model.core.norms.{k}.bias"] = tree.take(f"{norm}/bias", width)
    return state | _dense(tree, "Outlet", "outlet", n_in, 1)


def _dense(tree: ParameterTree, source: str, name: str, n_in: int, n_out: int) -> dict[str, Tensor]:
    kernel = tree.take(f"params/core_model/{source}/kernel", n_in, n_out)
    return {
        f"model.core.{name}.weight": kernel.T,
        f"model.core.{name}.bias": tree.take(f"params/core_model/{source}/bias", n_out),
    }
