"""What a fitted PhysRep has learned: its pair parameters, and the element it expects at a position.

python md_examples/physrep_readouts.py qm9.ckpt molecules.extxyz --frame 12 --atom 0 --axis 1 0 0

pairs.png: Coulomb factor, depth and minimum of the pair energies of every element pair over all
frames. elements.png: likelihood of each element at --atom of --frame, moved along --axis, its own
element being hidden. Atoms and frames are counted from 0.
"""

import argparse
from pathlib import Path

import ase.io
import numpy as np
from ase.data import chemical_symbols

from physrep.figures.readout_plots import element_figure, pair_figure
from physrep.probes.readouts import element_scan, load_physrep, pair_readout

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("checkpoint", help="of the model physrep")
parser.add_argument("structures", help="any format ASE reads")
parser.add_argument("--frame", type=int, default=0)
parser.add_argument("--atom", type=int, default=0)
parser.add_argument("--axis", type=float, nargs=3, default=[1.0, 0.0, 0.0])
parser.add_argument("--max-frames", type=int, default=200, help="for the pair parameters")
parser.add_argument("-o", "--output", type=Path, default=Path("out/readouts"))
args = parser.parse_args()

potential = load_physrep(args.checkpoint)
frames = ase.io.read(args.structures, ":")
args.output.mkdir(parents=True, exist_ok=True)

pairs = pair_readout(potential, frames[: args.max_frames])
figure = pair_figure(pairs.species, pairs.bonded, pairs.coulomb, pairs.depth, pairs.size)
figure.savefig(args.output / "pairs.png")
header = "z1,z2,distance (A),bonded,coulomb (eV A),depth (eV),exponent,size (A)"
table = np.column_stack(list(pairs))
np.savetxt(args.output / "pairs.csv", table, delimiter=",", header=header, comments="", fmt="%.6g")

if potential.model.masking:
    atoms, ways = frames[args.frame], np.linspace(-1.0, 1.0, 81)
    scan = element_scan(potential, atoms, args.atom, np.array(args.axis), ways)
    title = f"atom {args.atom} ({atoms.symbols[args.atom]}) of {atoms.get_chemical_formula()}"
    figure = element_figure(*scan, potential.species, title)
    figure.savefig(args.output / "elements.png", bbox_inches="tight")
    middle = scan.likelihoods[len(ways) // 2]
    guess = int(middle.argmax()) + 1
    print(f"{title}: expects {chemical_symbols[guess]} ({middle.max():.2f}) where the atom is")
print(f"{args.output}: pairs.png, pairs.csv, elements.png")
