"""ASE atoms as an OpenMM topology."""

from typing import Any

from ase import Atoms

from physrep.analysis.chemistry.bond_tracking import molecules
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.engines.frame_checks import check_finite
from physrep.errors import UserError
from physrep.units import NM_IN_ANGSTROM


def topology_from_atoms(atoms: Atoms) -> Any:
    """An ``openmm.app.Topology`` of the atoms in their order, with bonds, and the box if periodic.

    Consecutive atoms of one molecule are a residue, and names are unique in it. OpenMM's PDBFile
    instead reads atoms of one residue that share a name as one atom, and ASE writes such files.

    Raises:
        UserError: periodic in some directions only, which OpenMM does not know.
        FrameError: positions that are not finite.
    """
    from openmm import app, unit

    check_finite(atoms.get_chemical_symbols(), atoms.positions)
    if atoms.pbc.any() and not atoms.pbc.all():
        raise UserError(
            f"pbc = {atoms.pbc.tolist()}: OpenMM knows systems that are periodic in all directions "
            "or in none"
        )
    pairs = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    labels = molecules(pairs, len(atoms))
    topology = app.Topology()
    chain = topology.addChain()
    made: list[Any] = []
    for k, symbol in enumerate(atoms.get_chemical_symbols()):
        if k == 0 or labels[k] != labels[k - 1]:
            residue, counts = topology.addResidue("MOL", chain), dict[str, int]()
        counts[symbol] = counts.get(symbol, 0) + 1
        element = app.Element.getBySymbol(symbol)
        made.append(topology.addAtom(f"{symbol}{counts[symbol]}", element, residue))
    for i, j in pairs.tolist():
        topology.addBond(made[i], made[j])
    if atoms.pbc.all():
        topology.setPeriodicBoxVectors(atoms.cell.array / NM_IN_ANGSTROM * unit.nanometer)
    return topology
