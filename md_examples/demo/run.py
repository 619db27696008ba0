"""The demo: fine-tune, export, run in OpenMM, LAMMPS and ASE, write out/demo/report.html.

python md_examples/demo/run.py [--checkpoint FILE] [--no-fit]
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# Before torch is imported. 225 atoms are too few to share: on a busy machine two threads wait for
# each other and are up to ten times slower than one.
os.environ["OMP_NUM_THREADS"] = "1"

import ase_engine
import lammps_engine
import openmm_engine
from engines import NVT, PORTABLE_STEPS, Files, Run, SinglePoint
from page import format_table, result_rows, speed_row, write_page

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = Path("out/demo")
STRUCTURE = Path("md_examples/ean.pdb")
SHIPPED = Path("plugin/physrep/pretrained/ean-jat.ckpt")
CONFIG = Path("training/configs/demo.yaml")
OPENMM, LAMMPS_1, LAMMPS_2, ASE = "OpenMM", "LAMMPS, 1 rank", "LAMMPS, 2 ranks", "ASE"
PORTABLE = "ASE, --ops portable"


def main() -> int:
    """Run all steps; 0 on success."""
    arguments = parse_arguments()
    os.chdir(REPOSITORY)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    steps: list[list[str]] = []
    fit = None if arguments.no_fit else OUTPUT / "fit"
    try:
        if fit is not None:
            with timed("fine-tuning on GFN2-xTB data"):
                fine_tune(arguments.config, arguments.checkpoint, fit, steps)
        checkpoint = arguments.checkpoint if fit is None else fit / "best.ckpt"
        with timed("exporting to one file for every engine"):
            files = export(checkpoint, steps)
    except subprocess.CalledProcessError as error:
        print(f"demo: stopped: the command above ended with code {error.returncode}")
        return 1
    with timed("the same frame in every engine, float64"):
        reference = ase_engine.single_point(STRUCTURE, checkpoint)
        points = single_points(files)
    with timed("settling the box at 300 K"):
        openmm_engine.settle(files)
    with timed(f"molecular dynamics in every engine, {arguments.ps:g} ps each"):
        runs = dynamics(files, round(arguments.ps * 1000.0 / NVT.time_step))
    with timed("the same without compiled operators, to compare the speed"):
        slow = ase_engine.nvt(files._replace(model=files.portable), PORTABLE_STEPS)
    rows = [*result_rows(reference, points, runs), speed_row(PORTABLE, slow)]
    print(f"\n{format_table(rows)}\n")
    page = OUTPUT / "report.html"
    with timed("writing the report"):
        command = ["python", "md_examples/demo/run.py", *sys.argv[1:]]
        write_page(page, files, fit, rows, runs, steps, command)
    print(f"demo: {time.perf_counter() - started:.0f} s in all; open {page}")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED, help="to start from")
    parser.add_argument("--config", type=Path, default=CONFIG, help="of the fine-tuning")
    parser.add_argument("--no-fit", action="store_true", help="export the checkpoint as it is")
    parser.add_argument("--ps", type=float, default=0.25, help="length of each dynamics run")
    return parser.parse_args()


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what is being done, and afterwards how long it took."""
    print(f"demo: {what} ...", flush=True)
    started = time.perf_counter()
    yield
    print(f"demo: {what}: {time.perf_counter() - started:.1f} s", flush=True)


def fine_tune(config: Path, checkpoint: Path, folder: Path, steps: list[list[str]]) -> None:
    """A few epochs from ``checkpoint``, into a fresh folder."""
    shutil.rmtree(folder, ignore_errors=True)
    run_program(
        steps,
        "python",
        ["training/fit.py", str(config), f"start_from={checkpoint}", f"output={folder}"],
    )


def export(checkpoint: Path, steps: list[list[str]]) -> Files:
    """The float32 files for dynamics and the float64 file for comparison."""
    models = [OUTPUT / name for name in ("ean.pt", "ean_float64.pt", "ean_portable.pt")]
    files = Files(STRUCTURE, OUTPUT / "start.pdb", *models)
    base = ["export", str(checkpoint), "--topology", str(STRUCTURE)]
    run_program(steps, "physrep", [*base, "-o", str(files.model)])
    double = [*base, "--dtype", "float64", "-o", str(files.model_float64)]
    run_program(steps, "physrep", double)
    run_program(steps, "physrep", [*base, "--ops", "portable", "-o", str(files.portable)])
    return files


def run_program(steps: list[list[str]], name: str, arguments: Sequence[str]) -> None:
    """Run ``python`` or ``physrep`` of this environment; note the command in ``steps``.

    Raises:
        subprocess.CalledProcessError: it failed; its message is on the terminal.
    """
    step = [name, *arguments]
    print("      " + " ".join(step), flush=True)
    program = Path(sys.executable).with_name(name)
    subprocess.run([str(program), *arguments], check=True)
    steps.append(step)


def single_points(files: Files) -> Mapping[str, SinglePoint]:
    """Energy and forces of the float64 file by engine."""
    folder = OUTPUT / "lammps"
    return {
        OPENMM: openmm_engine.single_point(files),
        LAMMPS_1: lammps_engine.single_point(files, folder, ranks=1),
        LAMMPS_2: lammps_engine.single_point(files, folder, ranks=2),
        ASE: ase_engine.single_point(files.structure, files.model_float64),
    }


def dynamics(files: Files, n_steps: int) -> Mapping[str, Run]:
    """NVT runs of the float32 file by engine."""
    folder = OUTPUT / "lammps"
    return {
        OPENMM: openmm_engine.nvt(files, n_steps),
        LAMMPS_1: lammps_engine.nvt(files, folder, 1, n_steps),
        LAMMPS_2: lammps_engine.nvt(files, folder, 2, n_steps),
        ASE: ase_engine.nvt(files, n_steps),
    }


if __name__ == "__main__":
    sys.exit(main())
