"""Labels that a file holds and that were not read, as lines for a log."""

from collections.abc import Iterable

from physrep.io.structures.label_candidates import (
    how_to_name,
    in_words,
    label_candidates,
    other_quantities,
)
from physrep.io.structures.structure import Structure


def unread_lines(structures: Iterable[Structure]) -> list[str]:
    """A line for each label that a file holds, in its first structure, and that was not read."""
    first: dict[str, Structure] = {}
    for structure in structures:
        first.setdefault(structure.source, structure)
    return [line for structure in first.values() for line in unread_in(structure)]


def unread_in(structure: Structure) -> list[str]:
    """The lines of one structure; a virial stands for a stress too."""
    held = {**structure.info, **structure.unread}
    candidates = label_candidates(held, len(structure))
    lines = []
    for label, names in candidates.items():
        read = structure.virial if label in ("virial", "stress") else getattr(structure, label)
        if names and read is None:
            lines.append(
                f"{structure.source}: {label} is not read, but it holds {in_words(names)} "
                f"({how_to_name(label, names)})"
            )
    others = other_quantities(held)
    if others:
        lines.append(f"{structure.source}: {in_words(others)} is not used: no model predicts it")
    return lines
