"""The end of a fit: errors on unseen structures, parity plot, training curve."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from physrep.checkpoint import load_checkpoint
from physrep.engines.ase import PhysRepCalculator
from physrep.figures.plots import parity_figure, training_figure
from physrep.figures.save import save_figure
from physrep.io import Structure
from physrep.output import write_file
from physrep.potential import Potential
from physrep.prediction import total_energies
from physrep.progress import progress, say
from physrep.studies.evaluate.label_errors import Errors, evaluate, predict_forces
from physrep_training.data.batches import joined
from physrep_training.data.conformers import ConformerView
from physrep_training.data.graphs import GraphDataset
from physrep_training.data.moving_edges import NearEdges, energies_of_batch
from physrep_training.fit.epoch_log import read_log
from physrep_training.fit.fit_config import RunConfig

DPI = 150


def write_report(checkpoint: Path, structures: Sequence[Structure], folder: Path) -> dict[str, Any]:
    """errors.json, parity.png and training.png in ``folder``; returns the errors."""
    calculator = PhysRepCalculator(checkpoint, check_contacts=False)
    errors = evaluate(calculator, structures)
    write_file(folder / "errors.json", errors.to_json() + "\n")
    if errors.n_guarded:
        say(
            "fit",
            f"the short-range guard acts in {errors.n_guarded} of {errors.n_structures} structures "
            "that were judged, beyond what the training data support; errors.json names them",
        )
    save_figure(training_figure(read_log(folder / "log.csv")), folder / "training.png", DPI)
    labelled = [s for s in structures if s.forces is not None]
    if labelled:
        figure = parity_figure(
            np.concatenate([s.forces for s in labelled]),
            predict_forces(calculator, labelled),
            np.concatenate([s.species for s in labelled]),
            asdict(errors),
        )
        save_figure(figure, folder / "parity.png", DPI)
    return asdict(errors)


def write_conformer_report(
    checkpoint: Path, parts: Mapping[str, ConformerView], folder: Path, run: RunConfig
) -> dict[str, Any]:
    """errors.json and training.png in ``folder``, a table on stdout; returns the errors.

    The usual errors are those of the first part. ``conformers`` has, for every part and in it for
    every file and number of heavy atoms, the mean absolute error of the energy itself: labels of
    one code, so no offset is removed.
    """
    potential = load_checkpoint(checkpoint).potential.eval()
    on_gpu = run.device == "cuda" or (run.device == "auto" and torch.cuda.is_available())
    potential.to("cuda" if on_gpu else "cpu")
    differences = {name: energy_errors(potential, view, run) for name, view in parts.items()}
    first = next(iter(parts))
    errors: dict[str, Any] = asdict(_overall(differences[first], parts[first]))
    errors["conformers"] = {name: stratified(differences[name], parts[name]) for name in parts}
    write_file(folder / "errors.json", json.dumps(errors, indent=1) + "\n")
    save_figure(training_figure(read_log(folder / "log.csv")), folder / "training.png", DPI)
    print(conformer_table(errors["conformers"]))
    return errors


def energy_errors(potential: Potential, view: ConformerView, run: RunConfig) -> np.ndarray:
    """Predicted minus labelled energy of every conformer, (n,) eV."""
    graphs = GraphDataset(view, potential.species, potential.cutoff, potential.dtype)
    batches = DataLoader(graphs, run.batch_size, num_workers=run.workers, collate_fn=joined)
    device = potential.reference_energies.device
    differences = [np.zeros(0)]
    with torch.no_grad():
        for loaded in progress(batches, "fit", "batch"):
            batch = loaded.to(device)
            near = NearEdges(batch.edge_index, batch.vectors)
            found = energies_of_batch(potential, batch, near)
            energies = total_energies(found, batch.batch, batch.num_graphs)
            differences.append((energies - batch.energy).cpu().numpy())
    return np.concatenate(differences)


def _overall(differences: np.ndarray, view: ConformerView) -> Errors:
    """As in physrep.studies.evaluate.label_errors.evaluate, the mean offset per atom removed."""
    per_atom = 1000.0 * differences / _atoms(view)
    mae = rmse = None
    if len(per_atom) > 1:
        per_atom = per_atom - per_atom.mean()
        mae, rmse = float(np.abs(per_atom).mean()), float(np.sqrt((per_atom**2).mean()))
    return Errors(mae, rmse, None, None, None, len(view))


def _atoms(view: ConformerView) -> np.ndarray:
    """Number of atoms of every conformer, (n,)."""
    return np.array([len(m.species) for m in view.store.molecules])[view.molecules]


def stratified(differences: np.ndarray, view: ConformerView) -> dict[str, Any]:
    """Errors of all conformers, by file and by number of heavy atoms; no offset is removed."""
    table, molecules = view.store.molecules, view.molecules
    files = np.array([m.file for m in table])[molecules]
    heavy = np.array([sum(z > 1 for z in m.species) for m in table])[molecules]
    per_atom = 1000.0 * np.abs(differences) / _atoms(view)

    def errors(chosen: np.ndarray) -> dict[str, Any]:
        return {
            "energy_mae_mev_per_atom": float(per_atom[chosen].mean()),
            "energy_mae_ev": float(np.abs(differences[chosen]).mean()),
            "n_molecules": len(np.unique(molecules[chosen])),
            "n_conformers": int(chosen.sum()),
        }

    return {
        "all": errors(np.ones(len(view), dtype=bool)),
        "files": {view.store.files[f]: errors(files == f) for f in np.unique(files)},
        "heavy_atoms": {str(n): errors(heavy == n) for n in np.unique(heavy)},
    }


def conformer_table(parts: Mapping[str, dict[str, Any]]) -> str:
    """The errors of :func:`stratified` of every part as text, one line for each group."""
    heads = ("molecules", "conformers", "MAE meV/atom", "MAE eV")
    lines = [f"{'part':12s}{'of':24s}" + "".join(f"{head:>14s}" for head in heads)]
    for part, groups in parts.items():
        rows = {"all": groups["all"]}
        rows |= {Path(file).name: errors for file, errors in groups["files"].items()}
        rows |= {f"heavy atoms: {n}": errors for n, errors in groups["heavy_atoms"].items()}
        for name, errors in rows.items():
            lines.append(
                f"{part:12s}{name:24s}{errors['n_molecules']:14d}{errors['n_conformers']:14d}"
                f"{errors['energy_mae_mev_per_atom']:14.2f}{errors['energy_mae_ev']:14.4f}"
            )
    return "\n".join(lines)
