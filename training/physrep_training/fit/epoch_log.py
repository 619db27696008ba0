"""The log of a fit: a row of log.csv and a line of text for every epoch."""

import csv
import io
import math
import time
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Callback

from physrep.output import append_to_file, write_file
from physrep.progress import in_words
from physrep_training.fit.module import ErrorSums, PotentialModule
from physrep_training.objective.objective import TERMS

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
    "train_virial_mae_mev_per_atom",
    "validation_virial_mae_mev_per_atom",
    "time_s",
    *(f"{part}_{term}_loss" for term in TERMS for part in ("train", "validation")),
)


class EpochLog(Callback):
    """One row per epoch in log.csv (units in the column names) and in TensorBoard.

    After a resume, the rows of epochs that are computed again are replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.earlier = 0.0  # seconds spent before a resume
        self.started = 0.0

    def on_train_start(self, trainer: L.Trainer, module: PotentialModule) -> None:
        self.started = time.monotonic()
        if not trainer.is_global_zero:
            return
        kept = read_log(self.path) if trainer.current_epoch > 0 else []
        kept = [row for row in kept if int(row["epoch"]) < trainer.current_epoch]
        self.earlier = float(kept[-1]["time_s"]) if kept else 0.0
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(kept)
        write_file(self.path, text.getvalue())

    def on_train_epoch_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        if not trainer.is_global_zero:
            return
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
            train.virial_mae(),
            validation.virial_mae(),
            self.seconds(),
            *(part.mean_term(term) for term in TERMS for part in (train, validation)),
        )
        row = dict(zip(COLUMNS, values, strict=True))
        text = io.StringIO(newline="")
        csv.DictWriter(text, COLUMNS).writerow(row)
        append_to_file(self.path, text.getvalue())
        if trainer.logger is not None:
            trainer.logger.log_metrics(row, step=trainer.global_step)

    def seconds(self) -> float:
        """Wall time of the fit so far, parts before a resume included."""
        return self.earlier + time.monotonic() - self.started


class EpochLines(Callback):
    """Prints a line for every epoch, for logs without a terminal; stands after EpochLog."""

    def __init__(self, epoch_log: EpochLog) -> None:
        self.epoch_log = epoch_log
        self.first_epoch = 0
        self.validated = False

    def on_train_start(self, trainer: L.Trainer, module: PotentialModule) -> None:
        self.first_epoch = trainer.current_epoch

    def on_validation_epoch_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        self.validated = True

    def on_train_epoch_end(self, trainer: L.Trainer, module: PotentialModule) -> None:
        if not trainer.is_global_zero:
            return
        seconds = self.epoch_log.seconds()
        this_run = seconds - self.epoch_log.earlier
        epochs = trainer.current_epoch + 1
        n_epochs = module.config.run.epochs
        by_epochs = (epochs - self.first_epoch) / (n_epochs - self.first_epoch)
        done = max(by_epochs, module.share_of_time)
        parts = [
            f"fit: epoch {epochs}/{n_epochs}",
            *losses_in_words(module.train_sums, module.validation_sums if self.validated else None),
            f"lr {trainer.optimizers[0].param_groups[-1]['lr']:.2e}",
            in_words(seconds),
            "done" if done >= 1.0 else f"{in_words(this_run * (1.0 / done - 1.0))} left",
        ]
        print(", ".join(parts), flush=True)
        self.validated = False


def losses_in_words(train: ErrorSums, validation: ErrorSums | None) -> list[str]:
    """Loss, force, energy and virial errors of an epoch, those of the validation in brackets."""
    words = []
    for name, unit, read in (
        ("loss", "", ErrorSums.mean_loss),
        ("force MAE", " eV/A", ErrorSums.force_mae),
        ("energy MAE", " meV/atom", ErrorSums.energy_mae),
        ("virial MAE", " meV/atom", ErrorSums.virial_mae),
    ):
        value = read(train)
        if math.isnan(value):  # no such label
            continue
        judged = "" if validation is None else f" (validation {read(validation):.4g})"
        words.append(f"{name} {value:.4g}{judged}{unit}")
    return words


def read_log(path: Path) -> list[dict[str, str]]:
    """Rows of a log.csv; none if the file is absent."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
