"""Stretch one bond with several models: force along it and energy, in one figure.

python md_examples/bond_scan.py md_examples/ean.pdb 165 166 thesis.ckpt neuralil.ckpt -o out/no.png

Atoms are counted from 0. A model is a checkpoint, an exported file or ase:MODULE:CLASS, for example
ase:tblite.ase:TBLite (GFN2-xTB). NAME=MODEL gives the curve a name.
"""

import argparse
from pathlib import Path

import ase.io
import numpy as np
from tqdm import tqdm

from physrep.figures.plots import bond_scan_figure
from physrep.probes.bond_scan import bond_scan
from physrep.studies.evaluate.label_errors import load_calculator

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("structure", help="any format ASE reads; its first frame")
parser.add_argument("fixed", type=int)
parser.add_argument("moved", type=int)
parser.add_argument("models", nargs="+")
parser.add_argument("--distances", type=float, nargs=3, default=[1.0, 2.2, 0.02], help="A")
parser.add_argument("--known", type=float, nargs=2, help="range of the bond in the data, A")
parser.add_argument("-o", "--output", type=Path, default=Path("out/bond_scan.png"))
args = parser.parse_args()

atoms = next(ase.io.iread(args.structure))
start, end, step = args.distances
distances = np.arange(start, end + step / 2, step)
scans = {}
for model in tqdm(args.models, desc="models", disable=None):
    name, _, path = model.rpartition("=")
    calculator = load_calculator(path)
    scans[name or Path(path).stem] = bond_scan(calculator, atoms, args.fixed, args.moved, distances)

bond = "-".join(atoms.symbols[k] for k in (args.fixed, args.moved))
args.output.parent.mkdir(parents=True, exist_ok=True)
bond_scan_figure(scans, bond, args.known).savefig(args.output)
columns = {f"{name} force (eV/A)": scan.forces for name, scan in scans.items()}
header = ",".join(["distance (A)", *columns])
table = np.column_stack([distances, *columns.values()])
np.savetxt(args.output.with_suffix(".csv"), table, delimiter=",", header=header, comments="")
for name, scan in scans.items():
    pushed = distances[scan.spurious()]
    verdict = f"pushed apart from {pushed[0]:.2f} A on" if len(pushed) else "pulled back throughout"
    print(f"{name}: {verdict}")
print(f"{args.output}: done")
