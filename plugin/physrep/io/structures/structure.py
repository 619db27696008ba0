"""One labelled structure, and the checks it must pass before anything computes with it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.geometry import complete_cell
from scipy.spatial import cKDTree

from physrep.errors import UserError
from physrep.io.structures.label_candidates import how_to_name, in_words, label_candidates
from physrep.io.structures.total_charge import SPIN_NAMES, state_charge, total_charge

LABELS = ("energy", "forces", "virial", "charges", "dipole")
ISOLATED = ("isolatedatom", "isolatedatoms")  # values of config_type, without separators

# No two nuclei of a sound structure come this close; a duplicated atom or a column of zeros does.
OVERLAP_DISTANCE = 0.05  # A
# Below this a cell has no usable volume. It also keeps an atom away from its own images.
FLAT_CELL_WIDTH = 0.1  # A

# What a virial may lack in symmetry: relative, and in eV.
ASYMMETRY = 1e-3
ROUND_OFF = 1e-6
CHARGE_SUM = 0.05  # e; what charges of few digits may miss of the total charge

# NumPy kinds a field may be given as; text and None never pass for numbers.
ACCEPTED_KINDS = {np.float64: "iuf", np.int64: "iu", np.bool_: "biu"}
ACCEPTED_NAMES = {
    np.float64: "numbers",
    np.int64: "whole numbers (atomic numbers)",
    np.bool_: "true or false",
}


def label_shapes(n_atoms: int) -> dict[str, tuple[int, ...]]:
    """The shape of each label of a structure."""
    return {
        "energy": (),
        "forces": (n_atoms, 3),
        "virial": (3, 3),
        "charges": (n_atoms,),
        "dipole": (3,),
    }


def is_isolated_atom(info: Mapping[str, Any]) -> bool:
    """Whether `config_type` says IsolatedAtom (MACE's name), in upper or lower case, with or
    without _, - or a space: the energy is a reference energy, not that of a structure.
    """
    return re.sub(r"[\s_-]", "", str(info.get("config_type", ""))).lower() in ISOLATED


class DataError(UserError):
    """Data that physrep refuses to use: the message names file and frame, value and remedy.

    `source` and `frame` (counted from 0, as ASE does) say where; None where it does not apply.
    """

    def __init__(self, problem: str, source: Any = None, frame: int | None = None) -> None:
        where = [] if source is None else [str(source)]
        if frame is not None:
            where.append(f"frame {frame} (counted from 0)")
        super().__init__(": ".join([", ".join(where), problem]) if where else problem)
        self.source = source
        self.frame = frame


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms, cell and labels of one configuration, in eV and Angstrom.

    Attributes:
        positions: (n_atoms, 3) float64, A.
        species: (n_atoms,) int64, atomic numbers.
        cell: (3, 3) float64, A, one cell vector per row; rows of non-periodic directions are zero.
        pbc: (3,) bool; one bool stands for all three.
        energy: total energy, eV, or None.
        forces: (n_atoms, 3) float64, eV/A, or None.
        virial: (3, 3) float64, eV, or None; -dE/dstrain = -volume * stress (ASE's stress sign).
        charges: (n_atoms,) float64, e, or None; they add up to the total charge.
        dipole: (3,) float64, e A, or None; it points from minus to plus. Of isolated structures
            alone; of a charged one, about the centre of mass.
        info: whatever else the file says of the frame (trajectory, temperature, ...).
        source: the file it came from.
        frame: its number in that file, from 0.
        unread: what else the file has of this frame, by name, which neither is read as a label
            nor stands in `info`; no file that physrep writes keeps it.
        columns: names in `info` that have a value for each atom, where the format tells.

    Raises:
        DataError: a field is missing, is not numeric or has the wrong shape; there are no atoms.
    """

    positions: np.ndarray
    species: np.ndarray
    cell: Any = None  # an array of its own from __post_init__ on, as pbc is
    pbc: Any = False
    energy: float | None = None
    forces: np.ndarray | None = None
    virial: np.ndarray | None = None
    charges: np.ndarray | None = None
    dipole: np.ndarray | None = None
    info: dict[str, Any] = field(default_factory=dict)
    source: str = "memory"
    frame: int = 0
    unread: Mapping[str, Any] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        n_atoms = np.size(self.species)
        if n_atoms == 0:
            raise self._error("has no atoms; remove the frame")
        self._coerce("species", np.int64, (n_atoms,))
        self._coerce("positions", np.float64, (n_atoms, 3))
        pbc = np.broadcast_to(self.pbc, 3) if np.ndim(self.pbc) == 0 else self.pbc
        object.__setattr__(self, "pbc", pbc)
        self._coerce("pbc", np.bool_, (3,))
        if self.cell is None:
            object.__setattr__(self, "cell", np.zeros((3, 3)))
        self._coerce("cell", np.float64, (3, 3))
        # A lattice vector along a direction that does not repeat has no meaning: one spelling.
        object.__setattr__(self, "cell", np.where(self.pbc[:, None], self.cell, 0.0))
        shapes = label_shapes(n_atoms)
        for name in LABELS:
            if getattr(self, name) is not None:
                self._coerce(name, np.float64, shapes[name])
        if self.energy is not None:
            object.__setattr__(self, "energy", float(self.energy))

    @property
    def total_charge(self) -> float | None:
        """Total charge in e that the file states (see `total_charge`), or None.

        Raises:
            DataError: two statements contradict each other.
        """
        try:
            return total_charge(self.info)
        except ValueError as error:
            raise self._error(str(error)) from None

    @property
    def is_isolated_atom(self) -> bool:
        """See `is_isolated_atom`."""
        return is_isolated_atom(self.info)

    def to_ase(self) -> Atoms:
        """Atoms and cell, without the labels; what the file states of charge and spin is kept
        (see `state_charge`).
        """
        atoms = Atoms(self.species, self.positions, cell=self.cell, pbc=self.pbc)
        charge = self.total_charge
        if charge is not None:
            state_charge(atoms, charge)
        atoms.info.update({name: self.info[name] for name in SPIN_NAMES if name in self.info})
        return atoms

    def __len__(self) -> int:
        return len(self.species)

    def what_may_be(self, label: str) -> str:
        """What to do about a label that is missing: the names that may be it, else all names."""
        held = {**self.info, **self.unread}
        candidates = label_candidates(held, len(self))
        names = candidates[label] + (candidates["stress"] if label == "virial" else [])
        if names:
            kind = "stress" if names[0] in candidates["stress"] else label
            return f"it holds {in_words(names)}: name what to read ({how_to_name(kind, names)})"
        known = ", ".join(sorted(held)) or "nothing"
        return (
            f"besides the labels found it holds: {known}; name its key (energy_key=, "
            f"forces_key=, ...)"
        )

    def validate(self, require: Iterable[str] = ()) -> "Structure":
        """Check that the structure can be computed, and return it.

        Args:
            require: labels that must be there, out of `LABELS`.

        Raises:
            DataError: a required label is missing, a number is NaN or infinite, the virial is not
                symmetric, an element is unknown, the charges contradict each other, a periodic
                structure has a dipole or a cell without volume, or two atoms (periodic images
                included) lie on top of each other.
        """
        _check_labels(self, require)
        _check_finite(self)
        _check_symmetric(self)
        _check_elements(self)
        _check_charge(self)
        _check_dipole(self)
        _check_cell(self)
        _check_overlap(self)
        return self

    def _error(self, problem: str) -> DataError:
        return DataError(problem, self.source, self.frame)

    def _coerce(self, name: str, dtype: type, shape: tuple[int, ...]) -> None:
        """Store field `name` as a new array of this type and shape, or raise DataError."""
        value = getattr(self, name)
        if value is None:
            raise self._error(f"{name} is missing; it needs shape {shape}")
        try:
            given = np.asarray(value)
        except ValueError as error:
            raise self._error(f"{name} is ragged ({error}); it needs shape {shape}") from error
        if given.dtype.kind not in ACCEPTED_KINDS[dtype]:
            start = given.ravel()[:3].tolist()
            raise self._error(f"{name} starts with {start}; it needs {ACCEPTED_NAMES[dtype]}")
        if given.shape != shape:
            raise self._error(f"{name} has shape {given.shape}; it needs shape {shape}")
        object.__setattr__(self, name, given.astype(dtype))


def _check_labels(structure: Structure, require: Iterable[str]) -> None:
    for name in require:
        if name not in LABELS:
            raise ValueError(f"require: unknown label {name!r}; choose from {', '.join(LABELS)}")
        if getattr(structure, name) is None:
            advice = structure.what_may_be(name)
            raise structure._error(f"has no {name}; {advice}, or remove the frame")


def _check_finite(structure: Structure) -> None:
    for name in ("positions", "cell", *LABELS):
        value = getattr(structure, name)
        if value is None or np.isfinite(value).all():
            continue
        array = np.atleast_1d(value)
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        quoted = f"{name} = {value}" if np.ndim(value) == 0 else f"{name}[{row}] = {array[row]}"
        raise structure._error(f"{quoted} is not finite; recompute the frame or remove it")


def _check_symmetric(structure: Structure) -> None:
    """A potential that does not change under rotation has a symmetric virial."""
    virial = structure.virial
    if virial is None:
        return
    difference = np.abs(virial - virial.T)
    if difference.max() <= ASYMMETRY * np.abs(virial).max() + ROUND_OFF:
        return
    k, m = np.unravel_index(difference.argmax(), (3, 3))
    names = "xyz"[k] + "xyz"[m], "xyz"[m] + "xyz"[k]
    raise structure._error(
        f"the virial (or stress) is not symmetric: as virial its {names[0]} is "
        f"{virial[k, m]:.6g} eV and its {names[1]} is {virial[m, k]:.6g} eV; correct the order of "
        f"its components or the label"
    )


def _check_elements(structure: Structure) -> None:
    species = structure.species
    unknown = np.flatnonzero((species < 1) | (species >= len(chemical_symbols)))
    if len(unknown):
        atom = unknown[0]
        raise structure._error(
            f"atom {atom} has atomic number {species[atom]}, which is not an element "
            f"(1 to {len(chemical_symbols) - 1}); correct the species"
        )


def _check_charge(structure: Structure) -> None:
    charge = structure.total_charge
    if charge is not None and charge >= structure.species.sum():
        raise structure._error(
            f"a total charge of {charge:g} leaves none of {structure.species.sum()} electrons; "
            "correct the charge"
        )
    if structure.charges is None:
        return
    found = float(structure.charges.sum())
    if abs(found - (charge or 0.0)) > CHARGE_SUM:
        stated = "states no total charge" if charge is None else f"states {charge:g} in total"
        raise structure._error(
            f"has charges that add up to {found:.4g} e and {stated}; state charge=... in "
            f"the frame, or name the labels to read without them (energy_key=, forces_key=, ...)"
        )


def _check_dipole(structure: Structure) -> None:
    if structure.dipole is not None and structure.pbc.any():
        raise structure._error(
            "has a dipole and is periodic: its value depends on where the cell begins; leave the "
            "dipole out"
        )


def _check_cell(structure: Structure) -> None:
    periodic = structure.cell[structure.pbc]
    if len(periodic) and np.linalg.svd(periodic, compute_uv=False).min() < FLAT_CELL_WIDTH:
        raise structure._error(
            f"pbc is {structure.pbc.tolist()}, but the periodic cell vectors "
            f"{periodic.tolist()} enclose no volume; give the cell or set pbc to False"
        )


def _check_overlap(structure: Structure) -> None:
    points, owners = _wrapped_with_images(structure)
    found = cKDTree(points).query(
        points[: len(structure)], k=2, distance_upper_bound=OVERLAP_DISTANCE
    )
    distances, indices = (np.asarray(part) for part in found)
    first = int(np.argmin(distances[:, 1]))
    if np.isinf(distances[first, 1]):
        return
    # Of exactly coincident atoms either may come first, so take the one that is not the asker.
    second = next(int(owners[k]) for k in indices[first] if owners[k] != first)
    names = [f"{k} ({chemical_symbols[structure.species[k]]})" for k in sorted((first, second))]
    raise structure._error(
        f"atoms {names[0]} and {names[1]} are {distances[first, 1]:.4f} A apart, periodic images "
        f"included; remove the duplicate atom or the frame"
    )


def _wrapped_with_images(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """Positions wrapped into the cell, then the images within OVERLAP_DISTANCE of its faces.

    Returns (n_points, 3) positions in A, the n_atoms of the structure first, and the (n_points,)
    atom each one is an image of. A k-d tree with periodic bounds works for orthogonal cells
    only.
    """
    cell = complete_cell(structure.cell)
    inverse = np.linalg.inv(cell)
    margins = OVERLAP_DISTANCE * np.linalg.norm(inverse, axis=0)
    periodic = np.flatnonzero(structure.pbc)
    fractional = structure.positions @ inverse
    fractional[:, periodic] %= 1.0
    owners = np.arange(len(structure))
    for axis in periodic:
        along = fractional[:, axis]
        low, high = along < margins[axis], along > 1.0 - margins[axis]
        step = np.eye(3)[axis]
        fractional = np.concatenate([fractional, fractional[low] + step, fractional[high] - step])
        owners = np.concatenate([owners, owners[low], owners[high]])
    return fractional @ cell, owners
