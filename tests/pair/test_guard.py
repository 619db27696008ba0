"""The guard leaves the reach of the data alone and closes every hole below it."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.data import covalent_radii
from systems import SPECIES, compute, make_checkpoint

SHORTEST = 1.1  # A


def potentials(scale: float = 2.0):
    """The same random potential with and without known shortest distances."""
    made = [make_checkpoint("jat-gated-sum").potential for _ in range(2)]
    made[0].shortest_distances.fill_(SHORTEST)
    for potential in made:
        potential.scale.fill_(scale)
    return made


def pair(distance: float, a: int = 6, b: int = 8) -> Atoms:
    return Atoms([a, b, 7], positions=[[0, 0, 0], [0, 0, distance], [0, 2.4, 0.3]])


@pytest.mark.parametrize("distance", [0.991, 1.3, 2.0])
def test_nothing_changes_where_the_data_reaches(distance):
    guarded, plain = potentials()
    assert compute(guarded, pair(distance)).energy == compute(plain, pair(distance)).energy


def test_the_network_is_silent_at_three_quarters():
    guarded, _ = potentials()
    louder, _ = potentials(scale=7.0)
    atoms = Atoms([6, 8], positions=[[0, 0, 0], [0, 0, 0.75 * SHORTEST]])
    assert compute(guarded, atoms).energy.item() == pytest.approx(
        compute(louder, atoms).energy.item(), abs=1e-2
    )


@pytest.mark.parametrize("distance", [0.95, 0.9, 0.85])
def test_forces_are_the_slope_where_the_network_fades(distance):
    guarded, _ = potentials()
    step = 1e-5
    ends = [compute(guarded, pair(distance + s)).energy.item() for s in (-step, step)]
    assert compute(guarded, pair(distance)).forces[1, 2].item() == pytest.approx(
        (ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-6
    )


def test_force_and_its_slope_do_not_jump_where_the_guard_begins():
    guarded, plain = potentials()
    apart = []
    for distance in (0.99 - 1e-3, 0.99 - 5e-4):
        forces = [compute(p, pair(distance)).forces[1, 2].item() for p in (guarded, plain)]
        apart.append(abs(forces[0] - forces[1]))
    assert apart[1] < 0.3 * apart[0] < 1e-2  # of second order in the depth: a quarter


@pytest.mark.parametrize("scale", [2.0, 200.0])
def test_every_pair_of_elements_has_a_wall(scale):
    """However large what the network extrapolates to: below, the repulsion alone."""
    guarded, _ = potentials(scale)
    for a in SPECIES:
        for b in SPECIES:
            reach = min(0.65 * covalent_radii[[a, b]].sum(), 0.7 * SHORTEST)
            for distance in np.arange(0.2, reach, 0.05):
                atoms = Atoms([a, b], positions=[[0, 0, 0], [0, 0, distance]])
                assert compute(guarded, atoms).forces[1, 2].item() > 0.0


def test_published_forms_are_as_published():
    potential = make_checkpoint("jat-published").potential
    before = compute(potential, pair(0.7)).energy.item()
    potential.shortest_distances.fill_(SHORTEST)
    assert compute(potential, pair(0.7)).energy.item() == before


def test_script_equals_eager():
    guarded, _ = potentials()
    scripted = torch.jit.script(guarded)
    assert compute(scripted, pair(0.85)).energy == compute(guarded, pair(0.85)).energy
