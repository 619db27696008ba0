r"""Errors of potentials for ions outside the liquid, and charges of ions in the liquid.

    python benchmarks/ions.py ean-jat=plugin/physrep/pretrained/ean-jat.ckpt \
        ean-jat-short=plugin/physrep/pretrained/ean-jat-short.ckpt

Structures that no fit has seen (data/PROVENANCE.md): ion pairs in random orientations by distance,
clusters, pairs above a slab less slab and pair alone (labels of slabs less their background). Pairs
also less the two ions alone, which GFN2-xTB (tblite) computes here. Charges of whole ions in the
liquid. Writes results/ions.md and .json.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from physrep.analysis.chemistry.bond_tracking import molecules
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.engines.ase import PhysRepCalculator
from physrep.io import Structure, read_structures
from physrep.io.structures.cell_background import without_background
from physrep_training.labels.with_tblite import with_tblite

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
APART = ROOT / "data" / "ean_ions_gfn2_test.extxyz.gz"
LIQUID = ROOT / "data" / "ean_box_charges_gfn2.extxyz.gz"
BACKGROUND = {"N": 3.53553}  # of labels of periodic cells: docs/tutorials/sampling.md
DISTANCES = ((3.5, 5.0), (5.0, 8.0), (8.0, 12.0), (12.0, 20.5))  # A, centres of mass


def main() -> None:
    """Measure the potentials that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="NAME=FILE")
    torch.set_num_threads(1)
    found = {}
    for word in parser.parse_args().models:
        name, _, file = word.partition("=")
        calculator = PhysRepCalculator(file, check_contacts=False)
        found[name] = {"apart": errors_apart(calculator), "liquid": ions_in_liquid(calculator)}
    found["GFN2-xTB"] = {"liquid": ions_in_liquid(None)}
    (RESULTS / "ions.json").write_text(json.dumps(found, indent=1) + "\n")
    text = tables(found)
    (RESULTS / "ions.md").write_text(text)
    print(text)


def errors_apart(calculator: PhysRepCalculator) -> dict[str, dict[str, float]]:
    """Of each group of structures: n, largest and RMS error of the total energy in eV, MAE of the
    forces in eV/A, MAE of the charges in e.
    """
    groups: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    energies: dict[tuple, tuple[float, float]] = {}
    for structure in without_background(read_structures(APART), BACKGROUND):
        assert structure.energy is not None
        row, predicted = errors_of(structure, calculator)
        info = structure.info
        energies[info["kind"], info.get("host"), info.get("group")] = predicted, structure.energy
        group = group_of(structure)
        groups[group].append(row)
        if "distance" in info:
            model, label = (sum(ions_alone(structure, by)) for by in (calculator, None))
            gained = (predicted - model) - (structure.energy - label)
            groups[f"{group}, less both ions"].append((gained, np.nan, np.nan))
    for (kind, host, group), (predicted, wanted) in energies.items():
        if kind == "above":
            parts = energies["above_slab", host, None], energies["above_pair", host, group]
            gained = predicted - sum(part[0] for part in parts)
            label = wanted - sum(part[1] for part in parts)
            groups["pair above the slab, less both alone"].append((gained - label, np.nan, np.nan))
    return {name: summary(rows) for name, rows in sorted(groups.items())}


def ions_alone(structure: Structure, calculator: PhysRepCalculator | None) -> list[float]:
    """Energies in eV of the ions of a pair, each alone; None: by GFN2-xTB."""
    energies = []
    for k, charge in enumerate(structure.info["ion_charges"]):
        ion = structure.to_ase()[structure.info["ion"] == k]
        ion.info = {"charge": int(charge)}
        if calculator is None:
            ion = with_tblite(ion, int(charge), 1, accuracy=0.1)
        else:
            ion.calc = calculator
        energies.append(float(ion.get_potential_energy()))
    return energies


def errors_of(
    structure: Structure, calculator: PhysRepCalculator
) -> tuple[tuple[float, float, float], float]:
    """Errors of energy (eV), forces (MAE, eV/A) and charges (MAE, e); the predicted energy."""
    atoms = structure.to_ase()
    atoms.calc = calculator
    energy = atoms.get_potential_energy()
    forces = np.abs(atoms.get_forces() - structure.forces).mean()
    charges = np.nan
    if structure.charges is not None and calculator.potential.charged:
        charges = np.abs(atoms.get_charges() - structure.charges).mean()
    return (energy - structure.energy, forces, charges), energy


def group_of(structure: Structure) -> str:
    """Its kind; of pairs with the distance."""
    names = {
        "pair_unlike": "unlike pair",
        "pair_like": "like pair",
        "cluster": "cluster of 4 ions",
        "above": "slab and pair above it",
        "above_slab": "slab alone",
        "above_pair": "pair alone, near contact",
    }
    name = names[structure.info["kind"]]
    for low, high in DISTANCES:
        if low <= structure.info.get("distance", -1.0) < high:
            return f"{name}, {low:g} to {min(high, 20):g} A"
    return name


def summary(rows: Iterable[tuple[float, ...]]) -> dict[str, float]:
    """Of one group."""
    energy, forces, charges = np.array(list(rows)).T
    return {
        "n": len(energy),
        "largest_ev": float(np.abs(energy).max()),
        "rms_ev": float(np.sqrt((energy**2).mean())),
        "force_mae": float(forces.mean()),
        "charge_mae": float(charges.mean()),
    }


def ions_in_liquid(calculator: PhysRepCalculator | None) -> dict[str, list[float]]:
    """Mean and standard deviation of the charges of whole ions; None: those of the labels."""
    charges: dict[str, list[float]] = {"cation": [], "anion": []}
    if calculator is not None and not calculator.potential.charged:
        return {}
    for structure in read_structures(LIQUID):
        atoms = structure.to_ase()
        if calculator is not None:
            atoms.calc = calculator
        of_atoms = structure.charges if calculator is None else atoms.get_charges()
        assert of_atoms is not None
        bonds = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc)
        ions = molecules(bonds.pairs, len(atoms))
        for ion in range(ions.max() + 1):
            name = "cation" if 6 in atoms.numbers[ions == ion] else "anion"
            charges[name].append(float(of_atoms[ions == ion].sum()))
    return {name: [float(np.mean(q)), float(np.std(q))] for name, q in charges.items()}


def tables(found: dict[str, dict]) -> str:
    """Markdown: errors apart from the liquid, charges in it."""
    lines = [
        "Energies: largest error of a total energy, RMS in brackets, eV. Forces: MAE, eV/A. "
        "Charges: MAE, e.",
        "",
    ]
    names = [name for name in found if "apart" in found[name]]
    columns = [f"{name}: {what}" for name in names for what in ("energy", "forces", "charges")]
    lines += ["| structures | n | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for group, first in found[names[0]]["apart"].items():
        cells = [group, str(first["n"])]
        for name in names:
            row = found[name]["apart"][group]
            cells.append(f"{row['largest_ev']:.3f} ({row['rms_ev']:.3f})")
            cells += [
                "" if np.isnan(row[k]) else f"{row[k]:.3f}" for k in ("force_mae", "charge_mae")
            ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Charges of ions in the liquid, mean and spread (e):", ""]
    lines += ["| | cations | anions |", "|---|---|---|"]
    for name, parts in found.items():
        if parts["liquid"]:
            cells = ["{:+.3f} +- {:.3f}".format(*parts["liquid"][k]) for k in ("cation", "anion")]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
