"""The command line: every verb, and one line for every mistake."""

import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ean_systems import SYSTEMS
from repository import REPOSITORY

from physrep.cli.main import main
from physrep.engines.ase import PhysRepCalculator
from physrep.io import Structure, read_structures
from physrep.studies.evaluate.label_errors import evaluate

KEYS = [
    "energy_mae_mev_per_atom",
    "energy_rmse_mev_per_atom",
    "force_mae",
    "force_rmse",
    "force_max",
    "n_structures",
    "virial_mae_mev_per_atom",
    "virial_rmse_mev_per_atom",
    "stress_mae_mev_per_a3",
    "stress_rmse_mev_per_a3",
    "charge_mae",
    "charge_rmse",
    "dipole_mae",
    "dipole_rmse",
    "n_guarded",
    "guarded",
    "energy_mae_mev",
    "energy_rmse_mev",
    "energy_centred_mae_mev",
]


def refused(capsys, *arguments) -> str:
    """The one line of a refusal."""
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("physrep: error: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.fixture(scope="module")
def labelled(exports, tmp_path_factory):
    """Three frames labelled by the potential, energies off by a constant and one known error."""
    calculator = PhysRepCalculator(exports.ckpt())
    frames = []
    for k, shift in enumerate([0.0, 0.03, -0.03]):  # eV/atom, on top of an offset of 5
        atoms = SYSTEMS["pair"]()
        atoms.rattle(0.02, seed=k)
        atoms.calc = calculator
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        forces[0, 0] += 0.3
        energy += (5.0 + shift) * len(atoms)
        frame = SYSTEMS["pair"]()
        frame.positions = atoms.positions
        frame.info["REF_energy"] = energy
        frame.arrays["REF_forces"] = forces
        frames.append(frame)
    path = tmp_path_factory.mktemp("labelled") / "data.extxyz"
    ase.io.write(path, frames)
    return path


def test_export_then_inspect(exports, tmp_path, capsys):
    target, pdb = tmp_path / "ean.pt", REPOSITORY / "md_examples" / "ean.pdb"
    given = ["export", exports.ckpt(), "--topology", pdb, "--dtype", "float64", "-o", target]
    with pytest.warns(UserWarning, match="the topology holds ions"):
        assert main([str(part) for part in given]) == 0
    assert "225 atoms, periodic (OpenMM)" in capsys.readouterr().out
    assert main(["inspect", str(target), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["kind"] == "exported file"
    assert described["dtype"] == "float64"
    assert described["topology"]["n_atoms"] == 225
    assert main(["inspect", str(target)]) == 0
    text = capsys.readouterr().out
    assert "C30 H120 N30 O45" in text
    assert "none (not certified)" in text


def test_inspect_a_checkpoint(exports, capsys):
    assert main(["inspect", str(exports.ckpt()), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["kind"] == "checkpoint"
    assert described["species"] == ["C", "H", "N", "O"]
    assert described["reference_energies"]["N"] == -70.0
    assert described["n_parameters"] > 1000
    assert main(["inspect", str(exports.ckpt())]) == 0


@pytest.mark.parametrize("file", ["ckpt", "pt"])
def test_evaluate_finds_the_errors_put_in(exports, labelled, capsys, file):
    model = exports.ckpt() if file == "ckpt" else exports.pt(None)
    assert main(["evaluate", str(model), str(labelled), "--json"]) == 0
    errors = json.loads(capsys.readouterr().out)
    assert list(errors) == KEYS
    assert errors["energy_mae_mev_per_atom"] == pytest.approx(20.0, abs=1e-4)
    assert errors["energy_rmse_mev_per_atom"] == pytest.approx(30.0 * (2 / 3) ** 0.5, abs=1e-4)
    assert errors["energy_mae_mev"] == pytest.approx(15 * 5000.0, abs=1e-2)  # 15 atoms, 5 eV off
    assert errors["energy_centred_mae_mev"] == pytest.approx(15 * 20.0, abs=1e-2)
    assert errors["force_mae"] == pytest.approx(0.3 / 45, abs=1e-6)  # one of 45 components
    assert errors["force_rmse"] == pytest.approx(0.3 / 45**0.5, abs=1e-6)
    assert errors["force_max"] == pytest.approx(0.3, abs=1e-6)
    assert errors["n_structures"] == 3
    assert main(["evaluate", str(model), str(labelled)]) == 0
    assert "force_mae" in capsys.readouterr().out


def test_evaluate_is_told_format_and_units(exports, labelled, capsys, tmp_path):
    data = tmp_path / "frames.data"
    data.write_bytes(labelled.read_bytes())
    model = str(exports.ckpt())
    assert "name it" in refused(capsys, "evaluate", model, data)
    assert main(["evaluate", model, str(data), "--format", "extxyz", "--json"]) == 0
    in_ev = json.loads(capsys.readouterr().out)
    assert in_ev["force_max"] == pytest.approx(0.3, abs=1e-6)
    assert "did you mean" in refused(capsys, "evaluate", model, data, "--format", "extxzy")
    wrong = refused(capsys, "evaluate", model, data, "--format", "extxyz", "--units", "eg")
    assert "'eg' is not known" in wrong


def test_evaluate_any_ase_calculator(labelled, capsys):
    model = "ase:ase.calculators.lj:LennardJones"
    assert main(["evaluate", model, str(labelled), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["force_mae"] > 1.0


def test_evaluate_less_the_background_of_cells(capsys, tmp_path):
    frames = []
    for length in (6.0, 7.0):
        atoms = Atoms("ArNe", [[0, 0, 0], [1.1, 0, 0]], cell=[length] * 3, pbc=True)
        atoms.calc = LennardJones()
        energy = atoms.get_potential_energy() + (2.0 + 0.5) ** 2 / length**3
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=atoms.get_forces())
        frames.append(atoms)
    data = tmp_path / "cells.extxyz"
    ase.io.write(data, frames)
    command = ["evaluate", "ase:ase.calculators.lj:LennardJones", str(data)]
    errors = []
    for options in ([], ["--cell-background", "Ar=2,Ne=0.5"]):
        assert main([*command, *options, "--json"]) == 0
        errors.append(json.loads(capsys.readouterr().out)["energy_mae_mev_per_atom"])
    assert errors[0] > 1.0
    assert errors[1] == pytest.approx(0.0, abs=1e-6)
    said = refused(capsys, *command, "--cell-background", "Ar:2")
    assert "--cell-background Ar:2: 'Ar:2' is not NAME=NUMBER; write N=3.54" in said


def test_labels_that_are_not_there_are_null(exports, labelled):
    full = read_structures(labelled)
    without = [Structure(s.positions, s.species, forces=s.forces) for s in full]
    errors = evaluate(PhysRepCalculator(exports.pt(None)), without)
    assert errors.energy_mae_mev_per_atom is None
    assert errors.force_mae == pytest.approx(0.3 / 45, abs=1e-6)
    assert json.loads(errors.to_json())["energy_mae_mev_per_atom"] is None
    without = [Structure(s.positions, s.species, energy=s.energy) for s in full]
    errors = evaluate(PhysRepCalculator(exports.pt(None)), iter(without))
    assert errors.force_max is None
    assert errors.energy_mae_mev_per_atom == pytest.approx(20.0, abs=1e-4)


def test_a_nan_is_not_hidden(labelled):
    structure = read_structures(labelled)[0]
    atoms = SYSTEMS["pair"]()

    class Broken(SinglePointCalculator):
        def get_property(self, name, atoms=None, allow_calculation=True):
            return np.full((15, 3), np.nan) if name == "forces" else 0.0

    errors = evaluate(Broken(atoms), [structure])
    assert np.isnan(errors.force_max)
    assert np.isnan(errors.force_mae)


def test_mistakes_are_one_line(exports, labelled, tmp_path, capsys):
    nothing, text = tmp_path / "nothing", tmp_path / "text.ckpt"
    text.write_text("hello")
    chlorine = tmp_path / "hcl.xyz"
    chlorine.write_text("2\n\nH 0 0 0\nCl 0 0 1.3\n")
    out = ["-o", tmp_path / "a.pt"]
    assert "no such file" in refused(capsys, "inspect", nothing)
    assert "not a physrep checkpoint" in refused(capsys, "inspect", text)
    assert "not a physrep checkpoint" in refused(capsys, "export", text, *out)
    assert "not a physrep checkpoint" in refused(capsys, "export", exports.pt(None), *out)
    unknown = refused(capsys, "export", exports.ckpt(), "--topology", chlorine, *out)
    assert "element Cl is unknown" in unknown
    assert "no such file" in refused(capsys, "evaluate", exports.ckpt(), nothing)
    assert "cannot recognise the format" in refused(capsys, "evaluate", exports.ckpt(), text)
    assert "give ase:MODULE:CLASS" in refused(capsys, "evaluate", "ase:nowhere", labelled)
    assert "No module named" in refused(capsys, "evaluate", "ase:no.where:X", labelled)
    assert not (tmp_path / "a.pt").exists()


def test_data_without_labels_is_a_mistake(exports, tmp_path, capsys):
    bare = tmp_path / "bare.xyz"
    ase.io.write(bare, SYSTEMS["pair"](), format="extxyz")
    assert "none with energy, forces, virial or charges" in refused(
        capsys, "evaluate", exports.ckpt(), bare
    )


def test_a_missing_package_points_to_the_doctor(exports, capsys, monkeypatch):
    def missing(*_):
        raise ImportError("No module named 'torch'")

    monkeypatch.setattr("physrep.engines.inspect.describe_file", missing)
    said = refused(capsys, "inspect", exports.ckpt())
    assert "No module named 'torch'; 'physrep doctor' says what is missing" in said


def test_a_bug_keeps_its_traceback(exports, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("physrep.engines.inspect.describe_file", broken)
    with pytest.raises(ZeroDivisionError):
        main(["inspect", str(exports.ckpt())])
