"""Every verb: its help has examples that its own parser accepts; light to start; thin scripts."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from repository import REPOSITORY

from physrep.cli.main import VERBS, load_verb, main, verb_parser

SCRIPTS = ("fit", "label", "paths", "repeat", "sample", "tables")


def examples_of(verb: str) -> list[tuple[str, list[str]]]:
    """Verb and words of the examples at the end of a help page."""
    _, _, ending = verb_parser(verb).format_help().partition("\nexamples:\n")
    lines = [shlex.split(line, comments=True) for line in ending.splitlines()]
    assert lines and all(line[0] == "physrep" for line in lines)
    return [(line[1], line[2:]) for line in lines]


@pytest.mark.parametrize("verb", VERBS)
def test_help_ends_with_examples_that_parse(verb, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == verb_parser(verb).format_help()
    for called, words in examples_of(verb):
        assert called == verb
        assert verb_parser(verb).parse_intermixed_args(words)


@pytest.mark.parametrize("verb", VERBS)
def test_help_says_what_the_verb_does(verb):
    described = verb_parser(verb).description
    assert described and described.endswith((".", "schema.json")) and len(described) > 30


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_explained(verb):
    for action in verb_parser(verb)._actions:
        assert action.help, f"{action.dest} of {verb} has no help"


def test_help_of_all_lists_the_verbs(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(re.search(rf"^  {verb} ", text, re.MULTILINE) for verb in VERBS)


def test_an_unknown_verb_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["exprot"])
    assert stopped.value.code == 2
    assert "did you mean 'export'?" in capsys.readouterr().err


def test_no_verb_imports_torch_or_training_before_it_runs():
    code = (
        "import sys\n"
        "from physrep.cli.main import VERBS, verb_parser\n"
        "for verb in VERBS: verb_parser(verb)\n"
        "sys.exit(bool({'torch', 'numpy', 'lightning', 'physrep_training'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("verb", [verb for verb in VERBS if VERBS[verb].extra])
def test_a_missing_package_names_the_extra_to_install(verb, monkeypatch, capsys):
    def missing(_):
        raise ModuleNotFoundError("No module named 'lightning'")

    monkeypatch.setattr(load_verb(verb), "run", missing)
    _, words = examples_of(verb)[0]
    assert main([verb, *words]) == 2
    said = capsys.readouterr().err
    extra = VERBS[verb].extra
    assert f"'physrep {verb}' needs" in said and f'pip install "physrep[{extra}]"' in said


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_have_the_options_of_the_verbs(name):
    command = [sys.executable, REPOSITORY / "training" / f"{name}.py", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == verb_parser(name).format_help()


@pytest.mark.parametrize("lines", [3, 100_000])  # in one buffer, in many
def test_output_that_nobody_takes(lines):
    code = (
        "import sys; from physrep.cli.verb import report_mistakes\n"
        f"sys.exit(report_mistakes('physrep', lambda: print('word\\n' * {lines}) or 0))"
    )
    command = [sys.executable, "-c", code]
    read, written = os.pipe()
    os.close(read)  # as "| head" does when it has what it wants
    done = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, text=True, check=False)
    os.close(written)
    assert (done.returncode, done.stderr) == (1, "")
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"physrep: error: .*No space left on device\n", done.stderr)
