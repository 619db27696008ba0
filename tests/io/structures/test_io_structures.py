"""Structure: what it takes, what it refuses, and what the refusal says."""

import itertools

import numpy as np
import pytest

from physrep.io import DataError, Structure

WATER = {
    "positions": [[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]],
    "species": [8, 1, 1],
    "source": "water.xyz",
    "frame": 7,
}
SHEARED = np.array([[4.0, 0.0, 0.0], [9.0, 3.0, 0.0], [-5.0, 8.0, 5.0]])
TRICLINIC = np.array([[4.0, 0.0, 0.0], [1.5, 3.5, 0.0], [-0.7, 0.9, 5.0]])


def refusal(**changes) -> str:
    """The message with which the changed water frame is refused; file and frame are in it."""
    with pytest.raises(DataError) as caught:
        Structure(**{**WATER, **changes}).validate()
    assert caught.value.source == "water.xyz"
    assert caught.value.frame == 7
    message = str(caught.value)
    assert message.startswith("water.xyz, frame 7 (counted from 0): ")
    return message


def test_fields_become_float64_and_int64():
    structure = Structure(**WATER, energy=-1, forces=np.zeros((3, 3), np.float32)).validate()
    assert structure.positions.dtype == structure.forces.dtype == np.float64
    assert structure.species.dtype == np.int64
    assert structure.cell.shape == (3, 3) and not structure.cell.any()
    assert structure.pbc.tolist() == [False] * 3
    assert isinstance(structure.energy, float)
    assert len(structure) == 3


def test_arrays_are_copies():
    positions = np.array(WATER["positions"])
    structure = Structure(**{**WATER, "positions": positions})
    positions[0] = 9.0
    assert structure.positions[0, 0] == 0.0


def test_cell_rows_of_non_periodic_directions_are_zero():
    structure = Structure(**WATER, cell=50 * np.eye(3), pbc=[True, False, True]).validate()
    assert np.array_equal(structure.cell, np.diag([50.0, 0.0, 50.0]))


def test_left_handed_cell_is_fine():
    Structure(**WATER, cell=np.diag([9.0, 9.0, -9.0]), pbc=True).validate()


@pytest.mark.parametrize("name", ["positions", "species"])
def test_missing_field(name):
    assert f"{name} is missing; it needs shape" in refusal(**{name: None})


@pytest.mark.parametrize("label", ["energy", "forces", "virial"])
def test_missing_label_is_named_when_required(label):
    structure = Structure(**WATER, info={"temperature": 300})
    structure.validate()
    with pytest.raises(DataError, match=rf"frame 7 .* has no {label}; .*temperature"):
        structure.validate(require=(label,))


def test_unknown_label_to_require():
    with pytest.raises(ValueError, match="'stress'; choose from energy, forces, virial"):
        Structure(**WATER).validate(require=("stress",))


def test_zero_atoms():
    assert "has no atoms" in refusal(positions=np.zeros((0, 3)), species=[])


@pytest.mark.parametrize(
    ("changes", "quoted"),
    [
        ({"energy": np.nan}, "energy = nan"),
        ({"energy": np.inf}, "energy = inf"),
        ({"forces": [[0, 0, 0], [0, np.nan, 0], [0, 0, 0]]}, "forces[1] = [ 0. nan  0.]"),
        ({"virial": np.diag([0.0, 0.0, -np.inf])}, "virial[2]"),
        ({"positions": [[0, 0, 0], [1, 0, 0], [np.inf, 0, 0]]}, "positions[2] = [inf  0.  0.]"),
        ({"cell": np.diag([9, np.nan, 9]), "pbc": True}, "cell[1]"),
    ],
)
def test_not_finite(changes, quoted):
    message = refusal(**changes)
    assert quoted in message and "is not finite; recompute the frame or remove it" in message


@pytest.mark.parametrize("number", [0, -1, 119])
def test_unknown_element(number):
    assert f"atom 1 has atomic number {number}" in refusal(species=[8, number, 1])


