"""Tables and figures of the suites, written into a folder."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from physrep.figures.reliability_plots import (
    assembly_figure,
    barrier_figure,
    path_figure,
    recovery_figure,
)
from physrep.figures.save import save_figure
from physrep.output import write_file
from physrep.studies.evaluate.molecule_suites import Molecule, Reliability
from physrep.studies.evaluate.path_suite import PathReliability
from physrep.studies.evaluate.surface_suite import Is2reReliability

N_DRAWN = 6  # paths in the figure


def write_molecules(result: Reliability, directory: Path, name: str) -> None:
    """Into an existing folder: molecules.csv, recovery.png, assembly.png (where one was tried)
    and assembly_energies.npz, the profiles in eV by index. ``name``: of the model.
    """
    _write_csv(directory / "molecules.csv", [_molecule_row(one) for one in result.molecules])
    delta_p = np.array([molecule.recovery.delta_p for molecule in result.molecules])
    delta_e = 1000.0 * np.array([molecule.recovery.delta_e for molecule in result.molecules])
    save_figure(recovery_figure({name: delta_p}, {name: delta_e}), directory / "recovery.png")
    tried = {str(m.index): m.assembly for m in result.molecules if m.assembly}
    if tried:
        save_figure(assembly_figure({name: list(tried.values())}), directory / "assembly.png")
        profiles: dict[str, Any] = {index: one.energies for index, one in tried.items()}
        _write_arrays(directory / "assembly_energies.npz", profiles)


def write_paths(result: PathReliability, directory: Path, name: str) -> None:
    """Into an existing folder: reactions.csv, barriers.png, and paths.png with the first N_DRAWN
    reactions.
    """
    barriers = (result.errors.reference_barriers, result.errors.predicted_barriers)
    rows = [
        {"reaction": reaction, "barrier_ev": known, "model_barrier_ev": found}
        for reaction, known, found in zip(result.energies, *barriers, strict=True)
    ]
    _write_csv(directory / "reactions.csv", rows)
    save_figure(barrier_figure({name: result.errors}), directory / "barriers.png")
    drawn = {f"reaction {k}": pair for k, pair in list(result.energies.items())[:N_DRAWN]}
    figure = path_figure(
        {title: labels for title, (labels, _) in drawn.items()},
        {name: {title: predicted for title, (_, predicted) in drawn.items()}},
    )
    save_figure(figure, directory / "paths.png")


def write_relaxations(result: Is2reReliability, directory: Path) -> None:
    """Into an existing folder: relaxations.csv, and relaxed.npz, the positions in A by index."""
    pairs = list(zip(result.indices, result.relaxations, strict=True))
    rows = [{"index": index, **one._asdict()} for index, one in pairs]
    for row in rows:
        del row["positions"]
    _write_csv(directory / "relaxations.csv", rows)
    relaxed: dict[str, Any] = {str(index): one.positions for index, one in pairs}
    _write_arrays(directory / "relaxed.npz", relaxed)


def _molecule_row(molecule: Molecule) -> dict[str, Any]:
    """Empty where there is no number."""
    recovery, assembly = molecule.recovery, molecule.assembly
    energy = molecule.energy_error
    return {
        "index": molecule.index,
        "formula": molecule.formula,
        "n_atoms": len(molecule.force_error),
        "energy_error_mev": "" if energy is None else 1000.0 * energy,
        "mae_f": float(np.abs(molecule.force_error).mean()),
        "delta_p": recovery.delta_p,
        "delta_e_mev": 1000.0 * recovery.delta_e,
        "recovered": int(recovery.recovered),
        "n_steps": recovery.n_steps,
        "converged": int(recovery.converged),
        "failure": recovery.failure,
        "assembly_groups": assembly.n_groups if assembly else "",
        "assembly_delta_p": assembly.delta_p if assembly else "",
        "assembly_same_bonds": int(assembly.same_bonds) if assembly else "",
        "assembly_recovered": int(assembly.recovered) if assembly else "",
        "assembly_failure": assembly.failure if assembly else "",
    }


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, text.getvalue())


def _write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    write_file(path, stream.getvalue())
