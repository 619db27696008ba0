"""Published models of other libraries, fitted and judged as ours are; for comparison only."""

from collections.abc import Callable
from typing import Any

from physrep.config import StrictModel
from physrep.models import BASELINES, MODELS, AtomicModel
from physrep_training.baselines.cgcnn import CGCNN, CGCNNConfig
from physrep_training.baselines.dimenet import DimeNetConfig, DimeNetPlusPlus
from physrep_training.baselines.schnet import SchNet, SchNetConfig
from physrep_training.baselines.torchmd import TorchMDConfig, TorchMDET

BUILDERS: dict[str, tuple[Callable[[Any, list[int]], AtomicModel], type[StrictModel]]] = {
    "cgcnn": (CGCNN, CGCNNConfig),
    "dimenet++": (DimeNetPlusPlus, DimeNetConfig),
    "schnet": (SchNet, SchNetConfig),
    "torchmd-et": (TorchMDET, TorchMDConfig),
}


def register() -> None:
    """Let physrep build baselines by name, also those in checkpoints."""
    MODELS.update({name: BUILDERS[name] for name in BASELINES})


__all__ = ["register"]
