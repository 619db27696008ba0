"""Which graphs are the same molecule."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from molecules import graph, ring, shuffled

from physrep.analysis.chemistry.molecular_graphs import (
    Catalogue,
    graph_hash,
    molecular_graph,
    same_molecule,
)
from physrep.analysis.chemistry.species_names import KNOWN

CAGE = np.array([(i, j) for i in range(8) for j in range(i) if (i ^ j).bit_count() == 1])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "one",
    [graph("CH3 CH2 NH3"), graph("O N(O) O"), ring("CNCCN"), ring("CCCCCC"), (np.full(8, 6), CAGE)],
    ids=["ethylammonium", "nitrate", "imidazolium", "benzene", "cubane"],
)
def test_the_order_of_the_atoms_does_not_matter(one, seed):
    assert same_molecule(molecular_graph(*shuffled(*one, seed)), molecular_graph(*one))


def decalin():
    """Two six-rings that share a bond."""
    return [(k, (k + 1) % 10) for k in range(10)] + [(0, 5)]


def bicyclopentyl():
    """Two five-rings joined by a bond: refinement by neighbours alone takes it for decalin."""
    rings = [(k, (k + 1) % 5) for k in range(5)]
    return [*rings, *[(i + 5, j + 5) for i, j in rings], (0, 5)]


def test_what_refinement_cannot_tell_apart_is_told_apart():
    carbon = np.full(10, 6)
    one, other = molecular_graph(carbon, decalin()), molecular_graph(carbon, bicyclopentyl())
    assert graph_hash(one) == graph_hash(other)
    assert not same_molecule(one, other)
    two_rings = [(k, (k + 1) % 3) for k in range(3)]
    two_rings += [(i + 3, j + 3) for i, j in two_rings]
    one_ring = [(k, (k + 1) % 6) for k in range(6)]
    one, other = molecular_graph(carbon[:6], two_rings), molecular_graph(carbon[:6], one_ring)
    assert not same_molecule(one, other)


def test_elements_count():
    assert not same_molecule(molecular_graph([6, 8], [(0, 1)]), molecular_graph([7, 7], [(0, 1)]))


def test_all_known_names_are_told_apart():
    graphs = [molecular_graph(*graph(text)) for text in KNOWN.values()]
    assert not any(same_molecule(one, other) for one, other in combinations(graphs, 2))


def test_a_catalogue_finds_the_same_molecule_alone():
    known: Catalogue[str] = Catalogue()
    carbon = np.full(10, 6)
    known.add(molecular_graph(carbon, decalin()), "decalin")
    assert known.find(molecular_graph(*shuffled(carbon, np.array(decalin()), 1))) == "decalin"
    assert known.find(molecular_graph(carbon, bicyclopentyl())) is None


def test_a_network_is_told_by_its_hash_in_a_time_that_ends():
    grid = nx.grid_graph((9, 9, 9), periodic=True)
    bonds = np.array(nx.convert_node_labels_to_integers(grid).edges)
    silicon = np.full(9**3, 14)
    one = molecular_graph(silicon, bonds)
    assert same_molecule(one, molecular_graph(*shuffled(silicon, bonds, 0)))
    assert not same_molecule(one, molecular_graph(silicon, bonds[1:]))


def test_bonds_must_belong_to_the_atoms():
    with pytest.raises(ValueError, match=r"\(0, 2\).*2 atoms"):
        molecular_graph([1, 1], [[0, 2]])
