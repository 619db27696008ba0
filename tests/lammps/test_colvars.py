"""The example with COLVARS: the spring acts between the two atoms that it names."""

import ase.io
import numpy as np
import pytest
from lammps_run import SPECIES
from repository import REPOSITORY

EXAMPLE = REPOSITORY / "lammps" / "in.colvars"
CATION, ANION = 144, 198  # IDs; the input's defaults
CENTER, CONSTANT = 3.2, 1.0  # A, eV/A^2


@pytest.fixture(name="example")
def _example(potentials, tmp_path):
    """Its text for the shipped box, 20 steps, with what the spring adds to the forces."""
    text = EXAMPLE.read_text()
    for name, value in {
        "potential": potentials["float64"],
        "data": REPOSITORY / "md_examples" / "ean.data",
        "steps": 20,
    }.items():
        line = next(line for line in text.splitlines() if line.startswith(f"variable {name} "))
        text = text.replace(line, f"variable {name} index {value}")
    return text


def test_pulls_the_ion_pair(example, lammps, tmp_path):
    box = ase.io.read(REPOSITORY / "md_examples" / "ean.pdb")
    assert [box.symbols[k - 1] for k in (CATION, ANION)] == ["N", "N"]
    assert len(SPECIES) == 4
    start = box.get_distance(CATION - 1, ANION - 1, mic=True)
    run = lammps(example)
    rows = np.loadtxt(tmp_path / "ean.colvars.traj")
    np.testing.assert_array_equal(rows[:, 0], [0, 10, 20])
    assert rows[0, 1] == pytest.approx(start, abs=1e-6)
    np.testing.assert_allclose(rows[:, 2], [3.2, 4.6, 6.0], atol=1e-9)
    assert rows[-1, 3] > 0.5  # eV, of a spring that runs ahead of the ions
    first = next(line.split() for line in run.output.splitlines() if line.split()[:1] == ["0"])
    assert float(first[3]) == pytest.approx(0.5 * CONSTANT * (start - CENTER) ** 2, abs=1e-6)


def test_adds_equal_and_opposite_forces(example, lammps, tmp_path):
    """Dumped at step 0 with the spring's centre at 4.2 A, and without the spring."""
    forces = {}
    dump = "dump f all custom 1 forces id fx fy fz\ndump_modify f sort id format float %20.15g\n"
    for name, centre in {"with": 4.2, "without": None}.items():
        text = example.replace("variable steps index 20", "variable steps index 0")
        text = text.replace("targetCenters 6.0", "").replace("targetNumSteps ${steps}", "")
        text = text.replace("outputAccumulatedWork on", "")
        text = text.replace("centers 3.2", f"centers {centre or 4.2}")
        if centre is None:
            text = text.replace("forceConstant 1.0", "forceConstant 0.0")
        run = lammps(text.replace("thermo_style", dump + "thermo_style"))
        forces[name] = run.dump("forces")[:, 1:]
    added = forces["with"] - forces["without"]
    box = ase.io.read(REPOSITORY / "md_examples" / "ean.pdb")
    apart = box.get_distance(CATION - 1, ANION - 1, mic=True, vector=True)
    length = np.linalg.norm(apart)
    expected = np.zeros((len(box), 3))
    expected[ANION - 1] = CONSTANT * (4.2 - length) * apart / length
    expected[CATION - 1] = -expected[ANION - 1]
    np.testing.assert_allclose(added, expected, atol=1e-5)  # data file and PDB: 1e-3 A apart
