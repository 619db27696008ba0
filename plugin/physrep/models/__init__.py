"""The models: types and edges in, atomic energies out. One contract, one shared test suite."""

from collections.abc import Callable
from typing import Any

from physrep.config import ConfigError, StrictModel
from physrep.models.contract import AtomicModel
from physrep.models.jat import JAT, JATConfig
from physrep.models.neuralil import NeuralIL, NeuralILConfig
from physrep.models.physrep import PhysRep, PhysRepConfig

# (settings, species) -> model, and the type of its settings.
MODELS: dict[str, tuple[Callable[[Any, list[int]], AtomicModel], type[StrictModel]]] = {
    "jat": (JAT, JATConfig),
    "neuralil": (NeuralIL, NeuralILConfig),
    "physrep": (PhysRep, PhysRepConfig),
}
# Models of other libraries to compare with; the training package adds them to MODELS.
BASELINES = ("cgcnn", "dimenet++", "schnet", "torchmd-et")


def build_model(name: str, settings: dict[str, Any], species: list[int]) -> AtomicModel:
    """Make the model ``name`` with random parameters.

    Raises:
        ConfigError: unknown model, unknown or impossible setting.
    """
    if name in BASELINES and name not in MODELS:
        raise ConfigError(
            f"model = {name!r}: a baseline; baselines are for comparison and cannot be exported; "
            "only the training package reads them (training/ on the path, import physrep_training)"
        )
    if name not in MODELS:
        raise ConfigError(f"model = {name!r}: unknown; choose one of {', '.join(sorted(MODELS))}")
    model, config = MODELS[name]
    return model(config.parse(settings), species)


__all__ = ["BASELINES", "MODELS", "AtomicModel", "build_model"]
