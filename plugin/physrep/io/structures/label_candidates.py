"""Values that may be labels under another name, judged by the words of the name and the shape."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

NAMES = {
    "energy": re.compile(r"energy|energies|^E$|^U0?(_|$)", re.IGNORECASE),
    "forces": re.compile(r"force", re.IGNORECASE),
    "stress": re.compile(r"stress", re.IGNORECASE),
    "virial": re.compile(r"virial", re.IGNORECASE),
    "charges": re.compile(r"charge|mulliken|hirshfeld|^(DDEC|CM5|NBO|NPA|ESP|RESP)", re.IGNORECASE),
    "dipole": re.compile(r"dipole", re.IGNORECASE),
}
# Numbers about a label that are not the label.
OTHER_QUANTITIES = re.compile(
    r"per_?atom|kinetic|barrier|atomi[sz]ation|max|rms|norm|std|var|error|weight|temperature|"
    r"initial|nuclear|volume",
    re.IGNORECASE,
)
# Labels of other programs that no model here is fitted to, unless name and shape fit one above.
NOT_FITTED = re.compile(r"dipole|polari[sz]ab|magmom|hirshfeld|mulliken", re.IGNORECASE)


def other_quantities(values: Mapping[str, Any], n_atoms: int) -> list[str]:
    """Names of quantities that no model here predicts."""
    labels = {name for names in label_candidates(values, n_atoms).values() for name in names}
    return [name for name in values if NOT_FITTED.search(name) and name not in labels]


def label_candidates(values: Mapping[str, Any], n_atoms: int) -> dict[str, list[str]]:
    """Names in ``values`` whose words and shape fit each label, the shortest first.

    Returns:
        energy, forces, stress, virial, charges, dipole -> names.
    """
    return {
        label: sorted(
            (
                name
                for name, value in values.items()
                if pattern.search(name)
                and not OTHER_QUANTITIES.search(name)
                and has_shape(label, value, n_atoms)
            ),
            key=lambda name: (len(name), name),
        )
        for label, pattern in NAMES.items()
    }


def has_shape(label: str, value: Any, n_atoms: int) -> bool:
    """Whether it is numbers of the shape of this label (stress and virial: 6 or 9 of them)."""
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        return False
    if array.dtype.kind not in "iuf":
        return False
    if label in ("stress", "virial"):
        return array.size in (6, 9)
    shapes = {"energy": (), "forces": (n_atoms, 3), "charges": (n_atoms,), "dipole": (3,)}
    return array.shape == shapes[label]


def how_to_name(label: str, names: Collection[str]) -> str:
    """The setting that reads a label under another name, in a fit, on the command line, in Python.

    names: what the file has; the first is taken for the example.
    """
    name = next(iter(names))
    verb = "" if label in ("charges", "dipole") else f"--{label}-key {name} on the command line, "
    return f"data.{label}_key={name} in a fit, {verb}{label}_key={name!r} in Python"


def in_words(names: Collection[str]) -> str:
    """'a', 'b' and 'c'."""
    quoted = [repr(name) for name in names]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
