"""Shapes of molecules: RDKit's conformers, optimised with MMFF94 or UFF.

Conformers by ETKDGv3 (S. Wang et al., J. Chem. Inf. Model. 2020, 60, 2044). MMFF94 (T. A. Halgren,
J. Comput. Chem. 1996, 17, 490) where it has parameters, otherwise UFF (A. K. Rappe et al., J. Am.
Chem. Soc. 1992, 114, 10024). Neither knows octahedral phosphorus, arsenic or antimony: atoms with
six neighbours get an octahedron by distances, and no force field.
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations, product
from typing import Any

import networkx as nx
import numpy as np
from rdkit import Chem, DistanceGeometry, rdBase
from rdkit.Chem import AllChem, rdDistGeom, rdMolDescriptors

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.config import ConfigError
from physrep.covalent import is_metal, radii_of
from physrep_training.boxes.smiles import Molecule, read_smiles

MOST_SHAPES = 10  # of one flexible molecule in one box
STEPS = 2000  # of an optimisation
LARGEST_SEED = 2**20
OCTAHEDRON = 0.02  # A, half the width of the bounds of its distances
APART, FAR = 2.4, 100.0  # A, bounds of the distances of atoms on different arms of an octahedron


def shapes_of(molecule: Molecule, n: int, seed: int) -> list[np.ndarray]:
    """At most ``n`` shapes, (n_atoms, 3) A each; one, where there is no bond to turn about.

    Raises:
        ConfigError: RDKit finds none, or one in which the wrong atoms are bonded.
    """
    wanted = min(n, MOST_SHAPES) if _is_flexible(molecule) else 1
    with rdBase.BlockLogs():
        graph = Chem.Mol(molecule.graph)
        found = list(rdDistGeom.EmbedMultipleConfs(graph, wanted, _parameters(graph, seed)))
        if found and len(molecule.numbers) > 1 and not _octahedra(graph):
            _optimise(graph)
    shapes = [graph.GetConformer(k).GetPositions() for k in found]
    if not shapes:
        raise ConfigError(
            f"RDKit finds no shape for {molecule.smiles}; make the box from a file of its "
            "positions with packmol itself"
        )
    for shape in shapes:
        _check_bonds(molecule, shape)
    return shapes


def force_field(molecule: Molecule) -> str:
    """What optimises the shapes, for the user."""
    if len(molecule.numbers) == 1:
        return ""
    if _octahedra(molecule.graph):
        return "an octahedron, not optimised"
    with rdBase.BlockLogs():
        if AllChem.MMFFHasAllMoleculeParams(molecule.graph):
            return "MMFF94"
        return "UFF" if AllChem.UFFHasAllMoleculeParams(molecule.graph) else "not optimised"


def van_der_waals_volume(molecule: Molecule) -> float:
    """A^3, of the union of Bondi's spheres in one shape, the same for every seed; 0 of metal ions.

    In a solution metal ions draw their neighbours together and add next to nothing to the volume.
    """
    return _volume_of(molecule.smiles)


@cache
def _volume_of(smiles: str) -> float:
    (molecule,) = read_smiles(smiles)
    if is_metal(molecule.numbers).all():
        return 0.0
    graph = Chem.Mol(molecule.graph)
    conformer = Chem.Conformer(len(molecule.numbers))
    for k, position in enumerate(shapes_of(molecule, 1, 0)[0].tolist()):
        conformer.SetAtomPosition(k, position)
    graph.AddConformer(conformer)
    return float(rdMolDescriptors.DoubleCubicLatticeVolume(graph).GetVDWVolume())


def _is_flexible(molecule: Molecule) -> bool:
    """Whether a bond turns or a ring may pucker."""
    graph = Chem.RemoveHs(molecule.graph)  # a methyl group has one shape
    rings = rdMolDescriptors.CalcNumAliphaticRings(graph)
    return bool(rdMolDescriptors.CalcNumRotatableBonds(graph) or rings)


def _parameters(graph: Any, seed: int) -> Any:
    parameters = rdDistGeom.ETKDGv3()
    octahedra = _octahedra(graph)
    if octahedra:
        parameters = rdDistGeom.EmbedParameters()
        parameters.SetBoundsMat(_bounds(graph, octahedra))
    # RDKit gives the k-th shape the seed k times this one: 0 would make all alike, 1 and 2 share.
    parameters.randomSeed = int(np.random.default_rng(seed).integers(1, LARGEST_SEED))
    parameters.useRandomCoords = graph.GetNumAtoms() > 100 or bool(octahedra)
    return parameters


def _octahedra(graph: Any) -> list[Any]:
    """Atoms with six neighbours."""
    return [atom for atom in graph.GetAtoms() if atom.GetDegree() == 6]


def _bounds(graph: Any, centres: Sequence[Any]) -> np.ndarray:
    """(n, n) bounds of distances in A, upper ones above the diagonal, lower ones below it.

    Neighbours of a centre are trans to each other two by two in the order of the SMILES string.
    What RDKit knows of distances across the centre holds for other angles and is given up.
    """
    bounds = rdDistGeom.GetMoleculeBoundsMatrix(graph)
    for centre in centres:
        for arm, other in combinations(_arms(graph, centre), 2):
            for first, second in product(arm, other):
                low, high = sorted((first, second))
                bounds[low, high], bounds[high, low] = FAR, APART
        places = _octahedron(centre)
        for (i, here), (j, there) in combinations(sorted(places.items()), 2):
            length = float(np.linalg.norm(here - there))
            bounds[i, j], bounds[j, i] = length + OCTAHEDRON, length - OCTAHEDRON
    DistanceGeometry.DoTriangleSmoothing(bounds)
    return bounds


def _arms(graph: Any, centre: Any) -> list[list[int]]:
    """Atoms that hang at each neighbour of a centre, itself included."""
    bonds = nx.Graph([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in graph.GetBonds()])
    bonds.remove_node(centre.GetIdx())
    return [sorted(arm) for arm in nx.connected_components(bonds)]


def _octahedron(centre: Any) -> dict[int, np.ndarray]:
    """Places (3,) A of a centre and its neighbours, by their indices."""
    atoms = [centre, *centre.GetNeighbors()]
    radii = radii_of([atom.GetAtomicNum() for atom in atoms])
    places = {centre.GetIdx(): np.zeros(3)}
    for k, atom in enumerate(atoms[1:]):
        place = np.zeros(3)
        place[k // 2] = (1 - 2 * (k % 2)) * (radii[0] + radii[k + 1])
        places[atom.GetIdx()] = place
    return places


def _optimise(graph: Any) -> None:
    if AllChem.MMFFHasAllMoleculeParams(graph):
        AllChem.MMFFOptimizeMoleculeConfs(graph, maxIters=STEPS)
    elif AllChem.UFFHasAllMoleculeParams(graph):
        AllChem.UFFOptimizeMoleculeConfs(graph, maxIters=STEPS)


def _check_bonds(molecule: Molecule, shape: np.ndarray) -> None:
    found = find_bonds(shape, molecule.numbers, np.zeros((3, 3)), np.zeros(3, bool)).pairs
    metals = is_metal(molecule.numbers)
    wanted = {
        (min(i, j), max(i, j))
        for i, j in molecule.bonds.tolist()
        if not (metals[i] or metals[j])
    }  # fmt: skip
    wrong = wanted ^ {(min(i, j), max(i, j)) for i, j in found.tolist()}
    if wrong:
        i, j = min(wrong)
        apart = float(np.linalg.norm(shape[i] - shape[j]))
        raise ConfigError(
            f"RDKit finds no sensible shape for {molecule.smiles}: its atoms {i} and {j} are "
            f"{apart:.2f} A apart and should {'' if (i, j) in wanted else 'not '}be bonded; make "
            "the box from a file of its positions with packmol itself"
        )
