"""Label frames by a method: REF_energy in eV, REF_forces in eV/A and, where the method has
them, REF_charges in e, REF_stress in eV/A^3 (periodic) or REF_dipole in e A (not), in extxyz.
Methods: gfn2 (default) and gfn1 by tblite; pyscf, DFT of molecules and clusters; cp2k, DFT
of periodic boxes, where CP2K is installed; any calculator of ASE. Method, program, settings,
charge and multiplicity are written into each frame. Resumable, after a kill too: frames that
the output holds are not computed again. Frames whose self-consistent cycle does not converge
are skipped and listed. The charge of a frame is its charge, total_charge or the sum of its
initial_charges, the spin its spin or multiplicity.

Examples:
  physrep label frames.extxyz -o labelled.extxyz
  physrep label anions.extxyz -o labelled.extxyz --charge=-1 --workers 4
  physrep label pairs.extxyz -o dft.extxyz --method pyscf xc=pbe0 basis=def2-tzvp
  physrep label md.traj -o lj.extxyz --method ase:ase.calculators.lj:LennardJones rc=10
"""

import argparse
import os
from pathlib import Path

from physrep.cli.verb import add_number, answer_alone, check_inputs
from physrep.output import check_output_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("frames", help="structures in any format that ASE reads")
    verb.add_argument(
        "settings",
        nargs="*",
        metavar="key=value",
        help="of the method: accuracy, electronic_temperature (K), max_iterations (gfn1, gfn2); "
        "xc, basis, grids, conv_tol (Hartree), max_cycle, density_fit (pyscf); xc, dispersion, "
        "basis, cutoff, rel_cutoff (Ry), eps_scf, max_scf (cp2k); arguments of the class (ase)",
    )
    verb.add_argument("-o", "--output", type=Path, required=True, help="extxyz file to append to")
    verb.add_argument(
        "--method", default="gfn2", help="gfn2 (default), gfn1, pyscf, cp2k, or ase:MODULE:CLASS"
    )
    verb.add_argument(
        "--charge",
        type=int,
        metavar="E",
        help="total charge of frames that state none, in e (default 0); negative: --charge=-1",
    )
    add_number(
        verb,
        "--spin",
        "multiplicity, or number of unpaired electrons, of frames that state none; the number of "
        "electrons tells which of the two it is (default: lowest spin)",
        least=0,
    )
    add_number(verb, "--workers", "frames computed at a time (default 1)", default=1)
    add_number(verb, "--threads", "processor cores for each frame (default: OMP_NUM_THREADS, or 1)")


def run(parsed: argparse.Namespace) -> int:
    """Label the frames that the output lacks."""
    check_inputs(parsed.frames)
    check_output_file(parsed.output, (parsed.frames,))
    if parsed.threads is not None:  # before an OpenMP library is loaded
        os.environ["OMP_NUM_THREADS"] = str(parsed.threads)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from physrep_training.labels.label_frames import label_frames
    from physrep_training.labels.methods import method_of

    with answer_alone():
        method = method_of(parsed.method, parsed.settings)
        state = (parsed.charge, parsed.spin)
        line = label_frames(parsed.frames, parsed.output, method, *state, parsed.workers)
    print(line)
    return 0
