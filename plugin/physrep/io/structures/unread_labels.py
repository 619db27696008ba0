"""Labels that a file holds and that were not read, as lines for a log."""

from collections.abc import Iterable

from physrep.io.structures.label_candidates import (
    how_to_name,
    in_words,
    label_candidates,
    other_quantities,
)
from physrep.io.structures.structure import LABELS, Structure


def unread_lines(structures: Iterable[Structure]) -> list[str]:
    """A line for each label that a file holds, in any of its structures, and that was not read."""
    watch = UnreadWatch()
    return [line for structure in structures for line in watch.new_lines(structure)]


class UnreadWatch:
    """The lines of structures that stream by, each once."""

    def __init__(self) -> None:
        self.known: set[tuple] = set()  # names seen, which need no second look
        self.said: set[tuple[str, str]] = set()

    def new_lines(self, structure: Structure) -> list[str]:
        """What is to be said of this structure and was not said of its file."""
        read = tuple(getattr(structure, label) is None for label in LABELS)
        periodic = bool(structure.pbc.any())
        names = (structure.source, read, periodic, *structure.info, *structure.unread)
        if names in self.known:
            return []
        self.known.add(names)
        found = unread_in(structure)
        new = [line for what, line in found.items() if (structure.source, what) not in self.said]
        self.said.update((structure.source, what) for what in found)
        return new


def unread_in(structure: Structure) -> dict[str, str]:
    """By label, the line of one structure; a virial stands for a stress too."""
    held = {**structure.info, **structure.unread}
    candidates = label_candidates(held, len(structure))
    lines = {}
    for label, names in candidates.items():
        read = structure.virial if label in ("virial", "stress") else getattr(structure, label)
        if names and read is None and label == "dipole" and structure.pbc.any():
            lines[label] = (
                f"{structure.source}: {in_words(names)} of periodic structures is not read: its "
                f"value depends on where the cell begins"
            )
        elif names and read is None:
            lines[label] = (
                f"{structure.source}: {label} is not read, but it holds {in_words(names)} "
                f"({how_to_name(label, names)})"
            )
    others = other_quantities(held, len(structure))
    if others:
        lines["others"] = (
            f"{structure.source}: {in_words(others)} is not used: no model predicts it"
        )
    return lines
