"""Marked code blocks of a Markdown page.

``<!-- test: NAME -->`` before a block: the tests run it.
``<!-- test: NAME file PATH -->``: they write it to PATH; with ``run COMMAND`` they run that then.
``<!-- not run: REASON -->``: they do neither.
"""

import re
from typing import NamedTuple

MARKED = re.compile(
    r"(?:<!-- (?P<mark>test|not run): (?P<what>[^>]*?) -->\n)?"
    r"^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """name is empty unless the block is marked as a test; path: where it is to be written;
    command: what is to be run then."""

    name: str
    path: str
    command: str
    language: str
    code: str
    skipped: bool


def blocks(markdown: str) -> list[Block]:
    """All fenced code blocks of a page in order."""
    return [_block(found) for found in MARKED.finditer(markdown)]


def _block(found: re.Match) -> Block:
    is_test = found["mark"] == "test"
    name, _, rest = (found["what"] if is_test else "").partition(" file ")
    path, _, command = rest.partition(" run ")
    return Block(name, path, command, found["language"], found["code"], found["mark"] == "not run")
