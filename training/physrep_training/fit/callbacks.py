"""What happens between epochs: averages, checkpoints, limits, warnings."""

import math
import sys
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    WeightAveraging,
)
from lightning.pytorch.utilities import rank_zero_warn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from physrep.checkpoint import Checkpoint, save_checkpoint
from physrep_training.fit.epoch_log import EpochLines, EpochLog
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.module import PotentialModule

COLLAPSED_SHARE = 0.95  # of the error of predicting no forces
COLLAPSED_EPOCHS = 5


class CollapseWarning(UserWarning):
    """A fit that has learned nothing so far and is not likely to."""


class SumsOfAll(Callback):
    """Adds up the errors of a training epoch over all processes; must come before their readers."""

    def on_train_epoch_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        if trainer.world_size > 1:
            strategy = trainer.strategy
            module.train_sums.add_up(
                lambda sums: strategy.reduce(sums.to(strategy.root_device), reduce_op="sum")
            )


class BestCheckpoint(Callback):
    """Writes best.ckpt whenever the validation loss reaches a new minimum.

    Comes before the averaging callback in the list, so that it sees the averaged parameters with
    which the validation was run.
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
        if not trainer.is_global_zero:
            return
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
    """Writes best.ckpt at the end of a fit that was never validated: it has no validation part.

    Comes after the averaging callback, which by then has put the averages in place.
    """

    def __init__(self, best: BestCheckpoint) -> None:
        self.best = best

    def on_train_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        if math.isinf(self.best.best) and not trainer.interrupted and trainer.is_global_zero:
            self.best.checkpoint.training.update(epoch=trainer.current_epoch)
            save_checkpoint(self.best.checkpoint, self.best.path)


class CollapseWatch(Callback):
    """Warns when a fit has learned nothing: forces no better than none for several epochs.

    Some starts of wide and deep networks collapse and never recover (thesis, Fig. 4.11: 9 layers of
    64); their loss looks like a slow fit. Recorded in the checkpoint as ``collapsed``.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.epochs = 0

    def on_train_epoch_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        share = module.train_sums.relative_force_mae()
        self.epochs = self.epochs + 1 if share > COLLAPSED_SHARE else 0
        self.checkpoint.training["collapsed"] = self.epochs >= COLLAPSED_EPOCHS
        if self.epochs == COLLAPSED_EPOCHS:
            rank_zero_warn(
                f"for {self.epochs} epochs the force errors have been {100 * share:.0f} % of those "
                "of a model without forces: this start has collapsed. Stop it and try another "
                "run.seed, a lower optimizer.lr, or fewer layers",
                category=CollapseWarning,
            )

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epochs = state["epochs"]


class TimeLimit(Callback):
    """Ends the fit with the epoch that passes its minutes of processor time of each thread.

    Processor time, not wall time: fits that are compared do the same work on a busy machine too.
    The time before a resume counts. Schedules that span the run follow the time spent if it is
    ahead of the epochs, so that the rate has fallen when the time is over. The last epoch is
    validated whatever run.validate_every is: with the lowest rate it is often the best one.
    """

    def __init__(self, minutes: float, threads: int) -> None:
        self.limit = 60.0 * minutes * threads
        self.spent = 0.0
        self.started = 0.0
        self.over = False  # asked before the last chance to validate, and after a validation

    def on_train_start(self, trainer: L.Trainer, module: PotentialModule) -> None:
        trainer.should_stop = self.spent >= self.limit

    def on_train_epoch_start(self, trainer: L.Trainer, module: PotentialModule) -> None:
        self.started = time.process_time()

    def on_train_batch_start(
        self, trainer: L.Trainer, module: PotentialModule, batch: Any, index: int
    ) -> None:
        module.share_of_time = (self.spent + self._of_this_epoch(trainer)) / self.limit

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        module: PotentialModule,
        outputs: Any,
        batch: Any,
        index: int,
    ) -> None:
        if trainer.is_last_batch:
            self.over = self._is_over(trainer)
            if self.over:
                trainer.check_val_every_n_epoch = 1

    def on_validation_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        if not trainer.sanity_checking:
            self.over = self._is_over(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        self.spent += self._of_this_epoch(trainer)
        trainer.should_stop = trainer.should_stop or self.over

    def _is_over(self, trainer: L.Trainer) -> bool:
        return self.spent + self._of_this_epoch(trainer) >= self.limit

    def _of_this_epoch(self, trainer: L.Trainer) -> float:
        # The first process decides for all: they step with the same rate and end together.
        return trainer.strategy.broadcast(time.process_time() - self.started)

    def state_dict(self) -> dict[str, Any]:
        return {"spent": self.spent}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.spent = state["spent"]


def make_callbacks(config: FitConfig, checkpoint: Checkpoint, folder: Path) -> list[Callback]:
    """All callbacks of a fit; their order matters (see the two checkpoints)."""
    best = BestCheckpoint(checkpoint, folder / "best.ckpt")
    callbacks: list[Callback] = [SumsOfAll(), CollapseWatch(checkpoint), best]
    if config.run.ema_decay:
        # Lightning's EMAWeightAveraging, all parameters in one call instead of one by one.
        average = get_ema_multi_avg_fn(config.run.ema_decay)
        callbacks.append(WeightAveraging(device=None, multi_avg_fn=average))
    callbacks.append(FinalCheckpoint(best))
    if config.run.cpu_minutes:
        callbacks.append(TimeLimit(config.run.cpu_minutes, config.run.n_threads))
    if config.run.early_stop:
        callbacks.append(EarlyStopping("validation_loss", patience=config.run.early_stop))
    epoch_log = EpochLog(folder / "log.csv")
    callbacks.append(epoch_log)
    if not sys.stdout.isatty():  # there Lightning shows a bar
        callbacks.append(EpochLines(epoch_log))
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
