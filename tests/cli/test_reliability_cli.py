"""``physrep evaluate --suite``: every suite as a user runs it, and one line for every mistake."""

import csv
import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from physrep.cli.main import main
from physrep.config import ConfigError
from physrep.io import DataError, Structure
from physrep.studies.evaluate import Reliability, reaction_paths, relaxations, reliability

KEYS = ["mae_e_mev", "mae_f", "delta_p", "delta_e_mev", "recovered", "assembly_recovered", "n"]
EMT_MODEL = "ase:ase.calculators.emt:EMT"
MODEL = f"ase:{__name__}:Tethered"
NAMES = ("CH3CH2OH", "CH4", "H2O", "CH3OCH3")


class Tethered(Calculator):
    """Every atom on a spring to its place in the molecule of NAMES with its formula; eV, A.

    CH4 breaks: its energy is NaN away from its place. It also prints, as other calculators do.
    """

    implemented_properties = ["energy", "forces"]
    places = {tuple(molecule(name).numbers): molecule(name).positions for name in NAMES}

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        print("cycle 1: converged")
        apart = self.atoms.positions - self.places[tuple(self.atoms.numbers)]
        energy = -7.0 + 5.0 * (apart**2).sum()
        if len(self.atoms) == 5 and energy > -7.0:
            energy = np.nan
        self.results = {"energy": energy, "forces": -10.0 * apart}


def run(capsys, *arguments) -> str:
    assert main(["evaluate", *(str(argument) for argument in arguments)]) == 0
    return capsys.readouterr().out


