"""Functional groups of known molecules, and molecules put together again."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator
from test_recovery import Constant, Springs

from physrep.figures.reliability_plots import assembly_figure
from physrep.probes.assembly import assemble, choose_groups, functional_groups, pulled_apart

ETHANOL = molecule("CH3CH2OH")


def names(atoms: Atoms) -> list[str]:
    """Formulas of the groups, in alphabetical order."""
    return sorted(atoms[g.atoms].get_chemical_formula() for g in functional_groups(atoms))


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("CH3CH2OH", ["CH3", "HO"]),
        ("H3CNH2", ["H2N"]),
        ("C2H6", ["CH3"]),  # two equal halves are one group
        ("CH4", []),
        ("C6H6", []),  # a ring
        ("CH3COOH", ["CHO2", "HO"]),  # C=O is a double bond
        ("CH3CN", ["CN"]),  # C#N is cut off as a whole
        ("C2H4", []),
        ("CH3CHO", ["CHO"]),
        ("C3H6_D3h", []),
    ],
)
def test_groups_of_known_molecules(name, groups):
    assert names(molecule(name)) == groups


def test_a_group_is_at_most_half_of_its_own_molecule():
    two = ETHANOL.copy()
    other = molecule("CH3CH2OH")
    other.translate([0.0, 0.0, 8.0])
    two += other
    assert names(two) == ["CH3", "CH3", "HO", "HO"]
    assert all(len(group.atoms) <= 4 for group in functional_groups(two))


def test_groups_across_the_boundary():
    wrapped = ETHANOL.copy()
    wrapped.set_cell([9.0, 9.0, 9.0])
    wrapped.pbc = True
    wrapped.translate(-wrapped.positions[0])  # the first carbon in the corner
    wrapped.wrap()
    assert names(wrapped) == ["CH3", "HO"]
    groups = functional_groups(wrapped)
    apart = pulled_apart(wrapped, groups)
    for group in groups:
        before = wrapped.get_distance(group.anchor, group.head, mic=True)
        assert apart.get_distance(group.anchor, group.head, mic=True) == pytest.approx(before + 0.7)


def test_a_pulled_group_moves_as_one_along_its_bond():
    (group,) = functional_groups(molecule("H3CNH2"))
    whole = molecule("H3CNH2")
    apart = pulled_apart(whole, [group])
    moved = apart.positions - whole.positions
    assert np.linalg.norm(moved, axis=1) == pytest.approx(0.7 * np.isin(range(7), group.atoms))
    before = whole.get_distance(group.anchor, group.head)
    assert apart.get_distance(group.anchor, group.head) == pytest.approx(before + 0.7)


def test_two_groups_where_there_are_two():
    chosen = choose_groups(functional_groups(ETHANOL), np.random.default_rng(0))
    assert len(chosen) == 2 and not np.isin(chosen[0].atoms, chosen[1].atoms).any()
    nested = functional_groups(molecule("CH3COOH"))  # COOH, and OH in it
    assert len(nested) == 2 and len(choose_groups(nested, np.random.default_rng(0))) == 1
    assert choose_groups([], np.random.default_rng(0)) == []


def test_the_choice_follows_the_seed():
    groups = functional_groups(molecule("isobutane"))
    picked = [
        [group.head for group in choose_groups(groups, np.random.default_rng([seed, 7]))]
        for seed in (0, 0, 1, 2, 3, 4)
    ]
    assert picked[0] == picked[1] and len({tuple(one) for one in picked}) > 1


def together(calculator: Calculator):
    groups = choose_groups(functional_groups(ETHANOL), np.random.default_rng(0))
    return assemble(calculator, ETHANOL, groups, 0.0)


def test_springs_pull_a_molecule_together():
    found = together(Springs(ETHANOL))
    assert found.recovered and found.same_bonds and found.n_groups == 2 and not found.failure
    assert found.energies[0] > 1.0 and found.energies[-1] == pytest.approx(0.0, abs=1e-3)


def test_without_forces_it_stays_apart():
    found = together(Constant())
    assert not found.recovered and not found.same_bonds and found.delta_p > 0.1
    assert found.energies == pytest.approx([-3.0])


def test_a_failure_is_not_recovered():
    found = together(Constant(2, np.nan, force=1.0))
    assert np.isnan(found.delta_p) and not found.recovered and len(found.energies) == 2


def test_near_but_with_another_bond_is_not_recovered():
    assert not together(Springs(ETHANOL))._replace(same_bonds=False).recovered


def test_no_group_no_assembly():
    with pytest.raises(ValueError, match=r"no group of CH4 .*leave out"):
        assemble(Constant(), molecule("CH4"), [], 0.0)


def test_figure_has_a_panel_for_each_model():
    runs = {"a": [together(Springs(ETHANOL)), together(Constant())], "b": [together(Constant())]}
    first, second = assembly_figure(runs).axes
    assert first.get_title(loc="left") == "a"
    texts = [text.get_text() for text in first.get_legend().texts]
    assert texts == ["recovered, 1", "not recovered, 1"]
    assert second.get_legend().texts[1].get_text() == "not recovered, 1"
