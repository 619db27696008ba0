"""Write a checkpoint as one file for every engine, and verify the file.

Examples:
  physrep export best.ckpt --topology ean.pdb -o ean.pt
  physrep export best.ckpt --ops portable --dtype float64 -o ean.pt
"""

import argparse
import warnings
from typing import TYPE_CHECKING

from physrep.cli.verb import check_inputs, check_models
from physrep.output import check_output_file

if TYPE_CHECKING:
    from ase import Atoms

    from physrep.checkpoint import Model

NAMED = 4  # kinds of ions


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("checkpoint", help=".ckpt written by a fit")
    verb.add_argument(
        "--topology",
        metavar="FILE",
        help="PDB, GRO, extxyz, ... of the one system that OpenMM will simulate, for its elements "
        "and box; OpenMM's TorchForce needs it, all else serves any system without it",
    )
    verb.add_argument(
        "--dtype",
        choices=["float32", "float64"],
        default="float32",
        help="precision of the model's arithmetic (default float32)",
    )
    verb.add_argument(
        "--ops",
        choices=["auto", "fused", "portable"],
        default="auto",
        help="fused: several times as fast on CPUs, for machines with physrep's compiled "
        "operators; portable: runs wherever PyTorch runs; auto (default): fused if the operators "
        "are installed here, for the GPU too where there is one",
    )
    verb.add_argument(
        "--charge",
        type=float,
        metavar="Q",
        help="total charge of the topology in e, for a potential with charges (default: what the "
        "file states, otherwise 0)",
    )
    verb.add_argument("-o", "--output", required=True, help="file to write, e.g. ean.pt")


def run(parsed: argparse.Namespace) -> int:
    """Export, verify the file, say what it is for."""
    check_models(parsed.checkpoint, exported=False, calculators=False)
    check_inputs(parsed.topology)
    check_output_file(parsed.output, (parsed.checkpoint, parsed.topology))
    from physrep.checkpoint import load_checkpoint
    from physrep.engines.bound_topology import read_topology
    from physrep.engines.export import export_potential

    checkpoint = load_checkpoint(parsed.checkpoint)
    topology = read_topology(parsed.topology) if parsed.topology else None
    metadata = export_potential(
        checkpoint, parsed.output, topology, parsed.dtype, parsed.ops, parsed.charge
    )
    bound = metadata.topology
    system = "any system of these elements"
    if bound:
        box = "periodic" if bound.periodic else "isolated"
        system = f"{bound.n_atoms} atoms, {box} (OpenMM), and {system} (LAMMPS, ASE)"
    species = " ".join(metadata.species)
    print(f"{parsed.output}: {species}, {metadata.dtype}, {metadata.ops}, verified; for {system}")
    if note := note_on_ops(parsed.ops, metadata.ops):
        print(note)
    if topology is not None and (missing := note_on_charges(checkpoint.model, topology)):
        warnings.warn(missing, stacklevel=2)
    return 0


def note_on_charges(potential: "Model", topology: "Atoms") -> str:
    """What a potential without charges misses in a system of ions, and what to do; empty where it
    has charges or the system holds no ions.
    """
    if potential.charged:
        return ""
    from physrep.analysis.chemistry.named_pieces import ions_in

    place = topology.positions, topology.cell.array, topology.pbc
    ions = list(ions_in(topology.numbers, *place))
    if not ions:
        return ""
    return (
        f"the topology holds ions ({', '.join(ions[:NAMED])}{', ...' * (len(ions) > NAMED)}) and "
        "this potential has no charges: ions do not feel each other beyond its cutoff "
        f"({potential.cutoff:g} A), which a dense liquid hides and vapour, surfaces, droplets and "
        "dilution do not; for these, fit with `electrostatics`"
    )


def note_on_ops(asked: str, written: str) -> str:
    """What ``--ops auto`` has chosen and what else there is; empty where the user has chosen."""
    if asked != "auto":
        return ""
    if written == "fused":
        return (
            "fused: runs where physrep's compiled operators are installed; "
            "'--ops portable' writes a file that runs wherever PyTorch runs, more slowly"
        )
    from physrep import ops

    if ops.available():
        return (
            "portable: this machine has a GPU and the compiled operators are for CPUs alone; "
            "'physrep build --cuda' compiles them for both, '--ops fused' writes a file for CPUs"
        )
    return (
        "portable: physrep's compiled operators, several times as fast on CPUs, are not usable "
        "here; compile them with 'physrep build' and export again"
    )
