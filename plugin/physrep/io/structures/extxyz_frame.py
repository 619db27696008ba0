"""One frame of an extended XYZ file: comment line and atom lines -> named values.

The comment line holds ``key=value`` pairs; ``Lattice``, ``pbc`` and ``Properties`` (which names
the columns) have a meaning of their own. Nothing in it is dropped: a key or a column that occurs
twice is refused.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from ase.data import atomic_numbers

BRACKETED = r"\{[^}]*\}|\[(?:[^\[\]]|\[[^\[\]]*\])*\]"
QUOTED = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
VALUE = rf"(?:{QUOTED}|{BRACKETED})(?=\s|$)|\S*"
PAIR = re.compile(rf"(?P<key>{QUOTED}|[^\s=]+)(?P<has_value>\s*=\s*(?P<value>{VALUE}))?")
COLUMN = re.compile(r"(?P<name>.+?):(?P<type>[RISL]):(?P<width>\d+)(?::|$)")
WITHOUT_PROPERTIES = "species:S:1:pos:R:3"
BOOLEANS = {"T": True, "F": False, "true": True, "false": False, "True": True, "False": False}
BOOLEANS |= {"TRUE": True, "FALSE": False}
# Other spellings of a column -> its name here.
COLUMN_NAMES = {"positions": "pos", "numbers": "Z", "charge": "charges", "symbols": "species"}


class FrameTextError(ValueError):
    """What is wrong with a frame and what to do, without the file's name."""


class Column(NamedTuple):
    """One entry of ``Properties``; kind: R, I, S or L."""

    name: str
    kind: str
    width: int


class Frame(NamedTuple):
    """A frame in the file's own units.

    species: (n_atoms,) atomic numbers; positions: (n_atoms, 3) A; cell: (3, 3) rows, A, or None;
    pbc: (3,); columns, pairs: everything else of the atom lines and of the comment line, by its
    name in the file; no name is in both.
    """

    species: np.ndarray
    positions: np.ndarray
    cell: np.ndarray | None
    pbc: list[bool]
    columns: dict[str, np.ndarray]
    pairs: dict[str, Any]


def parse_frame(comment: str, lines: Sequence[str]) -> Frame:
    """A frame of its comment line and its atom lines, one for each atom.

    Raises:
        FrameTextError: a pair or a column is given twice, a value is not what its name needs, or
            the columns are not those that ``Properties`` names.
    """
    pairs = parse_comment(comment)
    columns = parse_columns(pairs.pop("Properties", None))
    arrays = _arrays(columns, _rows(columns, lines))
    cell = _cell(pairs.pop("Lattice", None))
    pbc = _pbc(pairs.pop("pbc", cell is not None))
    species = _species(arrays.pop("species", None), arrays.pop("Z", None))
    positions = arrays.pop("pos", None)
    if positions is None or positions.ndim != 2:
        raise FrameTextError("has no positions: Properties must name pos:R:3")
    twice = sorted(arrays.keys() & pairs.keys())
    if twice:
        raise FrameTextError(
            f"{twice[0]!r} is a column and stands in the comment line too; rename or remove one"
        )
    return Frame(species, positions, cell, pbc, arrays, pairs)


def parse_comment(comment: str) -> dict[str, Any]:
    """The pairs of a comment line; numbers, true and false and arrays of them as such, anything
    else as text, a word without a value as True.

    Raises:
        FrameTextError: a key has two values.
    """
    pairs: dict[str, Any] = {}
    given: dict[str, str] = {}
    for match in PAIR.finditer(comment):
        key = _canonical(_plain(match["key"]))
        if not match["has_value"]:
            pairs.setdefault(key, True)
            continue
        text = _plain(match["value"])
        if key in given:
            raise FrameTextError(
                f"{key} is given twice in the comment line, as {given[key]!r} and {text!r}; "
                f"remove one"
            )
        given[key] = text
        pairs[key] = True if text == "" else _value(text, key)
    return pairs


def _canonical(key: str) -> str:
    """Lattice, Properties and pbc are known in any case."""
    return {"lattice": "Lattice", "properties": "Properties", "pbc": "pbc"}.get(key.lower(), key)


def _plain(text: str) -> str:
    """Without quotes or brackets around it; a backslash takes the next character as it is."""
    if len(text) > 1 and text[0] + text[-1] in ('""', "''", "{}", "[]"):
        text = text[1:-1]
    return re.sub(r"\\(.)", r"\1", text)


def _value(text: str, key: str) -> Any:
    if key in ("Properties", "uid"):
        return text
    if text.startswith("_JSON "):
        return _from_json(text.removeprefix("_JSON "))
    words = re.findall(r"[^\s,\[\]]+", text)
    for convert in (int, float):
        try:
            numbers = np.array([convert(word) for word in words])
        except (ValueError, OverflowError):
            continue
        if numbers.dtype.kind in "if" and len(words):
            return numbers if len(words) > 1 else numbers[0].item()
    if words and all(word in BOOLEANS for word in words):
        booleans = [BOOLEANS[word] for word in words]
        return booleans if len(booleans) > 1 else booleans[0]
    return text