@pytest.mark.parametrize(
    ("cell", "pbc"),
    [
        (None, True),
        (np.diag([9.0, 9.0, 0.0]), True),
        ([[9, 0, 0], [18, 0, 0], [0, 0, 9]], [True, True, False]),
        (np.diag([9.0, 9.0, 0.01]), True),
    ],
)
def test_cell_without_volume(cell, pbc):
    assert "enclose no volume; give the cell or set pbc to False" in refusal(cell=cell, pbc=pbc)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"positions": np.zeros((2, 3))}, "positions has shape (2, 3); it needs shape (3, 3)"),
        ({"positions": [[0, 0, 0], [1, 0], [2, 0, 0]]}, "positions is ragged"),
        ({"forces": np.zeros((3, 2))}, "forces has shape (3, 2); it needs shape (3, 3)"),
        ({"energy": [1.0, 2.0]}, "energy has shape (2,); it needs shape ()"),
        ({"energy": "****"}, "energy starts with ['****']; it needs numbers"),
        ({"energy": True}, "energy starts with [True]; it needs numbers"),
        ({"species": ["O", "H", "H"]}, "species starts with ['O', 'H', 'H']"),
        ({"species": [8.0, 1.0, 1.0]}, "it needs whole numbers (atomic numbers)"),
        ({"virial": np.zeros(6)}, "virial has shape (6,); it needs shape (3, 3)"),
        ({"pbc": [True, True]}, "pbc has shape (2,); it needs shape (3,)"),
        ({"cell": [9.0, 9.0, 9.0]}, "cell has shape (3,); it needs shape (3, 3)"),
    ],
)
def test_wrong_type_or_shape(changes, words):
    assert words in refusal(**changes)


def test_coincident_atoms():
    message = refusal(positions=[[0, 0, 0], [0.96, 0, 0], [0.96, 0.02, 0]])
    assert "atoms 1 (H) and 2 (H) are 0.0200 A apart" in message


def test_every_atom_at_the_origin():
    assert "are 0.0000 A apart" in refusal(positions=np.zeros((3, 3)))


@pytest.mark.parametrize("cell", [TRICLINIC, SHEARED])
@pytest.mark.parametrize("crossing", [c for c in itertools.product((-1, 0, 1), repeat=3) if any(c)])
def test_atom_on_an_image_of_another(cell, crossing):
    """Across every face, edge and corner, mixed ones too, and from several cells away."""
    crossing = np.array(crossing)
    step = 0.002 * crossing
    inside = np.where(crossing == 0, 0.3, np.where(crossing > 0, 0.999, 0.001))
    base = np.array([inside, [0.5, 0.5, 0.6]]) @ cell
    partner = (inside + step + 3 * crossing) @ cell
    message = refusal(positions=[*base, partner], cell=cell, pbc=True)
    distance = np.linalg.norm(step @ cell)
    assert f"atoms 0 (O) and 2 (H) are {distance:.4f} A apart" in message


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("depth", [0.001, 0.022, 0.044])
def test_images_are_searched_to_the_full_depth_below_a_face(axis, depth):
    """A sheared cell is much narrower than its vectors are long."""
    normal = np.linalg.inv(SHEARED)[:, axis]
    normal = normal / np.linalg.norm(normal)
    inside = 0.5 * (SHEARED.sum(axis=0) - SHEARED[axis]) + depth * normal
    positions = [inside, inside - 0.045 * normal, 0.5 * SHEARED.sum(axis=0)]
    message = refusal(positions=positions, cell=SHEARED, pbc=True)
    assert "atoms 0 (O) and 1 (H) are 0.0450 A apart" in message


def test_images_count_only_where_periodic():
    positions = [[0.0, 0.0, 0.01], [1.0, 0.0, 0.0], [0.0, 0.0, 8.99]]
    Structure(**{**WATER, "positions": positions}, cell=9 * np.eye(3), pbc=[1, 1, 0]).validate()
    refusal(positions=positions, cell=9 * np.eye(3), pbc=[0, 0, 1])


def test_overlap_agrees_with_a_direct_search():
    """Random dense boxes: refused exactly when the minimum over 27 images is below 0.05 A."""
    rng = np.random.default_rng(0)
    images = np.array(list(np.ndindex(3, 3, 3))) - 1
    verdicts = []
    for _ in range(60):
        positions = rng.random((12, 3)) @ TRICLINIC * 0.5
        cell = 0.5 * TRICLINIC
        d = positions[None, :, None] - positions[:, None, None] + images @ cell
        distances = np.linalg.norm(d, axis=-1)
        distances[distances == 0.0] = np.inf
        structure = Structure(positions, np.full(12, 1), cell, True)
        close = distances.min() < 0.05
        verdicts.append(close)
        if close:
            with pytest.raises(DataError, match=f"{distances.min():.4f} A apart"):
                structure.validate()
        else:
            structure.validate()
    assert 0 < sum(verdicts) < 60
