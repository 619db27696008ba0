"""Slabs cut from the liquid: does the error of the energy come from their dipole?

    python benchmarks/slab_dipoles.py plugin/physrep/pretrained/ean-jat.ckpt

A slab that is cut from the liquid and not relaxed has a dipole P along its normal. If it were
polarised evenly, its field would cost U = 2 pi k_C P^2 / A (1 / d - 1 / L), with its area A and
thickness d, in a periodic cell of height L (conducting boundary). Electrons that answer the field
lower that cost; charges that follow from the surroundings of each atom cannot, induced dipoles can.
P of GFN2-xTB is that of its charges of atoms, P of a potential that of charges and induced dipoles.
The slabs are those
of data/ean_surfaces_gfn2.extxyz.gz (trained on) and of data/ean_ions_gfn2_test.extxyz.gz (not).
Writes results/slab_dipoles.md and .png.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from ase import Atoms, units

from physrep.engines.ase import PhysRepCalculator
from physrep.io import read_structures
from physrep.io.structures.cell_background import without_background

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FILES = {
    "trained on": "ean_surfaces_gfn2.extxyz.gz",
    "not trained on": "ean_ions_gfn2_test.extxyz.gz",
}
BACKGROUND = {"N": 3.53553}  # of labels of periodic cells: docs/tutorials/sampling.md
COULOMB = units.Hartree * units.Bohr  # eV A / e^2
KINDS = ("slab", "slab_md", "above_slab")


class Slab(NamedTuple):
    """error: eV; reference, predicted: dipole along z in e A; cost: U of the reference's, eV."""

    error: float
    reference: float
    predicted: float
    cost: float


def main() -> None:
    """Measure, fit a line, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    torch.set_num_threads(1)
    calculator = PhysRepCalculator(parser.parse_args().model, check_contacts=False)
    found = {name: slabs(ROOT / "data" / file, calculator) for name, file in FILES.items()}
    text = table(found)
    (RESULTS / "slab_dipoles.md").write_text(text)
    draw(found, RESULTS / "slab_dipoles.png")
    print(text)


def slabs(path: Path, calculator: PhysRepCalculator) -> list[Slab]:
    """Every slab of the file."""
    rows = []
    for structure in without_background(read_structures(path), BACKGROUND):
        if structure.info["kind"] not in KINDS:
            continue
        atoms = structure.to_ase()
        atoms.positions[:, 2] = heights = unbroken_heights(atoms)
        atoms.calc = calculator
        error = atoms.get_potential_energy() - structure.energy
        dipole = float(structure.charges @ heights)
        height = atoms.cell[2, 2]
        area, thickness = atoms.get_volume() / height, np.ptp(heights)
        cost = 2.0 * np.pi * COULOMB * dipole**2 / area * (1.0 / thickness - 1.0 / height)
        rows.append(Slab(error, dipole, float(atoms.get_dipole_moment()[2]), cost))
    return rows


def unbroken_heights(atoms: Atoms) -> np.ndarray:
    """z of the atoms in A with the period's end in the vacuum."""
    edge = atoms.cell[2, 2]
    middle = np.angle(np.exp(2j * np.pi * atoms.positions[:, 2] / edge).mean()) / (2.0 * np.pi)
    return (atoms.positions[:, 2] - middle * edge + edge / 2.0) % edge


def line(rows: list[Slab]) -> tuple[float, float, float]:
    """Error at no dipole (eV), slope over U, correlation of the two."""
    errors, costs = np.array([row.error for row in rows]), np.array([row.cost for row in rows])
    slope, start = np.polyfit(costs, errors, 1)
    return float(start), float(slope), float(np.corrcoef(costs, errors)[0, 1])


def table(found: dict[str, list[Slab]]) -> str:
    """Markdown."""
    lines = [
        "Error of the energy of a slab = a + b U; U: what the field of its dipole would cost.",
        "",
        "| slabs | n | mean error (eV) | U (eV) | a (eV) | b | correlation | P / that of GFN2 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in found.items():
        start, slope, correlation = line(rows)
        _, dipoles, predicted, costs = np.array(rows).T
        errors = np.array([row.error for row in rows])
        share = float(predicted @ dipoles / (dipoles @ dipoles))
        span = f"{costs.min():.2f} to {costs.max():.2f}"
        lines.append(
            f"| {name} | {len(rows)} | {errors.mean():.2f} | {span} "
            f"| {start:.2f} | {slope:.2f} | {correlation:.2f} | {share:.2f} |"
        )
    return "\n".join(lines) + "\n"


def draw(found: dict[str, list[Slab]], path: Path) -> None:
    """Errors over U."""
    figure, axes = plt.subplots(figsize=(5.0, 3.6), layout="constrained")
    for name, rows in found.items():
        axes.plot([row.cost for row in rows], [row.error for row in rows], "o", ms=4, label=name)
    start, slope, _ = line([row for rows in found.values() for row in rows])
    ends = np.array([0.0, max(row.cost for rows in found.values() for row in rows)])
    axes.plot(ends, start + slope * ends, "-", color="0.4", lw=1)
    axes.set_xlabel("cost of the field of the dipole, U (eV)")
    axes.set_ylabel("error of the energy (eV)")
    axes.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
