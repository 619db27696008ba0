"""Every message in docs/troubleshooting.md is in the code, or is one of the program named there."""

import re

import pytest
from repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
MESSAGES = re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE)
# Of PyTorch, of the dynamic linker and of LAMMPS.
FOREIGN = {
    "Unknown builtin op: physrep::…",
    "set_stride … not allowed",
    "libmpi.so.12: cannot open shared object file",
    "Unrecognized pair style 'physrep'",
    "KSpace style is incompatible with Pair style",
}
ROOMS = ("plugin", "training", "lammps")


@pytest.fixture(name="source", scope="module")
def _source() -> str:
    """All sources with the parts of string literals joined, values as {}."""
    paths = (
        path
        for room in ROOMS
        for pattern in ("*.py", "*.cpp")
        for path in sorted((REPOSITORY / room).rglob(pattern))
    )
    text = "\n".join(path.read_text() for path in paths)
    return re.sub(r'"\s*\n\s*f?"', "", text)


@pytest.mark.parametrize("message", [one for one in MESSAGES if one not in FOREIGN])
def test_message_is_in_the_sources(message, source):
    parts = [re.escape(part.strip()) for part in message.split("…") if part.strip()]
    assert re.search(r"[^\n]*".join(parts), source), message


def test_there_are_no_messages_twice():
    assert len(MESSAGES) == len(set(MESSAGES)) > 40