def refused(capsys, *arguments) -> str:
    """The one line of a refusal."""
    assert main(["evaluate", *(str(argument) for argument in arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("physrep: error: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.fixture(scope="module")
def molecules(tmp_path_factory):
    """The four molecules, labelled 0.5 eV below the calculator."""
    frames = [molecule(name) for name in NAMES]
    for frame in frames:
        frame.info["U0"] = -7.5
    path = tmp_path_factory.mktemp("molecules") / "molecules.extxyz"
    ase.io.write(path, frames)
    return path


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Ethanol moved through its own minimum: two reactions of three frames with known energies."""
    frames = []
    for reaction, height in ((4, 0.05), (9, 1.0)):
        for image, shift in enumerate((0.0, 0.1, 0.05)):
            atoms = molecule("CH3CH2OH")
            atoms.positions[0, 0] += shift
            energy = 100.0 + (0.05 + height if image == 1 else 5.0 * shift**2)
            atoms.info = {"reaction": reaction, "image": image, "REF_energy": energy}
            frames.append(atoms)
    path = tmp_path_factory.mktemp("paths") / "paths.extxyz"
    ase.io.write(path, frames[::-1])
    return path


@pytest.fixture(scope="module")
def surfaces(tmp_path_factory):
    """A copper surface with its top layer lifted, EMT's own energy as the reference."""
    slab = fcc111("Cu", (1, 1, 4), vacuum=5.0, periodic=True)
    slab.arrays["free"] = np.array([0, 0, 0, 1])
    slab.positions[3, 2] += 0.2
    slab.arrays["relaxed_pos"] = slab.positions - [0.0, 0.0, 0.2]
    slab.info = {"relaxed_energy": 0.0}
    slab.info["relaxed_energy"] = float(relaxations(EMT(), [slab]).relaxations[0].energy)
    path = tmp_path_factory.mktemp("surfaces") / "slabs.extxyz"
    ase.io.write(path, [slab, slab])
    return path


def test_reliability(molecules, capsys, tmp_path):
    asked = [MODEL, molecules, "--suite", "reliability", "--energy-key", "U0"]
    found = json.loads(run(capsys, *asked, "--json", "-o", tmp_path / "out"))
    assert list(found)[: len(KEYS)] == KEYS
    assert found["mae_e_mev"] == pytest.approx(500.0)
    assert found["mae_f"] == pytest.approx(0.0, abs=1e-7)
    assert found["n"] == 4 and found["failed"] == 1 and found["recovered"] == 0.75
    assert found["delta_p"] < 0.01 and found["delta_e_mev"] < 1.0  # of the three that finished
    assert found["n_assembly"] == 2 and found["assembly_recovered"] == 1.0
    assert found["n_assembly_two_groups"] == 2 and found["assembly_without_group"] == 2
    table = run(capsys, *asked)
    assert "assembly_recovered" in table and "structure 1, step 0: energy nan eV" in table
    assert "cycle 1" not in table
    names = {"molecules.csv", "recovery.png", "assembly.png", "assembly_energies.npz"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    text = (tmp_path / "out" / "molecules.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["recovered"] for row in rows] == ["1", "0", "1", "1"]
    assert rows[1]["failure"] and rows[2]["assembly_recovered"] == ""
    with np.load(tmp_path / "out" / "assembly_energies.npz") as profiles:
        assert set(profiles) == {"0", "3"} and profiles["0"][0] > 1.0


def test_the_seed_decides_and_the_choice_does_not_change_the_noise(molecules):
    structures = [Structure(f.positions, f.numbers) for f in ase.io.read(molecules, ":")]
    whole, again, other = (reliability(Tethered(), structures, seed) for seed in (1, 1, 2))
    assert whole.to_json() == again.to_json() != other.to_json()
    some = reliability(Tethered(), structures, 1, max_structures=2, n_assembly=0)
    assert len(some.molecules) == 2 and some.numbers()["assembly_recovered"] is None
    for one in some.molecules:
        np.testing.assert_equal(one.recovery.delta_p, whole.molecules[one.index].recovery.delta_p)


def test_forces_are_compared_where_they_are_labelled():
    water = molecule("H2O")
    forces = np.array([[0.3, 0, 0], [0, 0, 0], [-0.6, 0, 0]])
    found = reliability(Tethered(), [Structure(water.positions, water.numbers, forces=forces)])
    assert found.numbers()["mae_f"] == pytest.approx(0.1)
    assert found.numbers()["mae_e_mev"] is None
    assert "labelled forces reach 0.6 eV/A: these are no stable structures" in found.table()


def test_all_failed_is_null_and_not_zero():
    methane = molecule("CH4")
    found: Reliability = reliability(Tethered(), [Structure(methane.positions, methane.numbers)])
    numbers = json.loads(found.to_json())
    assert numbers["delta_p"] is None and numbers["recovered"] == 0.0 and numbers["failed"] == 1


def test_paths(paths, capsys, tmp_path):
    asked = [MODEL, paths, "--suite", "paths"]
    found = json.loads(run(capsys, *asked, "--json", "-o", tmp_path))
    assert list(found)[:3] == ["barrier_mae_ev", "within_0_2_ev", "n"]
    assert found["n"] == 2 and found["n_images"] == 6 and found["within_0_2_ev"] == 0.5
    assert found["barrier_mae_ev"] == pytest.approx((0.05 + 1.0) / 2)
    assert found["barrier_bias_ev"] == pytest.approx(-(0.05 + 1.0) / 2)
    assert "barrier_mae_ev" in run(capsys, *asked)
    assert {path.name for path in tmp_path.iterdir()} == {
        "reactions.csv",
        "barriers.png",
        "paths.png",
    }


def test_is2re(surfaces, capsys, tmp_path):
    asked = [EMT_MODEL, surfaces, "--suite", "is2re"]
    found = json.loads(run(capsys, *asked, "--json", "-o", tmp_path))
    assert found["n"] == 2 and found["failed"] == 0 and found["converged"] == 1.0
    assert found["energy_mae_ev"] < 1e-6 and found["energies_within_0_02_ev"] == 1.0
    assert found["start_displacement"] == pytest.approx(0.2)
    assert found["displacement"] < 0.1
    assert {path.name for path in tmp_path.iterdir()} == {"relaxations.csv", "relaxed.npz"}
    assert "energy_mae_ev" in run(capsys, *asked, "--max-structures", 1)


@pytest.mark.parametrize("given", [{"seed": -1}, {"max_structures": 0}, {"n_assembly": -2}])
def test_whole_numbers_that_are_too_small(given):
    (name, value), *_ = given.items()
    frames = [Structure(one.positions, one.numbers) for one in [molecule("H2O")]]
    with pytest.raises(ConfigError, match=f"{name} = {value}: give a whole number of at least"):
        reliability(EMT(), frames, **given)


def test_mistakes_are_one_line(molecules, paths, surfaces, capsys, tmp_path):
    suite = [MODEL, molecules, "--suite"]
    assert "--seed means nothing to --suite errors" in refused(
        capsys, MODEL, molecules, "--seed", 1
    )
    assert "use --suite reliability" in refused(capsys, *suite, "paths", "--assembly", 3)
    assert "--units means nothing to --suite is2re" in refused(
        capsys, *suite, "is2re", "--units", "eV"
    )
    assert "U0_eV" in refused(capsys, *suite, "reliability", "--energy-key", "U0_eV")
    assert "has no reaction; write" in refused(capsys, *suite, "paths")
    assert "has no energy" in refused(
        capsys, MODEL, _without_labels(paths, tmp_path), *suite[2:], "paths"
    )
    assert "lacks info relaxed_energy" in refused(capsys, *suite, "is2re")
    assert "no such file" in refused(capsys, EMT_MODEL, tmp_path / "no", "--suite", "is2re")
    (tmp_path / "text.extxyz").write_text("hello\n")
    assert "ASE cannot read it" in refused(
        capsys, EMT_MODEL, tmp_path / "text.extxyz", "--suite", "is2re"
    )
    assert "is a file; give the name of a folder" in refused(
        capsys, *suite, "reliability", "-o", molecules
    )


def _without_labels(paths, folder):
    frames = ase.io.read(paths, ":")
    for frame in frames:
        del frame.info["REF_energy"]
    ase.io.write(folder / "unlabelled.extxyz", frames)
    return folder / "unlabelled.extxyz"


def test_nothing_to_test_is_refused():
    for test in (reliability, reaction_paths, relaxations):
        with pytest.raises(DataError, match="no structures to test"):
            test(EMT(), [])


def test_an_element_the_model_does_not_know_is_no_failed_relaxation(exports, tmp_path, capsys):
    ase.io.write(tmp_path / "hcl.extxyz", Atoms("HCl", positions=[[0, 0, 0], [0, 0, 1.3]]))
    said = refused(capsys, exports.ckpt(), tmp_path / "hcl.extxyz", "--suite", "reliability")
    assert "Cl" in said
