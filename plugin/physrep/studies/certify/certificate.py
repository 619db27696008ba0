"""The certificate: all parts, the verdict, certificate.json and report.html."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import ase.io
import numpy as np
from ase import Atoms

import physrep
from physrep.config import ConfigError
from physrep.engines.frame_checks import FrameError
from physrep.engines.metadata import ExportError
from physrep.figures.page import Block, Paragraph, Picture, Section, Subheading, Table, html_page
from physrep.io import read_structures
from physrep.output import make_folder, write_file
from physrep.progress import PartsProgress
from physrep.studies.certify.check import Check, as_json, verdict_of, verdict_of_part
from physrep.studies.certify.exactness import energy_and_forces
from physrep.studies.certify.levels import level_of
from physrep.studies.certify.part import Part
from physrep.studies.certify.parts import N_PARTS, all_parts
from physrep.studies.certify.scan_reference import scan_reference
from physrep.studies.certify.task import Options, Task
from physrep.studies.evaluate.label_errors import load_calculator


class Certificate(NamedTuple):
    """parts in the order of the report; verdict: pass, warn or fail."""

    model: str
    structure: str
    level: str
    verdict: str
    parts: list[Part]

    @property
    def checks(self) -> list[Check]:
        """Of all parts."""
        return [check for part in self.parts for check in part.checks]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict,
            "level": self.level,
            "model": self.model,
            "structure": self.structure,
            "physrep_version": physrep.__version__,
            "checks": [as_json(check) for check in self.checks],
        }

    def stamp(self, date: str) -> dict[str, Any]:
        """What a file of the model keeps of it; date: ISO, of the day."""
        return {
            "verdict": self.verdict,
            "line": f"{self.line()}; {date}",
            "level": self.level,
            "date": date,
            "structure": Path(self.structure).name,
            "physrep_version": physrep.__version__,
        }

    def line(self) -> str:
        """The verdict in one line."""
        failed = [check.name for check in self.checks if check.verdict == "fail"]
        counts = [
            f"{sum(c.verdict == verdict for c in self.checks)} {verdict}"
            for verdict in ("pass", "warn", "fail", "skipped")
        ]
        failures = f": {', '.join(failed[:3])}{', ...' * (len(failed) > 3)}" if failed else ""
        return f"{self.verdict} ({self.level}; {', '.join(counts)}){failures}"


def certify(
    model: str,
    structure: str | Path,
    level: str = "quick",
    reference: str | Path | None = None,
    seed: int = 0,
    options: Options | None = None,
) -> Certificate:
    """Measure all parts, a progress bar on stderr.

    Args:
        model: checkpoint, exported file or ase:MODULE:CLASS; structure: any format ASE reads, its
        first frame; level: quick, standard or full; reference: data behind the potential; options:
        see :class:`Options`.

    Raises:
        ConfigError: unknown level, a survival that is not positive, an unreadable structure, or
            data that lacks one of its elements.
        CheckpointError, ExportError, DataError: the files are not what they should be.
    """
    options = options or Options()
    chosen, called = level_of(level, options.survival)
    atoms = read_structure(structure)
    data = [] if reference is None else read_structures(reference, unread="ignore")
    task = Task(
        load_calculator(model),
        atoms,
        chosen,
        data,
        seed,
        model=str(model),
        options=options,
        scan_reference=scan_reference(options.scan_reference),
        committee=tuple(load_calculator(other) for other in options.committee),
    )
    task.contacts()  # raises before hours of work
    check_calculator(task)
    parts = _measured(task)
    verdict = verdict_of(check for part in parts for check in part.checks)
    return Certificate(str(model), str(structure), called, verdict, parts)


def check_calculator(task: Task) -> None:
    """Raise ConfigError where the potential has no energy and forces for the system at all."""
    try:
        energy, forces = energy_and_forces(task.calculator, task.atoms)
    except (ExportError, FrameError):  # our own calculator's words
        raise
    except Exception as error:  # foreign calculators raise what they like
        said = " ".join(str(error).split())[:160]
        raise ConfigError(
            f"{task.model} cannot compute this structure ({task.atoms.get_chemical_formula()}): "
            f"{type(error).__name__}: {said}"
        ) from error
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise ConfigError(
            f"{task.model}: the energy ({energy:g} eV) or a force of this structure is not finite; "
            "is it the structure that was meant, in A?"
        )


def _measured(task: Task) -> list[Part]:
    parts = []
    with PartsProgress("certify", N_PARTS) as shown:
        for part in all_parts(replace(task, progress=shown.begin)):
            parts.append(part)
            shown.finish()
    return parts


def read_structure(path: str | Path) -> Atoms:
    """The first frame of a file; a cell that spans a volume is periodic, as in PDB files.

    Raises:
        FileNotFoundError: there is no such file. ConfigError: ASE cannot read it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        atoms = next(ase.io.iread(path))
    except Exception as error:  # ASE's readers raise what damaged files make of them
        raise ConfigError(
            f"{path}: ASE cannot read it ({type(error).__name__}: {error}); give PDB or extxyz"
        ) from error
    if Path(path).suffix.lower() == ".pdb" and atoms.cell.rank == 3:
        atoms.pbc = True
    return atoms


def write_certificate(found: Certificate, directory: Path, command: Sequence[str]) -> None:
    """certificate.json and report.html; the folder is made."""
    make_folder(directory)
    write_file(directory / "certificate.json", json.dumps(found.as_dict(), indent=1) + "\n")
    write_file(directory / "report.html", report_page(found, command))


def report_page(found: Certificate, command: Sequence[str]) -> str:
    """The report as one self-contained page."""
    sections = [Section("Verdict", [Paragraph(found.line()), _summary(found)])]
    for part in found.parts:
        blocks: list[Block] = [Paragraph(part.text), _checks_table(part)]
        blocks += [Picture(figure, caption) for figure, caption in part.figures]
        for chapter in part.chapters:
            blocks += [Subheading(chapter.heading), *chapter.section().blocks]
        sections.append(Section(f"{part.heading}: {verdict_of_part(part.checks)}", blocks))
    title = f"{Path(found.model).name}: {found.verdict}"
    summary = f"Certificate of {found.model} on {found.structure}, level {found.level}."
    return html_page(title, sections, command, summary)


def _summary(found: Certificate) -> Table:
    rows = [
        (part.heading, verdict_of_part(part.checks), _worst_note(part.checks))
        for part in found.parts
    ]
    return Table(("part", "verdict", "worst"), rows)


def _worst_note(checks: list[Check]) -> str:
    bad = [check for check in checks if check.verdict in ("warn", "fail")]
    return f"{len(bad)} of {len(checks)}" if bad else ""


def _checks_table(part: Part) -> Table:
    rows = [
        (
            check.name.removeprefix(f"{part.name}: "),
            "" if check.value is None else f"{_three_digits(check.value)} {check.unit}",
            "" if check.threshold is None else _three_digits(check.threshold),
            check.verdict,
            check.note,
        )
        for check in part.checks
    ]
    return Table(("check", "measured", "threshold", "verdict", "note"), rows, notes=True)


def _three_digits(value: float) -> str:
    """At least three; thousands, as of wavenumbers, in full."""
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e5 else f"{value:.3g}"
