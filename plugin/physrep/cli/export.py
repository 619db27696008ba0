"""``physrep export``."""

import argparse

EXAMPLES = (
    "physrep export best.ckpt --topology ean.pdb -o ean.pt",
    "physrep export best.ckpt --ops fused --dtype float64 -o ean.pt",
)


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("checkpoint", help=".ckpt written by a fit")
    verb.add_argument(
        "--topology",
        metavar="FILE",
        help="PDB, GRO, extxyz, ... of the system that OpenMM will simulate, for its elements and "
        "box; LAMMPS and ASE need none",
    )
    verb.add_argument(
        "--dtype",
        choices=["float32", "float64"],
        default="float32",
        help="precision of the model's arithmetic (default float32)",
    )
    verb.add_argument(
        "--ops",
        choices=["portable", "fused"],
        default="portable",
        help="fused: several times as fast on CPUs, where physrep is installed (docs/speed.md)",
    )
    verb.add_argument("-o", "--output", required=True, help="file to write, e.g. ean.pt")


def run(parsed: argparse.Namespace) -> int:
    """Export, verify the file, say what it is for."""
    from physrep.checkpoint import load_checkpoint
    from physrep.engines.bound_topology import read_topology
    from physrep.engines.export import export_potential

    checkpoint = load_checkpoint(parsed.checkpoint)
    topology = read_topology(parsed.topology) if parsed.topology else None
    metadata = export_potential(checkpoint, parsed.output, topology, parsed.dtype, parsed.ops)
    bound = metadata.topology
    system = "any system of these elements (LAMMPS, ASE)"
    if bound:
        box = "periodic" if bound.periodic else "isolated"
        system = f"{bound.n_atoms} atoms, {box} (OpenMM), and {system}"
    species = " ".join(metadata.species)
    print(f"{parsed.output}: {species}, {metadata.dtype}, {metadata.ops}, verified; for {system}")
    return 0
