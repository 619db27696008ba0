"""Time of the electrostatic sum alone: methods, forms, widths of the smearing.

    python benchmarks/electrostatics.py                       # where the mesh is faster
    python benchmarks/electrostatics.py --smearing 1.0 2.0    # what a width costs
    python benchmarks/electrostatics.py --isolated            # where all pairs are slower
    python benchmarks/electrostatics.py --polarization 3.0    # with induced dipoles

Energy and its slope by positions, charges and cell, of random charges in a sheared cell, 0.1 atoms
per A^3; one thread. Times are the least of several, of the processor, so that other load on the
machine adds little.
"""

import argparse
import math
import time

import torch

from physrep import ops
from physrep.geometry import Geometry
from physrep.pair.electrostatics import Electrostatics
from physrep.pair.polarization import PolarElectrostatics

SHEARED = [[1.0, 0.0, 0.0], [0.3, 0.9, 0.0], [-0.2, 0.25, 1.1]]


def random_geometry(n_atoms: int, periodic: bool) -> Geometry:
    """A sheared cell, or an isolated droplet of the same density."""
    cell = (10.0 * n_atoms) ** (1 / 3) * torch.tensor(SHEARED, dtype=torch.float64)
    positions = torch.rand(n_atoms, 3, dtype=torch.float64) @ cell
    if not periodic:
        radius = (7.5 * n_atoms / math.pi) ** (1 / 3)
        directions = torch.nn.functional.normalize(torch.randn(n_atoms, 3, dtype=torch.float64))
        positions = radius * directions * torch.rand(n_atoms, 1, dtype=torch.float64) ** (1 / 3)
    neutral = torch.zeros(1, dtype=torch.float64)
    return Geometry(positions, cell[None], torch.full((1, 3), periodic), neutral)


def milliseconds(of: torch.nn.Module, geometry: Geometry, repeats: int) -> float:
    """Energy and gradients, the least time."""
    n_atoms = geometry.positions.size(0)
    charges = torch.rand(n_atoms, dtype=torch.float64) - 0.5
    if isinstance(of, PolarElectrostatics):
        charges = torch.stack([charges, torch.full_like(charges, 0.3)], dim=1)
    structure = torch.zeros(n_atoms, dtype=torch.int64)
    leaves = [geometry.positions, geometry.cells, charges]
    times = []
    for _ in range(repeats):
        x, cells, q = (leaf.clone().requires_grad_(True) for leaf in leaves)
        start = time.process_time()
        energy = of(q, structure, geometry._replace(positions=x, cells=cells)).sum()
        torch.autograd.grad(energy, (x, q, cells), allow_unused=True)
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def measure(
    sizes: list[int], smearing: float, accuracy: float, isolated: bool, polarization: float | None
) -> None:
    forms = ["portable", *(["fused"] if ops.available() else [])]
    direct = "all pairs" if isolated else "factors"
    columns = [f"{form} {method}" for form in forms for method in (direct, "mesh")]
    print(f"smearing {smearing} A, accuracy {accuracy} eV/A; ms\natoms", *columns, sep="\t")
    for n_atoms in sizes:
        row = []
        for form in forms:
            for on_mesh in (False, True):
                of = Electrostatics(smearing, accuracy)
                if polarization is not None:
                    of = PolarElectrostatics(smearing, accuracy, polarization)
                of.mesh_from = of.pairs_up_to = 0 if on_mesh else 10**9
                ops.use_form(of, form)
                repeats = max(3, min(20, 10_000 // n_atoms))
                geometry = random_geometry(n_atoms, not isolated)
                row.append(f"{milliseconds(of, geometry, repeats):.2f}")
        print(n_atoms, *row, sep="\t", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[225, 450, 900, 1800, 3600, 7200])
    parser.add_argument("--smearing", type=float, nargs="+", default=[1.5], help="A")
    parser.add_argument("--accuracy", type=float, default=1e-4, help="eV/A")
    parser.add_argument("--isolated", action="store_true", help="no periods")
    parser.add_argument("--polarization", type=float, help="A, smearing of the field of dipoles")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for smearing in args.smearing:
        measure(args.sizes, smearing, args.accuracy, args.isolated, args.polarization)


if __name__ == "__main__":
    main()
