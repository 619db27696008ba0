"""Error of the forces against the time of one evaluation, after fits of equal length.

    python benchmarks/accuracy.py [--minutes 30] [--only WORD ...]

Our models and SchNet are fitted by `training/fit.py`, the other peers by the trainers of their
packages (`fit` in contenders/), all on the same 225-atom structures of ethylammonium nitrate
(GFN2-xTB) with one thread. --minutes is processor time. Fits are kept in runs/accuracy and their
errors in results/accuracy.json. A row of that file is not computed again without --again, which
reads the fit in runs/accuracy or makes it if it is missing; an interrupted fit of ours continues.
Times are those of results/speed.json, one thread. Writes results/accuracy.json, accuracy.md and
accuracy.png after every fit.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import ase.io
from matplotlib.figure import Figure

from environments import python_of
from forms import ADAM, CONFIG, PUBLISHED, ROOT, SCHNET
from physrep.figures.style import BLUE, GREY, in_house_style

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
FITS = ROOT / "runs" / "accuracy"
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Fit(NamedTuple):
    """timed_as: how its rows in speed.json begin, of which the fastest counts; settings: of fit.py,
    in addition to jat_ean.yaml; environment: of a peer that has its own trainer, else empty.
    """

    label: str
    folder: str
    timed_as: str
    settings: tuple[str, ...] = ()
    environment: str = ""


FORCES, ENERGY = "force_mae", "energy_mae_mev_per_atom"  # in errors.json
FUSED = "run.ops=fused"
ALL = [
    Fit("DeePMD-kit se_e2_a", "deepmd", "DeePMD-kit", environment="deepmd"),
    Fit("JAT, as ean-jat-short", "ean_jat", "ean-jat-short, fused", (FUSED,)),
    Fit("SchNet (torch_geometric)", "schnet", "SchNet", (SCHNET, ADAM, "repulsion=none")),
    Fit("MACE 64x0e, 2 layers", "mace", "MACE", environment="mace"),
    Fit("JAT as published", "jat", "JAT as published, fused", (PUBLISHED, FUSED)),
]


def write_parts(folder: Path) -> None:
    """The three parts of the data, as jat_ean.yaml divides them, for trainers that read files."""
    sys.path.insert(0, str(ROOT / "training"))
    from physrep.io import read_structures
    from physrep_training.data.splits import split_structures
    from physrep_training.fit.fit_config import load_config

    config = load_config(CONFIG)
    (name,) = config.data.files
    parts = split_structures(read_structures(ROOT / name), config.data.split, config.run.seed)
    frames = list(ase.io.iread(ROOT / name))
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in parts.items():
        ase.io.write(folder / f"{part}.extxyz", [frames[row] for row in rows])


def fit(one: Fit, minutes: float) -> dict:
    """Errors on the test part, as `fit.py` names them; read if the fit was finished before."""
    folder = FITS / one.folder
    errors = folder / "errors.json"
    if not errors.is_file():
        print(f"accuracy: {one.label}", file=sys.stderr, flush=True)
        if one.environment:
            write_parts(FITS / "data")
        command = peer_command if one.environment else own_command
        subprocess.run(command(one, folder, minutes), cwd=ROOT, env=ONE_THREAD, check=True)
    return json.loads(errors.read_text())


def peer_command(one: Fit, folder: Path, minutes: float) -> list[str]:
    """fit_peer.py in the environment of the peer."""
    words = [python_of(one.environment), HERE / "fit_peer.py", one.environment]
    return [str(word) for word in [*words, FITS / "data", folder, minutes]]


def own_command(one: Fit, folder: Path, minutes: float) -> list[str]:
    """fit.py with the frames that the peers have too and a rate that falls over the time."""
    settings = [
        "data.extra_train_files=[]",
        f"run.cpu_minutes={minutes}",
        "run.epochs=100000",
        *one.settings,
        f"output={folder}",
    ]
    resume = ["--resume"] if (folder / "last.ckpt").is_file() else []
    return [sys.executable, str(ROOT / "training" / "fit.py"), str(CONFIG), *settings, *resume]


def milliseconds(one: Fit) -> float:
    """For 225 atoms in one thread, in the engine with the smallest median."""
    rows = json.loads((RESULTS / "speed.json").read_text())["rows"]
    own = [r for r in rows if r["name"].startswith(one.timed_as)]
    return min(r["ms"] for r in own if r["n_atoms"] == 225 and r["threads"] == 1)


def row_of(one: Fit, found: dict, minutes: float) -> dict:
    """One line of the table; peers report the time they took, our fits stop when it is over."""
    return {
        "name": one.label,
        "minutes": found.get("minutes", minutes),
        **{key: found[key] for key in (FORCES, ENERGY)},
        "ours": one.timed_as.endswith("fused"),
    }


def markdown(rows: list[dict]) -> str:
    """The most accurate first."""
    lines = [
        (
            "| model | fit, minutes of one core | force MAE (eV/A) | energy MAE (meV/atom) "
            "| ms per evaluation |"
        ),
        "|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row[FORCES]):
        errors = f"{row[FORCES]:.4f} | {row[ENERGY]:.2f}"
        lines.append(f"| {row['name']} | {row['minutes']:.0f} | {errors} | {row['ms']:.1f} |")
    return "\n".join(lines) + "\n"


@in_house_style
def accuracy_figure(rows: list[dict]) -> Figure:
    """Both axes logarithmic; the lower left corner is best."""
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        axes.plot(row["ms"], row[FORCES], "o", color=BLUE if row["ours"] else GREY)
        point = (row["ms"], row[FORCES])
        axes.annotate(row["name"], point, xytext=(6, 4), textcoords="offset points")
    axes.set(xscale="log", yscale="log")
    axes.margins(x=0.3, y=0.15)
    axes.set_xlabel("energy and forces of 225 atoms, ms (1 CPU thread)")
    axes.set_ylabel("force MAE on the test part (eV/Å)")
    return figure


def write(rows: list[dict]) -> None:
    """JSON, Markdown and figure; the times of all rows are read from speed.json again."""
    of_label = {one.label: one for one in ALL}
    rows = [{**row, "ms": milliseconds(of_label[row["name"]])} for row in rows]
    (RESULTS / "accuracy.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "accuracy.md").write_text(markdown(rows))
    accuracy_figure(rows).savefig(RESULTS / "accuracy.png")


def main() -> None:
    """Fit what is missing, write after every fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--only", nargs="+", help="fits whose name holds one of these words")
    parser.add_argument("--again", action="store_true", help="replace rows that are in the table")
    args = parser.parse_args()
    stored = RESULTS / "accuracy.json"
    rows = json.loads(stored.read_text()) if stored.is_file() else []
    for one in ALL:
        others = [row for row in rows if row["name"] != one.label]
        if args.only and not any(word in one.label for word in args.only):
            continue
        if args.again or len(others) == len(rows):
            rows = [*others, row_of(one, fit(one, args.minutes), args.minutes)]
        write(rows)
    print(markdown(json.loads(stored.read_text())))


if __name__ == "__main__":
    main()
