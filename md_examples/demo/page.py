"""The demo's report: one HTML page."""

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import ase.io
import numpy as np
from engines import NVT, Files, Run, SinglePoint

from physrep.engines.ase import PhysRepCalculator
from physrep.figures.page import Commands, Picture, Section, Table, html_page
from physrep.figures.picture import box_figure
from physrep.figures.plots import energy_figure, parity_figure, temperature_figure, training_figure
from physrep.io import read_structures
from physrep.studies.evaluate.label_errors import predict_forces

HEADER = ("engine", "E (eV)", "max|dF| (eV/A)", "<T> (K)", "ns/day")
MAX_PARITY = 20  # structures: a picture of the errors, not their last digit


def result_rows(
    reference: SinglePoint, points: Mapping[str, SinglePoint], runs: Mapping[str, Run]
) -> list[tuple[str, ...]]:
    """The printed table; forces are compared with those of the checkpoint."""
    rows: list[tuple[str, ...]] = [
        ("checkpoint (PyTorch)", f"{reference.energy:.9f}", "reference", "", "")
    ]
    for name, point in points.items():
        run, difference = runs[name], np.abs(point.forces - reference.forces).max()
        temperature, speed = f"{run.temperatures.mean():.0f}", f"{run.ns_per_day:.2f}"
        rows.append((name, f"{point.energy:.9f}", f"{difference:.1e}", temperature, speed))
    return rows


def speed_row(name: str, run: Run) -> tuple[str, ...]:
    """A row of the table for a run whose speed alone is of interest."""
    return name, "", "", f"{run.temperatures.mean():.0f}", f"{run.ns_per_day:.2f}"


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """HEADER and rows as aligned text."""
    lines = [HEADER, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(HEADER))]
    texts = [
        "  ".join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)]
        )
        for line in lines
    ]
    return "\n".join([texts[0], "-" * len(texts[0]), *texts[1:]])


def write_page(
    path: Path,
    files: Files,
    fit: Path | None,
    rows: Sequence[Sequence[str]],
    runs: Mapping[str, Run],
    steps: Sequence[Sequence[str]],
    command: Sequence[str],
) -> None:
    """Write the report.

    Args:
        fit: folder of the fine-tuning, None where there was none; rows: of `result_rows`;
        runs: by engine; steps: the commands that were run; command: what made the page.
    """
    *_, atoms = ase.io.iread(files.start)
    sections = [_engines(rows, len(atoms)), _dynamics(runs, len(atoms))]
    if fit is not None:
        sections.insert(0, _fit(fit))
    view = box_figure(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc)
    about = f"The box: {len(atoms)} atoms, {atoms.cell.lengths()[0]:.1f} Å, start of the dynamics."
    sections.insert(0, Section("The system", [Picture(view, about, narrow=True)]))
    sections.append(Section("Commands", [Commands([shlex.join(step) for step in steps])]))
    summary = (
        "Ethylammonium nitrate with a machine-learned potential: fine-tuned, exported to one file, "
        "and run from that file in three engines."
    )
    path.write_text(html_page("physrep demo", sections, command, summary), encoding="utf-8")


def _fit(folder: Path) -> Section:
    with (folder / "log.csv").open(newline="") as file:
        training = training_figure(list(csv.DictReader(file)))
    reference, predicted, species, n_structures = _test_forces(folder)
    error = predicted - reference
    errors = {
        "n_structures": n_structures,
        "force_mae": float(np.abs(error).mean()),
        "force_rmse": float(np.sqrt((error**2).mean())),
    }
    parity = parity_figure(reference, predicted, species, errors)
    return Section(
        "The fit",
        [
            Picture(training, "Errors against the epoch of the fine-tuning."),
            Picture(parity, "Forces on structures kept out of the fit; reference: GFN2-xTB."),
        ],
    )


def _test_forces(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Reference and predicted forces (n, 3) in eV/A, species (n,), and how many structures."""
    test = json.loads((folder / "split.json").read_text())["test"]
    chosen = test[:: max(1, len(test) // MAX_PARITY)][:MAX_PARITY]
    known = {source: read_structures(source) for source in {source for source, _ in chosen}}
    structures = [known[source][frame] for source, frame in chosen]
    reference = np.concatenate([structure.forces for structure in structures])
    species = np.concatenate([structure.species for structure in structures])
    predicted = predict_forces(PhysRepCalculator(folder / "best.ckpt"), structures)
    return reference, predicted, species, len(structures)


def _engines(rows: Sequence[Sequence[str]], n_atoms: int) -> Section:
    caption = (
        f"Energy and forces of the start structure ({n_atoms} atoms) in float64, forces compared "
        "with those of the checkpoint; temperature and speed of the float32 dynamics below. The "
        "last row is the speed of a file exported with --ops portable, which runs wherever PyTorch "
        "runs; the others use physrep's compiled operators where these are installed."
    )
    return Section("The same file in every engine", [Table(HEADER, rows, caption)])


def _dynamics(runs: Mapping[str, Run], n_atoms: int) -> Section:
    temperatures = {name: (run.times, run.temperatures) for name, run in runs.items()}
    energies = {name: (run.times, run.energies) for name, run in runs.items()}
    length = max(float(run.times[-1]) for run in runs.values())
    about = (
        f"Langevin dynamics at {NVT.temperature:g} K, {NVT.time_step:g} fs, {length:.2f} ps. "
        "Each engine draws its own random numbers, so the traces differ."
    )
    start = NVT.warm_up * NVT.time_step * 1e-3
    return Section(
        "Molecular dynamics",
        [
            Picture(temperature_figure(temperatures, NVT.temperature, 3 * n_atoms), about),
            Picture(
                energy_figure(energies, n_atoms, "Potential energy"),
                f"Potential energy, counted from each run's first sample (about {start:.2f} ps).",
            ),
        ],
    )
