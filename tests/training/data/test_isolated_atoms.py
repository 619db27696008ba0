"""Isolated atoms among the data give reference energies; contradictions are refused."""

import json

import numpy as np
import pytest

from physrep.config import ConfigError
from physrep.io import DataError, Structure
from physrep_training.data.isolated_atoms import (
    isolated_atom_energies,
    merged,
    read_isolated_atoms,
    set_apart_isolated_atoms,
)

pytestmark = pytest.mark.case


def atom(z: int, energy: float | None, name="IsolatedAtom", frame=0, n=1) -> Structure:
    positions = np.arange(3 * n).reshape(n, 3)
    info = {"config_type": name}
    return Structure(positions, [z] * n, energy=energy, info=info, source="a.xyz", frame=frame)


def test_they_are_set_apart():
    frames = [
        atom(1, -10.0),
        atom(8, -100.0, "isolated_atom"),
        atom(8, -5.0, "gas"),
        atom(1, -10.0),
    ]
    others, energies = set_apart_isolated_atoms(frames)
    assert others == [frames[2]]
    assert energies == {1: -10.0, 8: -100.0}
    assert isolated_atom_energies(energies, [8, 1]).tolist() == [-100.0, -10.0]
    with pytest.raises(ConfigError, match="no energy for C; add it, in a file named by"):
        isolated_atom_energies(energies, [6, 1])


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([atom(1, -1.0, n=2)], "config_type=IsolatedAtom and 2 atoms"),
        (
            [atom(1, None), atom(1, -1.0, "gas")],
            "an isolated atom has no energy; besides the labels found it holds",
        ),
        (
            [atom(1, -1.0), atom(1, -2.0, frame=7)],
            r"frame 7 .*: isolated H has -2 eV, and in frame 0 of a.xyz -1 eV; remove",
        ),
    ],
)
def test_what_is_no_isolated_atom_is_refused(frames, words):
    with pytest.raises(DataError, match=words):
        set_apart_isolated_atoms(frames)


def test_without_energies_they_need_none():
    molecule = atom(1, None, "gas", n=2)
    assert set_apart_isolated_atoms([atom(1, None), molecule]) == ([molecule], {})


def test_a_file_and_frames_complete_each_other_and_must_agree(tmp_path):
    path = tmp_path / "atoms.json"
    path.write_text(json.dumps({"unit": "eV", "energies": {"H": -10.0}}))
    assert merged(path, {8: -100.0, 1: -10.0}) == {1: -10.0, 8: -100.0}
    assert merged(None, {8: -100.0}) == {8: -100.0}
    assert merged(None, {}) is None
    words = r"atoms.json gives H -10 eV, its frame with config_type=IsolatedAtom -19 eV; remove"
    with pytest.raises(ConfigError, match=words):
        merged(path, {1: -19.0})


def test_files_of_atoms_use_key_and_unit_of_the_labels(tmp_path):
    path = tmp_path / "atoms.xyz"
    path.write_text("1\ndft_energy=-0.5\nH 0 0 0\n")
    keys = {"energy_key": "dft_energy", "units": "Hartree"}
    assert read_isolated_atoms(path, keys)[1] == pytest.approx(-13.605693, abs=1e-6)
    path.write_text("1\nenergy=-0.5\nH 0 0 0\n")  # the usual name, without that key
    assert read_isolated_atoms(path, keys)[1] == pytest.approx(-13.605693, abs=1e-6)
    path.write_text("1\ndft_energy=-0.5\nH 0 0 0\n")
    with pytest.raises(DataError, match="has no energy; it holds 'dft_energy'"):
        read_isolated_atoms(path)
    path.write_text("1\nenergy=-0.5\nH 0 0 0\n1\nenergy=-0.6\nH 0 0 0\n")
    with pytest.raises(ConfigError, match=r"H has -0.5 and -0.6 eV \(structure 1\); remove"):
        read_isolated_atoms(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"unit": "eV", "energies": {"H": -1, "H": -2}}', "'H' stands there twice"),
        ('{"unit": "eV", "energies": {"Hx": -1}}', "'Hx': -1 is not an element and its energy"),
        ('{"unit": "eV", "energies": {"H": "low"}}', "'H': 'low' is not an element and its"),
        ('{"unit": "eV"}', r'write \{"unit": "eV", "energies"'),
    ],
)
def test_a_json_file_that_is_none(tmp_path, text, words):
    path = tmp_path / "atoms.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_isolated_atoms(path)
