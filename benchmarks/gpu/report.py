"""What a run has found so far, as JSON and Markdown, written again after every row."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]

NOTES = {
    "environment": "",
    "build": "`physrep build --cuda` of `plugin/native`; for the GPU at hand alone.",
    "operators": "`tests/ops/test_cuda_device.py`: values, gradients and second derivatives of "
    "the operators on the GPU against the CPU's.",
    "evaluations": "Energy and forces, float32, medians. `dF`: largest difference from the eager "
    "forces; `ms`: edges given; `ms with list`: from positions, neighbour list included; "
    "`launches`: kernels started for one evaluation with edges given; `peak MiB`: of PyTorch's "
    "allocator during one.",
    "lammps": "`pair_style physrep`, NVE, 0.5 fs, one rank.",
    "openmm": "`physrep.engines.openmm.python_force`, Langevin, 0.5 fs, single precision on CUDA.",
    "fit": "`training/fit.py training/configs/jat_ean.yaml`, batches of one structure (225 atoms).",
}


class Report:
    """Steps with their state and rows; every change is on the disk when the call returns."""

    def __init__(self, folder: Path, **about: Any) -> None:
        """about: of the run as a whole."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.about = about
        self.steps: dict[str, dict[str, Any]] = {}

    def start(self, step: str) -> None:
        self.steps[step] = {"state": "running", "reason": "", "seconds": 0.0, "rows": []}
        self.write()

    def add(self, step: str, row: Row) -> None:
        self.steps[step]["rows"].append(row)
        self.write()

    def finish(self, step: str, state: str, reason: str = "", seconds: float = 0.0) -> None:
        """state: done, failed or skipped; reason: why, in a line."""
        self.steps[step].update(state=state, reason=reason, seconds=round(seconds, 1))
        self.write()

    def write(self) -> None:
        """gpu.json and gpu.md; a reader never meets half a file."""
        record = {**self.about, "steps": self.steps}
        self._replace("gpu.json", json.dumps(record, indent=1) + "\n")
        self._replace("gpu.md", self.markdown())

    def _replace(self, name: str, text: str) -> None:
        partial = self._folder / f"{name}.partial"
        partial.write_text(text)
        partial.replace(self._folder / name)

    def markdown(self) -> str:
        """A line for every step, then the rows of each as a table."""
        head = ", ".join(f"{key} {value}" for key, value in self.about.items())
        states = [
            {"step": name, "state": x["state"], "s": x["seconds"], "reason": x["reason"]}
            for name, x in self.steps.items()
        ]
        parts = ["# physrep on a GPU\n", f"{head}\n", table(states)]
        for name, step in self.steps.items():
            if step["rows"]:
                parts += [f"\n## {name}\n", f"{NOTES.get(name, '')}\n", table(step["rows"])]
        return "\n".join(parts)


def table(rows: list[Row]) -> str:
    """Markdown; the columns are the keys in the order in which they first occur."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[cell(row.get(column)) for column in columns] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """Numbers with three digits, at most one line of text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value).replace("|", "\\|").replace("\n", " ")
