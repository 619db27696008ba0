"""Labels of periodic cells less their background."""

import numpy as np
import pytest
from ase import Atoms

from physrep.config import ConfigError
from physrep.io import Structure
from physrep.io.structures.cell_background import without_background

CELL = np.array([[9.0, 0.0, 0.0], [1.0, 8.0, 0.0], [0.5, -0.7, 10.0]])
SALT = Atoms("NaClNaCl", [[0, 0, 0], [2.6, 0, 0], [2.6, 2.6, 0], [0, 2.6, 0]])


def salt(strain: np.ndarray, **changes) -> Structure:
    deformed = np.eye(3) + strain
    values = {"cell": CELL @ deformed, "pbc": True, "energy": 0.0, **changes}
    return Structure(SALT.positions @ deformed, SALT.numbers, **values)


def background(structure: Structure) -> float:
    (less,) = without_background([structure], {"Na": 3.0, "Cl": 0.5})
    return structure.energy - less.energy


def test_the_energy_is_that_of_the_formula():
    assert background(salt(np.zeros((3, 3)))) == pytest.approx(7.0**2 / 720.0, rel=1e-12)


def test_the_virial_is_the_slope_of_the_energy():
    virial = np.arange(9.0).reshape(3, 3)
    virial = virial + virial.T
    (less,) = without_background([salt(np.zeros((3, 3)), virial=virial)], {"Na": 3.0, "Cl": 0.5})
    for a in range(3):
        for b in range(a, 3):
            strain = np.zeros((3, 3))
            strain[a, b] = strain[b, a] = 1e-5 if a == b else 0.5e-5
            slope = (background(salt(strain)) - background(salt(-strain))) / 2e-5
            assert (virial - less.virial)[a, b] == pytest.approx(-slope, abs=1e-9)


def test_a_virial_alone_is_corrected_too():
    full = salt(np.zeros((3, 3)), virial=np.eye(3))
    alone = salt(np.zeros((3, 3)), virial=np.eye(3), energy=None)
    one, other = without_background([full, alone], {"Na": 3.0})
    assert other.energy is None
    assert np.array_equal(one.virial, other.virial) and one.virial[0, 0] < 1.0


def test_two_cells_have_twice_the_energy():
    one = salt(np.zeros((3, 3)))
    two = SALT.copy()
    two.set_cell(CELL)
    two.pbc = True
    two = two.repeat((1, 1, 2))
    doubled = Structure(two.positions, two.numbers, two.cell.array, True, energy=0.0)
    assert background(doubled) == pytest.approx(2.0 * background(one), rel=1e-12)


@pytest.mark.parametrize(
    "changes", [{"pbc": False, "cell": None}, {"pbc": [True, True, False]}, {"energy": None}]
)
def test_others_stay_as_they_are(changes):
    structure = salt(np.zeros((3, 3)), **changes)
    assert list(without_background([structure], {"Na": 3.0})) == [structure]


def test_no_such_element():
    with pytest.raises(ConfigError, match="cell_background: 'Xx' is no element; give symbols"):
        list(without_background([], {"Xx": 1.0}))
