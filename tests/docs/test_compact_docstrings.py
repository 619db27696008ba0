"""Arguments that share a line of a docstring become entries of their own."""

import sys

import pytest
from repository import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "docs"))
from compact_docstrings import separated

CASES = {
    "semicolons": ("Args: a (n, 3) in A; b: in K; c.", ["    a: (n, 3) in A", "    b: in K"]),
    "names that share a text": (
        "Args:\n    a, b: plain text.",
        ["    a: plain text.", "    b: plain text."],
    ),
    "continued lines": ("Args:\n    a: one,\n    two; b: x.", ["    a: one, two", "    b: x."]),
    "sentences": ("Args:\n    a: of it. b: more.", ["    a: of it.", "    b: more."]),
}


@pytest.mark.parametrize("name", CASES)
def test_every_name_has_its_own_entry(name):
    text, expected = CASES[name]
    found = separated(text, {"a", "b"}).splitlines()
    assert found[0] == "Args:"
    assert [line.removesuffix("; c.") for line in found[1 : 1 + len(expected)]] == expected


def test_other_sections_stay():
    text = "What it does.\n\nArgs:\n    a: x.\nRaises:\n    ValueError: a is wrong."
    assert separated(text, {"a"}).endswith("Raises:\n    ValueError: a is wrong.")
