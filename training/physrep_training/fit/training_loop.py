"""The loop of a fit: batches, Lightning's trainer, and what it must not print."""

import io
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch.utils.data import DataLoader

from physrep.archive import damage
from physrep.checkpoint import Checkpoint
from physrep.config import ConfigError
from physrep.ops import OperatorsMissing
from physrep.output import make_folder, write_file
from physrep.potential import Potential
from physrep_training.data.batches import joined
from physrep_training.data.graphs import EpochSampler, GraphDataset
from physrep_training.data.guard_limits import set_shortest_distances
from physrep_training.fit.callbacks import make_callbacks
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.fit_data import FitData
from physrep_training.fit.module import PotentialModule
from physrep_training.fit.processes import rank
from physrep_training.objective.walks import LARGEST_DISPLACEMENT

EXPECTED_WARNINGS = (
    ".*does not have many workers.*",
    "Checkpoint directory .* not empty.*",
    ".*have no `val_dataloader`.*",  # a fit without a validation part keeps its last state
)
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def use_ops(potential: Potential, name: str) -> None:
    """Choose the operators of ``run.ops``.

    Raises:
        ConfigError: the compiled ones are not installed.
    """
    try:
        potential.use_ops(name)
    except OperatorsMissing as error:
        advice = str(error).replace("export with '--ops portable'", "set run.ops=portable")
        raise ConfigError(advice) from None


def neighbor_cutoff(config: FitConfig, potential: Potential) -> float:
    """Cutoff of the neighbour lists in A: pairs that noise may carry into the cutoff are in them.

    Two atoms move by sqrt(2) noise against each other on each axis; 6 noise is 4.2 of that. A walk
    ends where one atom has gone half as far as two may approach each other.
    """
    loss = config.loss
    noise = 6.0 * loss.bound.noise if loss.bound.weight else 0.0
    walk = 2.0 * LARGEST_DISPLACEMENT if loss.denoise.weight else 0.0
    return potential.cutoff + max(noise, walk)


def train(
    config: FitConfig, checkpoint: Checkpoint, data: FitData, folder: Path, resume: bool
) -> None:
    """Run Lightning's loop."""
    potential, run = checkpoint.potential, config.run
    dtype, equilibrium = DTYPES[run.precision], config.data.equilibrium
    graphs = [
        GraphDataset(
            part, potential.species, neighbor_cutoff(config, potential), dtype, equilibrium
        )
        for part in (data.train, data.validation)
    ]
    set_shortest_distances(potential, graphs[0])
    use_ops(potential, run.ops)
    sampler = EpochSampler(len(graphs[0]), run.seed, rank(), run.processes)
    # Batches in pinned memory go to a GPU faster.
    pinned = run.device != "cpu" and torch.cuda.is_available()
    options: dict[str, Any] = {
        "batch_size": run.batch_size,
        "num_workers": run.workers,
        "pin_memory": pinned,
        "collate_fn": joined,
    }
    train_loader = DataLoader(graphs[0], sampler=sampler, **options)
    validation_loader = DataLoader(graphs[1], **options) if data.validation else None
    module = PotentialModule(potential, config, len(train_loader))
    with _quiet_lightning():
        callbacks = make_callbacks(config, checkpoint, folder)
        trainer = make_trainer(config, callbacks, folder, len(train_loader))
        resume_from = state_to_resume(folder) if resume else None
        trainer.fit(module, train_loader, validation_loader, ckpt_path=resume_from)


def state_to_resume(folder: Path) -> Path | None:
    """last.ckpt of an interrupted fit; None where it stopped before its first epoch ended.

    Raises:
        ConfigError: it is damaged.
    """
    last = folder / "last.ckpt"
    if not last.is_file():
        return None
    if damaged := damage(last):
        raise ConfigError(
            f"{last}: {damaged}, or continue from {folder / 'best.ckpt'} with start_from and "
            "another output=..."
        )
    return last


class WholeFiles(TorchCheckpointIO):
    """Writes Lightning's states whole or not at all: its own way copies them from another disk, and
    a disk that fills up on the way leaves half a last.ckpt.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        stream = io.BytesIO()
        torch.save(checkpoint, stream)
        make_folder(Path(path).parent)
        write_file(path, stream.getvalue())


def make_trainer(
    config: FitConfig, callbacks: list[Callback], folder: Path, n_batches: int
) -> L.Trainer:
    """Lightning's loop with the settings of the run; n_batches: of one epoch."""
    run = config.run
    return L.Trainer(
        max_epochs=run.epochs,
        accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[run.device],
        devices=run.processes,
        # Conditions that are not due leave parameters of theirs without a gradient.
        strategy="auto" if run.processes == 1 else "ddp_find_unused_parameters_true",
        callbacks=callbacks,
        plugins=WholeFiles(),
        gradient_clip_val=run.clip or None,
        check_val_every_n_epoch=min(run.validate_every, run.epochs),
        num_sanity_val_steps=0,
        inference_mode=False,  # forces are gradients
        use_distributed_sampler=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stdout.isatty(),
        log_every_n_steps=max(1, n_batches),
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's notes on devices and other products, and warnings that do not apply."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in EXPECTED_WARNINGS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
