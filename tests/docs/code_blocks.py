"""Marked code blocks of a Markdown page.

``<!-- test: name -->`` before a block means that the tests run it, ``<!-- test: name file PATH -->``
that they write it to PATH, and ``<!-- not run: reason -->`` that they do neither.
"""

import re
from typing import NamedTuple

MARKED = re.compile(
    r"(?:<!-- (?P<mark>test|not run): (?P<what>[^>]*?) -->\n)?"
    r"^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """name is empty unless the block is marked as a test; path where it is to be written."""

    name: str
    path: str
    language: str
    code: str
    skipped: bool


def blocks(markdown: str) -> list[Block]:
    """All fenced code blocks of a page in order."""
    return [_block(found) for found in MARKED.finditer(markdown)]


def _block(found: re.Match) -> Block:
    is_test = found["mark"] == "test"
    name, _, path = (found["what"] if is_test else "").partition(" file ")
    return Block(name, path, found["language"], found["code"], found["mark"] == "not run")
