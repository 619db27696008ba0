"""Numbers that make no sense are refused by the name and in the unit of their option."""

import pytest
from repository import REPOSITORY

from physrep.cli.main import main, verb_parser
from physrep.studies.certify.levels import LEVELS

BOX = str(REPOSITORY / "md_examples" / "ean.pdb")
MODEL = str(REPOSITORY / "plugin" / "physrep" / "pretrained" / "ean-jat.ckpt")
PLAN = str(REPOSITORY / "training" / "configs" / "thesis" / "tables.yaml")
VERBS = {
    "analyze": ["analyze", BOX],
    "certify": ["certify", MODEL, BOX],
    "evaluate": ["evaluate", MODEL, BOX],
    "green-kubo": ["green-kubo", "viscosity", BOX, "--timestep", "1"],
    "paths": ["paths", BOX, "-o", "any"],
    "sample": ["sample", BOX, "--with", MODEL, "-o", "any.extxyz"],
    "tables": ["tables", "--plan", PLAN],
}


@pytest.mark.parametrize(
    ("verb", "option", "value", "wanted"),
    [
        ("analyze", "--timestep", "-10", "above 0, in fs"),
        ("analyze", "--tau", "-5", "0 or more, in fs"),
        ("analyze", "--r-max", "0", "above 0, in A"),
        ("analyze", "--temperature", "nan", "above 0, in K"),
        ("certify", "--survival", "-1", "above 0, in ps"),
        ("green-kubo", "--timestep", "0", "above 0, in fs"),
        ("green-kubo", "--volume", "-1", "above 0, in A^3"),
        ("green-kubo", "--temperature", "0", "above 0, in K"),
        ("green-kubo", "--cutoff", "inf", "above 0, in ps"),
        ("sample", "--temperature", "-300", "0 or more, in K"),
        ("sample", "--ps", "0", "above 0, in ps"),
        ("sample", "--every-fs", "0", "above 0, in fs"),
        ("sample", "--density", "0", "above 0, in g/cm3"),
        ("tables", "--minutes", "-3", "above 0, in minutes"),
    ],
)
def test_quantities(verb, option, value, wanted, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*VERBS[verb], option, value]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert f"{option} {value}: must be {wanted}" in said.err


@pytest.mark.parametrize(
    ("verb", "option", "value", "least"),
    [
        ("analyze", "--start", -1, 0),
        ("analyze", "--stop", 0, 1),
        ("analyze", "--stride", 0, 1),
        ("analyze", "--every", 0, 1),
        ("certify", "--seed", -1, 0),
        ("evaluate", "--seed", -1, 0),
        ("evaluate", "--max-structures", 0, 1),
        ("evaluate", "--assembly", -2, 0),
        ("paths", "--seed", -1, 0),
        ("sample", "--seed", -1, 0),
        ("sample", "--seeds", 0, 1),
    ],
)
def test_whole_numbers(verb, option, value, least, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*VERBS[verb], option, str(value)])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert f"argument {option}: {value} is too small; give {least} or more" in said


def test_a_range_of_frames_that_is_empty(capsys):
    assert main([*VERBS["analyze"], "--start", "5", "--stop", "2"]) == 2
    said = capsys.readouterr().err
    assert "--start 5 --stop 2: no frame is between them; --stop must be above --start" in said


def test_levels(capsys):
    (level,) = (one for one in verb_parser("certify")._actions if one.dest == "level")
    assert list(level.choices) == list(LEVELS)
    with pytest.raises(SystemExit):
        main([*VERBS["certify"], "--level", "deep"])
    assert "argument --level: invalid choice: 'deep'" in capsys.readouterr().err
