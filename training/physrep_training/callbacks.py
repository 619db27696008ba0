"""What happens between epochs: the best checkpoint, the log, the checkpoint to resume from."""

import csv
import math
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    EMAWeightAveraging,
    ModelCheckpoint,
)

from physrep.checkpoint import Checkpoint, save_checkpoint
from physrep_training.config import FitConfig
from physrep_training.module import PotentialModule

COLUMNS = (
    "epoch",
    "step",
    "learning_rate",
    "train_loss",
    "train_force_mae_ev_per_a",
    "train_energy_mae_mev_per_atom",
    "validation_loss",
    "validation_force_mae_ev_per_a",
    "validation_energy_mae_mev_per_atom",
    "time_s",
)


class BestCheckpoint(Callback):
    """Writes best.ckpt whenever the validation loss reaches a new low.

    Stands before the averaging callback in the list, so that it sees the averaged parameters
    with which the validation was run.
    """

    def __init__(self, checkpoint: Checkpoint, path: Path) -> None:
        self.checkpoint = checkpoint
        self.path = path
        self.best = math.inf

    def on_validation_epoch_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        loss = module.validation_sums.mean_loss()
        if trainer.sanity_checking or not loss < self.best:
            return
        self.best = loss
        self.checkpoint.training.update(
            epoch=trainer.current_epoch,
            validation={
                "force_mae": module.validation_sums.force_mae(),
                "energy_mae_mev_per_atom": module.validation_sums.energy_mae(),
            },
        )
        save_checkpoint(self.checkpoint, self.path)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = state["best"]


class FinalCheckpoint(Callback):
    """Writes best.ckpt at the end of a fit that has no validation part to choose by.

    Stands after the averaging callback, which by then has put the averages in place.
    """

    def __init__(self, checkpoint: Checkpoint, path: Path) -> None:
        self.checkpoint = checkpoint
        self.path = path

    def on_train_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        if not trainer.interrupted:
            self.checkpoint.training.update(epoch=trainer.current_epoch)
            save_checkpoint(self.checkpoint, self.path)


class EpochLog(Callback):
    """One row per epoch in log.csv (units in the column names) and in TensorBoard.

    After a resume, rows of epochs that are computed again are replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.earlier = 0.0  # seconds spent before a resume
        self.started = 0.0

    def on_train_start(self, trainer: L.Trainer, module: PotentialModule) -> None:
        self.started = time.monotonic()
        kept = read_log(self.path) if trainer.current_epoch > 0 else []
        kept = [row for row in kept if int(row["epoch"]) < trainer.current_epoch]
        self.earlier = float(kept[-1]["time_s"]) if kept else 0.0
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)

    def on_train_epoch_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        train, validation = module.train_sums, module.validation_sums
        values = (
            trainer.current_epoch,
            trainer.global_step,
            trainer.optimizers[0].param_groups[-1]["lr"],
            train.mean_loss(),
            train.force_mae(),
            train.energy_mae(),
            validation.mean_loss(),
            validation.force_mae(),
            validation.energy_mae(),
            self.earlier + time.monotonic() - self.started,
        )
        row = dict(zip(COLUMNS, values, strict=True))
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        if trainer.logger is not None:
            trainer.logger.log_metrics(row, step=trainer.global_step)


def read_log(path: Path) -> list[dict[str, str]]:
    """Rows of a log.csv; none if the file is absent."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def make_callbacks(
    config: FitConfig, checkpoint: Checkpoint, folder: Path, validated: bool
) -> list[Callback]:
    """Everything a fit needs, in the order that matters (see BestCheckpoint)."""
    callbacks: list[Callback] = []
    if validated:
        callbacks.append(BestCheckpoint(checkpoint, folder / "best.ckpt"))
    if config.run.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=config.run.ema_decay))
    if not validated:
        callbacks.append(FinalCheckpoint(checkpoint, folder / "best.ckpt"))
    if config.run.early_stop:
        callbacks.append(EarlyStopping("validation_loss", patience=config.run.early_stop))
    callbacks.append(EpochLog(folder / "log.csv"))
    callbacks.append(
        ModelCheckpoint(
            dirpath=folder,
            filename="last",
            every_n_epochs=1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
    )
    return callbacks
