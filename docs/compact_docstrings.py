"""A griffe extension: arguments that share a line of a docstring become entries of their own.

Docstrings of physrep may read ``Args: positions, reference: (n_atoms, 3) in A; pbc: (3,).`` For the
API pages every name gets its own line.
"""

import re
from typing import Any

from griffe import Class, Extension, Function, Object

HEADING = re.compile(r"^(Args|Attributes):(.*)$")
ROLE = re.compile(r":(?:func|class|meth|mod|data|attr):`~?([^`]+)`")
NAMES = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)\b:?\s*(.*)$", re.DOTALL)


class CompactDocstrings(Extension):
    """Rewrite the sections Args and Attributes before they are parsed; roles become code."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Any documented object."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(r"`\1`", obj.docstring.value)

    def on_function_instance(self, *, func: Function, **_: Any) -> None:
        """Parameters of a function or method."""
        rewrite(func, {parameter.name.lstrip("*") for parameter in func.parameters})

    def on_class_members(self, *, cls: Class, **_: Any) -> None:
        """Attributes of a class, or the parameters of its constructor."""
        rewrite(cls, set(cls.members) | {parameter.name for parameter in cls.parameters})


def rewrite(documented: Function | Class, names: set[str]) -> None:
    """Change the docstring in place."""
    if documented.docstring is not None:
        documented.docstring.value = separated(documented.docstring.value, names)


def separated(text: str, names: set[str]) -> str:
    """The docstring with one entry per line in the sections Args and Attributes."""
    lines, out = text.split("\n"), []
    while lines:
        line = lines.pop(0)
        heading = HEADING.match(line)
        if not heading:
            out.append(line)
            continue
        body = [heading[2]]
        while lines and (lines[0].startswith(" ") or not body[-1].strip()) and lines[0].strip():
            body.append(lines.pop(0))
        entries = entries_of(" ".join(part.strip() for part in body).strip(), names)
        out += [f"{heading[1]}:", *(f"    {name}: {about}" for name, about in entries), ""]
    return "\n".join(out)


def entries_of(text: str, names: set[str]) -> list[tuple[str, str]]:
    """Name and description of each argument; a part that begins with no name goes on with the one
    before.
    """
    entries: list[tuple[str, str]] = []
    for part in re.split(rf"(?:;|(?<=\.)) +(?={_starts(names)})", text):
        found = NAMES.match(part)
        given = [name.strip() for name in found[1].split(",")] if found else []
        if given and all(name.lstrip("*") in names for name in given):
            entries += [(name, found[2] or "see above.") for name in given]
        elif entries:
            name, about = entries[-1]
            entries[-1] = (name, f"{about} {part}")
    return entries


def _starts(names: set[str]) -> str:
    """A pattern of how an entry begins: a known name, alone or first of several."""
    known = "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or "(?!)"
    return rf"\*{{0,2}}(?:{known})(?:, \w+)*(?::| \(| in |$)"
