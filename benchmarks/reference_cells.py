"""GFN2-xTB of periodic cells against that of isolated ions, by the installed version of tblite.

    python benchmarks/reference_cells.py            # measure; needs tblite, ase and numpy alone
    python benchmarks/reference_cells.py compare    # of all versions measured, a table

Isolated: an ion pair, four ions and a molecule in cubic cells of length L. What the cell adds to
their energy, less the energy of the dipole among its images (conducting boundary),
-2 pi k_C p^2 / (3 V), is multiplied by V: it should vanish, as nothing else reaches so far. Dense:
energy, forces and pressure of boxes of the liquid. Writes results/reference_cells-VERSION.json,
``compare`` results/reference_cells.md.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import molecule
from tblite.interface import Calculator, Result

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
APART = ROOT / "data" / "ean_ions_gfn2.extxyz.gz"
BOXES = ROOT / "data" / "ean_volumes_gfn2.extxyz.gz"
LENGTHS = (20.0, 30.0, 60.0)  # A
WHICH = (0, 8, 16, 24, 30, 36, 44)  # of the boxes
COULOMB = units.Hartree * units.Bohr  # eV A / e^2
KBAR = 1000.0 * units.bar


def main() -> None:
    """Measure, or print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["measure", "compare"], nargs="?", default="measure")
    if parser.parse_args().what == "compare":
        text = table([json.loads(p.read_text()) for p in sorted(RESULTS.glob("reference_cells-*"))])
        (RESULTS / "reference_cells.md").write_text(text)
        print(text)
        return
    found = {
        "tblite": version("tblite"),
        "isolated": {name: added(atoms) for name, atoms in small().items()},
        "boxes": [box(atoms) for atoms in dense()],
    }
    path = RESULTS / f"reference_cells-{found['tblite']}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(path)


def small() -> dict[str, Atoms]:
    """Isolated and neutral."""
    pairs = [a for a in frames(APART, slice(0, 400)) if a.info["kind"] == "pair_unlike"]
    ring = Atoms("NaClNaCl", [[0, 0, 0], [2.6, 0, 0], [2.6, 2.6, 0], [0, 2.6, 0]])
    return {"ion pair": pairs[0], "Na2Cl2": ring, "methane": molecule("CH4")}


def dense() -> list[Atoms]:
    """Boxes of the liquid, with their labels."""
    boxes = frames(BOXES, slice(None))
    return [boxes[k] for k in WHICH]


def frames(path: Path, which: slice) -> list[Atoms]:
    """Of an extended XYZ file."""
    found = ase.io.read(path, index=which)
    assert isinstance(found, list)
    return found


def added(atoms: Atoms) -> list[float]:
    """eV A^3 for each length of the cell."""
    alone = singlepoint(atoms)
    dipole = np.linalg.norm(alone.get("dipole")) * units.Bohr
    found = []
    for length in LENGTHS:
        periodic = Atoms(atoms.numbers, atoms.positions, cell=[length] * 3, pbc=True)
        change = (singlepoint(periodic).get("energy") - alone.get("energy")) * units.Hartree
        found.append(float(change * length**3 + 2.0 * np.pi / 3.0 * COULOMB * dipole**2))
    return found


def box(atoms: Atoms) -> dict:
    """Volume in A^3, energy in eV, forces in eV/A, pressure in kbar without its kinetic part."""
    result = singlepoint(atoms)
    volume = atoms.get_volume()
    virial = -np.trace(result.get("virial")) * units.Hartree / 3.0
    return {
        "atoms": len(atoms),
        "volume": volume,
        "energy": result.get("energy") * units.Hartree,
        "forces": (-result.get("gradient") * units.Hartree / units.Bohr).round(6).tolist(),
        "pressure": float(virial / volume / KBAR),
    }


def singlepoint(atoms: Atoms) -> Result:
    """GFN2-xTB, neutral, in atomic units."""
    cell = {}
    if atoms.pbc.any():
        cell = {"lattice": atoms.cell.array / units.Bohr, "periodic": atoms.pbc}
    calculator = Calculator("GFN2-xTB", atoms.numbers, atoms.positions / units.Bohr, **cell)
    calculator.set("verbosity", 0)
    calculator.set("accuracy", 0.1)
    return calculator.singlepoint()


def table(measured: list[dict]) -> str:
    """One column for each version; of the boxes, changes from the first version."""
    names = [one["tblite"] for one in measured]
    lines = ["GFN2-xTB by versions of tblite (`python benchmarks/reference_cells.py`).", ""]
    lines += [f"| what a cell of length L adds, times V (eV A^3) | {' | '.join(names)} |"]
    lines += ["|---" * (1 + len(names)) + "|"]
    for name in measured[0]["isolated"]:
        for k, length in enumerate(LENGTHS):
            values = " | ".join(f"{one['isolated'][name][k]:.1f}" for one in measured)
            lines.append(f"| {name}, L = {length:.0f} A | {values} |")
    first, last = measured[0], measured[-1]
    lines += ["", f"| box, A^3 | P by {names[0]}, kbar | P by {names[-1]} | "]
    lines[-1] += (
        "energy, change in meV/atom | times V / pairs^2, eV A^3 | forces, mean change, eV/A |"
    )
    lines += ["|---|---|---|---|---|---|"]
    for old, new in zip(first["boxes"], last["boxes"], strict=True):
        change, pairs = new["energy"] - old["energy"], old["atoms"] / 15
        moved = np.abs(np.array(new["forces"]) - np.array(old["forces"])).mean()
        row = [f"{old['volume']:.0f}", f"{old['pressure']:.1f}", f"{new['pressure']:.1f}"]
        row += [f"{1e3 * change / old['atoms']:.1f}", f"{change * old['volume'] / pairs**2:.1f}"]
        lines.append(f"| {' | '.join(row)} | {moved:.3f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
