"""The Lightning module: one batch in, weighted losses out; optimizer and schedule from settings."""

import math
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch_geometric.data import Batch

from physrep.nn.scatter import sum_edges
from physrep.potential import Potential, Prediction, predict
from physrep_training import schedules
from physrep_training.config import FitConfig
from physrep_training.losses import evaluate_loss
from physrep_training.optimizers import make_optimizer


class FitError(RuntimeError):
    """A fit that cannot go on; the message says where the last good checkpoint is."""


class PotentialModule(L.LightningModule):
    """Fits a potential's parameters; ``errors`` of an epoch are kept for callbacks to write."""

    def __init__(self, potential: Potential, config: FitConfig, steps_per_epoch: int) -> None:
        super().__init__()
        self.potential = potential
        self.config = config
        self.steps_per_epoch = max(steps_per_epoch, 1)
        self.train_sums = ErrorSums()
        self.validation_sums = ErrorSums()

    def forward(self, batch: Batch, create_graph: bool = False) -> Prediction:
        if not (self.config.loss.force.weight or self.config.loss.virial.weight):
            return self.energies_only(batch)
        return predict(
            self.potential,
            batch.types,
            batch.edge_index,
            batch.vectors,
            batch.batch,
            batch.num_graphs,
            create_graph=create_graph,
        )

    def energies_only(self, batch: Batch) -> Prediction:
        """Without the backward pass for forces; forces and virial are NaN."""
        atomic = self.potential(batch.types, batch.edge_index, batch.vectors)
        energy = sum_edges(atomic, batch.batch, batch.num_graphs)
        unknown = [torch.full_like(label, math.nan) for label in (batch.forces, batch.virial)]
        return Prediction(energy, atomic, unknown[0], unknown[1])

    def training_step(self, batch: Batch, index: int) -> Tensor:
        prediction = self(batch, create_graph=True)
        loss = weighted_loss(prediction, batch, self.config)
        if not bool(torch.isfinite(loss)):
            raise FitError(self._explain_nan(batch, index, loss))
        self.train_sums.add(prediction, batch, loss)
        return loss

    def _explain_nan(self, batch: Batch, index: int, loss: Tensor) -> str:
        frames = ", ".join(f"{s} frame {f}" for s, f in zip(batch.source, batch.frame, strict=True))
        return (
            f"the loss became {loss.item()} in epoch {self.current_epoch}, batch {index} "
            f"({frames}); best.ckpt and last.ckpt in {self.config.folder} are the last good "
            "ones. Lower optimizer.lr or run.clip, or look at these frames"
        )

    def on_train_epoch_start(self) -> None:
        self.train_sums = ErrorSums()

    def on_validation_epoch_start(self) -> None:
        self.validation_sums = ErrorSums()

    def validation_step(self, batch: Batch, index: int) -> None:
        prediction = self(batch)
        self.validation_sums.add(prediction, batch, weighted_loss(prediction, batch, self.config))

    def on_validation_epoch_end(self) -> None:
        sums = self.validation_sums
        self.log("validation_loss", sums.mean_loss())
        self.log("force_mae", sums.force_mae(), prog_bar=True, logger=False)
        self.log("energy_mae", sums.energy_mae(), prog_bar=True, logger=False)

    def configure_optimizers(self) -> Any:
        optimizer = make_optimizer(self.potential, self.config.optimizer)
        schedule = self.config.schedule
        if schedule.kind == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=schedule.factor, patience=schedule.patience
            )
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": plateau, "monitor": "validation_loss"},
            }
        rates = torch.optim.lr_scheduler.LambdaLR(optimizer, self.rate_factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rates, "interval": "step"}}

    def rate_factor(self, step: int) -> float:
        """Learning rate at ``step`` as a factor of the peak."""
        schedule = self.config.schedule
        if schedule.kind == "one_cycle":  # every epoch is one cycle
            progress = step % self.steps_per_epoch / self.steps_per_epoch
            return schedules.one_cycle(progress, schedule.start, schedule.end)
        progress = (step + 1) / (self.steps_per_epoch * self.config.run.epochs)
        if schedule.kind == "cosine":
            return schedules.cosine(progress, schedule.warm_up, schedule.end)
        return schedules.warm_up(progress, schedule.warm_up)


def weighted_loss(prediction: Prediction, batch: Batch, config: FitConfig) -> Tensor:
    """Sum of the weighted losses of energy (eV/atom or eV), forces (eV/A) and virial (eV/atom)."""
    loss = prediction.forces.new_zeros(())
    n_atoms = torch.bincount(batch.batch, minlength=batch.num_graphs)
    term = config.loss.energy
    if term.weight:
        share = 1.0 / n_atoms if config.loss.energy.per_atom else torch.ones_like(batch.energy)
        predicted, reference = prediction.energy * share, batch.energy * share
        loss = loss + term.weight * evaluate_loss(term.kind, term.width, predicted, reference)
    term = config.loss.force
    if term.weight:
        forces = evaluate_loss(term.kind, term.width, prediction.forces, batch.forces)
        loss = loss + term.weight * forces
    term = config.loss.virial
    if term.weight:
        per_atom = 1.0 / n_atoms[:, None, None]
        predicted, reference = prediction.virial * per_atom, batch.virial * per_atom
        loss = loss + term.weight * evaluate_loss(term.kind, term.width, predicted, reference)
    return loss


class ErrorSums:
    """Running sums of an epoch's loss and errors; NaN where the data has no such label."""

    def __init__(self) -> None:
        self.loss = self.force = self.reference = self.energy = 0.0
        self.n_batches = self.n_components = self.n_structures = 0

    def add(self, prediction: Prediction, batch: Batch, loss: Tensor) -> None:
        """Count one batch."""
        with torch.no_grad():
            self.loss += float(loss.detach())
            self.force += float((prediction.forces - batch.forces).abs().sum())
            self.reference += float(batch.forces.abs().sum())
            self.n_components += batch.forces.numel()
            n_atoms = torch.bincount(batch.batch, minlength=batch.num_graphs)
            self.energy += float(((prediction.energy - batch.energy) / n_atoms).abs().sum())
            self.n_structures += batch.num_graphs
            self.n_batches += 1

    def mean_loss(self) -> float:
        """Mean loss per batch."""
        return self.loss / self.n_batches if self.n_batches else math.nan

    def force_mae(self) -> float:
        """Mean absolute force error in eV/A."""
        return self.force / self.n_components if self.n_components else math.nan

    def relative_force_mae(self) -> float:
        """The same as a share of the error of a model that predicts no forces at all."""
        return self.force / self.reference if self.reference > 0.0 else math.nan

    def energy_mae(self) -> float:
        """Mean absolute energy error in meV/atom."""
        return 1000.0 * self.energy / self.n_structures if self.n_structures else math.nan
