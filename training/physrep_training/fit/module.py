"""The Lightning module: one batch in, weighted losses out; optimizer and schedule from settings."""

import math
from collections.abc import Callable
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch

from physrep.potential import Potential
from physrep.prediction import Prediction
from physrep_training.fit import schedules
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.optimizers import make_optimizer
from physrep_training.objective.objective import LABEL_TERMS, TERMS, Objective, Terms


class FitError(RuntimeError):
    """A fit that cannot continue; the message names the last good checkpoint."""


class PotentialModule(L.LightningModule):
    """Fits the parameters of a potential; callbacks read the sums of errors of an epoch."""

    def __init__(self, potential: Potential, config: FitConfig, steps_per_epoch: int) -> None:
        super().__init__()
        self.potential = potential
        self.config = config
        self.objective = Objective(potential, config.loss)
        self.steps_per_epoch = max(steps_per_epoch, 1)
        self.share_of_time = 0.0  # of run.cpu_minutes
        self.train_sums = ErrorSums()
        self.validation_sums = ErrorSums()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        seed = draw_seed(self.config.run.seed, 1 + self.global_step)
        prediction, terms = self.objective(batch, seed, create_graph=True)
        loss = self.objective.total(terms)
        if not bool(torch.isfinite(loss)):
            raise FitError(self._explain_nan(batch, index, loss))
        self.train_sums.add(prediction, batch, loss, terms)
        return loss

    def _explain_nan(self, batch: Batch, index: int, loss: Tensor) -> str:
        frames = ", ".join(f"{s} frame {f}" for s, f in zip(batch.source, batch.frame, strict=True))
        return (
            f"the loss became {loss.item()} in epoch {self.current_epoch}, batch {index} "
            f"({frames}); best.ckpt and last.ckpt in {self.config.folder} are the last good "
            "ones. Lower optimizer.lr or run.clip, or inspect these frames"
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["walks"] = self.objective.walks.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.objective.walks.load_state_dict(checkpoint["walks"])

    def on_train_epoch_start(self) -> None:
        self.train_sums = ErrorSums()

    def on_validation_epoch_start(self) -> None:
        self.validation_sums = ErrorSums()

    def validation_step(self, batch: Batch, index: int) -> None:
        # The same masks and noise in every epoch, so that losses of epochs can be compared.
        seed = draw_seed(self.config.run.seed, -1 - index)
        prediction, terms = self.objective(batch, seed, create_graph=False)
        self.validation_sums.add(prediction, batch, self.objective.total(terms), terms)

    def on_validation_epoch_end(self) -> None:
        sums = self.validation_sums
        self.log("validation_loss", sums.mean_loss())
        self.log("force_mae", sums.force_mae(), prog_bar=True, logger=False)
        self.log("energy_mae", sums.energy_mae(), prog_bar=True, logger=False)

    def configure_optimizers(self) -> Any:
        optimizer = make_optimizer(self.potential, self.config.optimizer)
        schedule = self.config.schedule
        if schedule.kind == "plateau":
            for group in optimizer.param_groups:
                group["peak_lr"] = group["lr"]
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer,
                factor=schedule.factor,
                patience=schedule.patience,
                min_lr=[schedule.end * group["lr"] for group in optimizer.param_groups],
            )
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": plateau, "monitor": "validation_loss"},
            }
        rates = torch.optim.lr_scheduler.LambdaLR(optimizer, self.rate_factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rates, "interval": "step"}}

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Warm-up of the plateau schedule, which only knows the last rate."""
        share = self.config.schedule.warm_up
        progress = self.progress(self.global_step)
        if self.config.schedule.kind == "plateau" and progress <= share:
            for group in self.trainer.optimizers[0].param_groups:
                group["lr"] = group["peak_lr"] * schedules.warm_up(progress, share)

    def progress(self, step: int) -> float:
        """Share of the run that is over, by epochs or by time, whichever is larger."""
        return max((step + 1) / (self.steps_per_epoch * self.config.run.epochs), self.share_of_time)

    def rate_factor(self, step: int) -> float:
        """Learning rate at ``step`` as a factor of the peak."""
        schedule = self.config.schedule
        if schedule.kind == "one_cycle":  # every epoch is one cycle
            progress = step % self.steps_per_epoch / self.steps_per_epoch
            return schedules.one_cycle(progress, schedule.start, schedule.end)
        progress = self.progress(step)
        if schedule.kind == "cosine":
            return schedules.cosine(progress, schedule.warm_up, schedule.end)
        return schedules.warm_up(progress, schedule.warm_up)


def draw_seed(seed: int, draw: int) -> int:
    """Seed of one draw of one fit; no two draws share one."""
    return int(np.random.SeedSequence([seed, draw + 2**31]).generate_state(1)[0])


class ErrorSums:
    """Running sums of an epoch's loss and errors; NaN where the data has no such label."""

    def __init__(self) -> None:
        self.loss = self.force = self.reference = self.energy = self.virial = 0.0
        self.n_batches = self.n_components = self.n_structures = self.n_virials = 0
        self.terms: dict[str, float] = {}
        self.counts: dict[str, int] = {}  # batches with that term

    def add(self, prediction: Prediction, batch: Batch, loss: Tensor, terms: Terms) -> None:
        """Count one batch."""
        with torch.no_grad():
            self.loss += float(loss.detach())
            for name, value in terms.items():
                self.terms[name] = self.terms.get(name, 0.0) + float(value.detach())
                self.counts[name] = self.counts.get(name, 0) + 1
            self.force += float((prediction.forces - batch.forces).abs().sum())
            self.reference += float(batch.forces.abs().sum())
            self.n_components += batch.forces.numel()
            n_atoms = torch.bincount(batch.batch, minlength=batch.num_graphs)
            self.energy += float(((prediction.energy - batch.energy) / n_atoms).abs().sum())
            virial = (prediction.virial - batch.virial).abs().mean(dim=(1, 2)) / n_atoms
            known = torch.isfinite(virial)
            self.virial += float(virial[known].sum())
            self.n_virials += int(known.sum())
            self.n_structures += batch.num_graphs
            self.n_batches += 1

    def add_up(self, over_processes: Callable[[Tensor], Tensor]) -> None:
        """Replace every sum by that over all processes."""
        # Every process names all terms: one alone may have met a label that is rare.
        counts = [self.n_batches, self.n_components, self.n_structures, self.n_virials]
        counts += [self.counts.get(name, 0) for name in TERMS]
        errors = [self.loss, self.force, self.reference, self.energy, self.virial]
        errors += [self.terms.get(name, 0.0) for name in TERMS]
        total = over_processes(torch.tensor([*counts, *errors], dtype=torch.float64)).tolist()
        counts, errors = [int(n) for n in total[: len(counts)]], total[len(counts) :]
        self.n_batches, self.n_components, self.n_structures, self.n_virials = counts[:4]
        self.loss, self.force, self.reference, self.energy, self.virial = errors[:5]
        self.counts = {name: n for name, n in zip(TERMS, counts[4:], strict=True) if n}
        by_name = dict(zip(TERMS, errors[5:], strict=True))
        self.terms = {name: by_name[name] for name in self.counts}

    def mean_loss(self) -> float:
        """Mean loss per batch."""
        return self.loss / self.n_batches if self.n_batches else math.nan

    def mean_term(self, name: str) -> float:
        """Mean of a term of the loss per batch, without its weight; NaN where the term is off."""
        if name not in self.terms:
            return math.nan
        # Conditions that rest are 0 then and count more when they are due; labels are there or not.
        n_batches = self.counts[name] if name in LABEL_TERMS else self.n_batches
        return self.terms[name] / n_batches

    def force_mae(self) -> float:
        """Mean absolute force error in eV/A."""
        return self.force / self.n_components if self.n_components else math.nan

    def relative_force_mae(self) -> float:
        """The force error as a share of the error of predicting no forces."""
        return self.force / self.reference if self.reference > 0.0 else math.nan

    def energy_mae(self) -> float:
        """Mean absolute energy error in meV/atom."""
        return 1000.0 * self.energy / self.n_structures if self.n_structures else math.nan

    def virial_mae(self) -> float:
        """Mean absolute virial error over the nine components, in meV/atom."""
        return 1000.0 * self.virial / self.n_virials if self.n_virials else math.nan