def _from_json(text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise FrameTextError(f"_JSON {text[:60]!r} is not JSON ({error}); correct it") from error
    try:
        array = np.array(value)
    except ValueError:  # ragged
        return value
    return array if array.dtype.kind in "ifb" and array.ndim else value


def parse_columns(properties: Any) -> list[Column]:
    """The columns that ``Properties`` names; None: species and positions, as in plain XYZ.

    A name may contain colons, a type is one of R, I, S, L.

    Raises:
        FrameTextError: the text is not such a list, or a name occurs twice.
    """
    text = WITHOUT_PROPERTIES if properties is None else str(properties)
    found = list(COLUMN.finditer(text))
    if not found or "".join(match[0] for match in found) != text:
        raise FrameTextError(
            f"Properties={text} is not a list of NAME:TYPE:COLUMNS with a type of R, I, S or L, "
            f"like {WITHOUT_PROPERTIES}; correct it"
        )
    columns = [
        Column(COLUMN_NAMES.get(match["name"], match["name"]), match["type"], int(match["width"]))
        for match in found
    ]
    names = [column.name for column in columns]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise FrameTextError(f"Properties={text} names the column {twice[0]!r} twice; rename one")
    return columns


def _rows(columns: list[Column], lines: Sequence[str]) -> list[list[str]]:
    n_columns = sum(column.width for column in columns)
    rows = [line.split() for line in lines]
    for atom, row in enumerate(rows):
        if len(row) != n_columns:
            announced = ":".join(f"{c.name}:{c.kind}:{c.width}" for c in columns)
            raise FrameTextError(
                f"atom {atom} has {len(row)} columns, Properties={announced} announces "
                f"{n_columns}: {' '.join(row)[:80]!r}; repair the line, announce all columns in "
                f"the comment line, or remove the frame"
            )
    return rows


def _arrays(columns: list[Column], rows: list[list[str]]) -> dict[str, np.ndarray]:
    """(n_atoms,) or (n_atoms, width) of every column, by name."""
    arrays, start = {}, 0
    for column in columns:
        stop = start + column.width
        texts = [row[start:stop] for row in rows]
        values = _column(column, texts)
        arrays[column.name] = values[:, 0] if column.width == 1 else values
        start = stop
    return arrays


def _boolean(text: str) -> bool:
    known = {**BOOLEANS, "1": True, "0": False}
    if text not in known:
        raise ValueError(text)
    return known[text]


CONVERTERS: dict[str, Callable[[str], Any]] = {"R": float, "I": int, "S": str, "L": _boolean}


def _column(column: Column, texts: list[list[str]]) -> np.ndarray:
    convert = CONVERTERS[column.kind]
    try:
        if column.kind == "R":
            return np.array(texts, dtype=np.float64)  # converted by NumPy, which is faster
        return np.array([[convert(text) for text in row] for row in texts])
    except (ValueError, OverflowError):
        atom, text = _first_wrong(convert, texts)
        kind = {"R": "number", "I": "whole number"}.get(column.kind, "T or F")
        raise FrameTextError(
            f"atom {atom}: {text!r} in the column {column.name!r} is not a {kind}; repair the line"
        ) from None


def _first_wrong(convert: Any, texts: list[list[str]]) -> tuple[int, str]:
    for atom, row in enumerate(texts):
        for text in row:
            try:
                convert(text)
            except (ValueError, OverflowError):
                return atom, text
    return 0, texts[0][0]


def _cell(lattice: Any) -> np.ndarray | None:
    """Nine numbers, the cell vectors one after the other."""
    if lattice is None:
        return None
    array = np.asarray(lattice)
    if array.dtype.kind not in "if" or array.size != 9:
        raise FrameTextError(
            f"Lattice={_shortly(lattice)} must be nine numbers, the three cell vectors in A one "
            f"after the other; correct it"
        )
    return array.reshape(3, 3).astype(float)


def _pbc(given: Any) -> list[bool]:
    """Three of T or F (also true, false, 1, 0); one of them stands for all."""
    if isinstance(given, str) and len(given) == 3:  # TTF
        given = [BOOLEANS.get(letter, letter) for letter in given]
    values = np.atleast_1d(np.asarray(given)).ravel().tolist()
    if len(values) not in (1, 3) or any(value not in (0, 1) for value in values):
        raise FrameTextError(f'pbc={_shortly(given)} must be three of T and F, like pbc="T T F"')
    return [bool(value) for value in (values if len(values) == 3 else values * 3)]


def _species(symbols: Any, numbers: Any) -> np.ndarray:
    """Atomic numbers from the columns species and Z, which must agree."""
    if symbols is None and numbers is None:
        raise FrameTextError("has no elements: Properties must name species:S:1 or Z:I:1")
    if symbols is None:
        return numbers
    known = np.array([_atomic_number(symbol) for symbol in symbols.tolist()])
    if numbers is not None and not np.array_equal(known, numbers):
        atom = int(np.flatnonzero(known != numbers)[0])
        raise FrameTextError(
            f"atom {atom} is {symbols[atom]} in the column species and {numbers[atom]} in the "
            f"column Z; remove the wrong one"
        )
    return known


def _atomic_number(symbol: str | int) -> int:
    """Of a symbol in any case, or of a number."""
    text = str(symbol)
    if text.isdecimal():
        return int(text)
    try:
        return atomic_numbers[text.capitalize()]
    except KeyError:
        raise FrameTextError(
            f"{text!r} is not an element symbol; correct the species column"
        ) from None


def _shortly(value: Any) -> str:
    return str(np.asarray(value).tolist())[:80]
