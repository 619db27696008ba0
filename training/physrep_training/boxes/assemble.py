"""Frames of molecules: periodic boxes, slabs with vacuum, clusters, pairs at given distances."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.data import atomic_masses

from physrep.config import ConfigError
from physrep_training.boxes.between_molecules import Contact, nearest_molecules
from physrep_training.boxes.composition import Part, check_neutral
from physrep_training.boxes.densities import density_of, guessed_volume, volume_of
from physrep_training.boxes.packing import Lot, NoRoom, Room, pack
from physrep_training.boxes.shapes import shapes_of, van_der_waals_volume
from physrep_training.labels.ion_frames import APART, pair
from physrep_training.labels.ions import Ion, as_frame

FULLEST = 1.0  # van der Waals volumes over that of the box; atoms of bonds count once
SHORTFALL = 0.02  # A, of packmol's distances below its tolerance
LOOSE, WIDER, TRIES = 1.0, 1.1, 12  # A around a cluster, growth of its sphere, how often


class BoxSettings(NamedTuple):
    """density: g/cm3, None: guessed. edges: A, in its place; of a slab, those of the liquid.
    vacuum: A along z, 0: none. cluster: no box at all. distances: A, of the centres of mass of two
    molecules in vacuum; empty: no pairs. tolerance: A, least distance between molecules.
    """

    density: float | None = None
    edges: tuple[float, float, float] | None = None
    vacuum: float = 0.0
    cluster: bool = False
    distances: tuple[float, ...] = ()
    tolerance: float = 2.0
    seed: int = 0


class Frame(NamedTuple):
    """atoms: with the columns and the info of `as_frame`; density: g/cm3 of the liquid, None: in
    vacuum; guessed: whether that is a guess; contact: the shortest distance between molecules,
    None where all are far apart.
    """

    atoms: Atoms
    density: float | None
    guessed: bool
    contact: Contact | None


def frames_of(parts: Sequence[Part], settings: BoxSettings) -> Iterator[Frame]:
    """One frame; of pairs, one for each distance.

    Raises:
        ConfigError: a box with a charge, or one that cannot be packed.
    """
    if settings.distances:
        yield from _pairs(parts, settings)
    elif settings.cluster:
        yield _cluster(parts, settings)
    else:
        yield _box(parts, settings)


def _box(parts: Sequence[Part], settings: BoxSettings) -> Frame:
    check_neutral(parts)
    x, y, height = settings.edges or (_volume(parts, settings.density) ** (1 / 3),) * 3
    density = density_of(_mass(parts), x * y * height)
    _check_room(parts, x * y * height, density)
    slab = settings.vacuum > 0.0
    cell = (x, y, height + settings.vacuum)
    room = Room(cell, height if slab else None)
    lots = _lots(parts, _shapes(parts, settings.seed))
    try:
        placed = pack(lots, room, settings.tolerance, settings.seed)
    except NoRoom as error:
        raise NoRoom(
            f"packmol finds no packing at {density:.3g} g/cm3 with {settings.tolerance:g} A "
            f"between molecules ({error}); give a lower --density (MD compresses the box), a "
            "shorter --tolerance or more molecules"
        ) from None
    ions = _ions(parts, placed)
    atoms = as_frame(ions, np.diag(cell), kind="slab" if slab else "box")
    guessed = settings.density is None and settings.edges is None
    return _finished(atoms, parts, settings, density, guessed)


def _volume(parts: Sequence[Part], density: float | None) -> float:
    """A^3 at a density in g/cm3, or guessed."""
    if density is not None:
        return volume_of(_mass(parts), density)
    guess = _guess(parts)
    if not guess:
        raise ConfigError("the density of metal ions alone is not guessed; give --density in g/cm3")
    return guess


def _mass(parts: Sequence[Part]) -> float:
    """In g/mol."""
    return sum(part.molecule.mass * part.copies for part in parts)


def _guess(parts: Sequence[Part]) -> float:
    """A^3 of the liquid."""
    molecules = [(part.copies, part.molecule) for part in parts]
    return sum(n * guessed_volume(one.charge, van_der_waals_volume(one)) for n, one in molecules)


def _check_room(parts: Sequence[Part], volume: float, density: float) -> None:
    own = sum(part.copies * van_der_waals_volume(part.molecule) for part in parts)
    if own > FULLEST * volume:
        usual = density_of(_mass(parts), _guess(parts))
        raise ConfigError(
            f"{density:.4g} g/cm3 leaves these molecules {100 * volume / own:.0f} % of their own "
            f"volume; a liquid of them has some {usual:.2f} g/cm3 (--density is in g/cm3, --box in "
            "A)"
        )


def _cluster(parts: Sequence[Part], settings: BoxSettings) -> Frame:
    """In a sphere that grows until packmol finds room in it."""
    lots = _lots(parts, _shapes(parts, settings.seed))
    reach = max(float(np.linalg.norm(lot.shape, axis=1).max()) for lot in lots)
    radius = max((0.75 * _guess(parts) / np.pi) ** (1 / 3), reach) + LOOSE
    for _ in range(TRIES):
        try:
            placed = pack(lots, Room(radius=radius), settings.tolerance, settings.seed)
            break
        except NoRoom:
            radius *= WIDER
    else:
        raise NoRoom(
            f"packmol finds no cluster with {settings.tolerance:g} A between molecules, the last "
            f"try in a sphere of {radius:.1f} A; give a shorter --tolerance"
        )
    kind = "cluster" if sum(part.copies for part in parts) > 1 else "single"
    atoms = as_frame(_centred(_ions(parts, placed)), kind=kind)
    return _finished(atoms, parts, settings, None, False)


def _pairs(parts: Sequence[Part], settings: BoxSettings) -> Iterator[Frame]:
    if sum(part.copies for part in parts) != 2:
        raise ConfigError(
            f"--distances is for two molecules, not {sum(part.copies for part in parts)}; "
            "name two, or one with :2"
        )
    rng = np.random.default_rng(settings.seed)
    shapes = [found[0] for found in _shapes(parts, settings.seed)]
    both = [shape for part, shape in zip(parts, shapes, strict=True) for _ in range(part.copies)]
    first, second = _ions(parts, both)
    for distance in settings.distances:
        ions = pair(first, second, distance, rng)
        apart = float(np.linalg.norm(ions[1].centre - ions[0].centre))
        product = first.charge * second.charge
        kinds = {-1: "pair_unlike", 0: "pair", 1: "pair_like"}
        atoms = as_frame(ions, kind=kinds[int(np.sign(product))], distance=round(apart, 6))
        if product < 0 and apart > APART:
            atoms.info["ions_apart"] = True
        yield _finished(atoms, parts, settings, None, False, tolerance=0.0)


def _shapes(parts: Sequence[Part], seed: int) -> list[list[np.ndarray]]:
    """About the centre of mass of each."""
    found = []
    for part in parts:
        masses = atomic_masses[part.molecule.numbers]
        shapes = shapes_of(part.molecule, part.copies, seed)
        found.append([shape - np.average(shape, axis=0, weights=masses) for shape in shapes])
    return found


def _lots(parts: Sequence[Part], shapes: Sequence[list[np.ndarray]]) -> list[Lot]:
    """Molecules of one part are spread evenly over its shapes."""
    lots = []
    for part, found in zip(parts, shapes, strict=True):
        counts = np.bincount(np.arange(part.copies) % len(found), minlength=len(found))
        lots += [
            Lot(part.molecule.numbers, shape, int(count))
            for shape, count in zip(found, counts, strict=True)
            if count
        ]
    return lots


def _ions(parts: Sequence[Part], placed: Sequence[np.ndarray]) -> list[Ion]:
    """placed: positions of every molecule, in the order of the parts."""
    molecules = [part.molecule for part in parts for _ in range(part.copies)]
    ions = []
    for molecule, positions in zip(molecules, placed, strict=True):
        centre = np.average(positions, axis=0, weights=atomic_masses[molecule.numbers])
        ions.append(Ion(molecule.numbers, positions - centre, centre, molecule.charge))
    return ions


def _centred(ions: Sequence[Ion]) -> list[Ion]:
    middle = np.mean([ion.centre for ion in ions], axis=0)
    return [ion.moved_to(ion.centre - middle) for ion in ions]


def _finished(
    atoms: Atoms,
    parts: Sequence[Part],
    settings: BoxSettings,
    density: float | None,
    guessed: bool,
    tolerance: float | None = None,
) -> Frame:
    """With what the files keep, after a look at the distances."""
    tolerance = settings.tolerance if tolerance is None else tolerance
    molecules = [part.molecule for part in parts for _ in range(part.copies)]
    names = [part.residue for part in parts for _ in range(part.copies)]
    atoms.new_array("formal_charges", np.concatenate([m.formal_charges for m in molecules]))
    sizes = [len(molecule.numbers) for molecule in molecules]
    atoms.new_array("residuenames", np.repeat(names, sizes))
    atoms.info["molecules"] = " ".join(f"{part.molecule.smiles}:{part.copies}" for part in parts)
    atoms.info["seed"] = settings.seed
    if density is not None:
        atoms.info["density"] = density
    return Frame(atoms, density, guessed, _checked_contact(atoms, tolerance))


def _checked_contact(atoms: Atoms, tolerance: float) -> Contact | None:
    contact = nearest_molecules(atoms, atoms.arrays["ion"])
    if contact is not None and contact.distance < tolerance - SHORTFALL:
        whose = "a molecule and its periodic image" if contact.image else "two molecules"
        raise ConfigError(
            f"{whose} are {contact} apart, less than the {tolerance:g} A of --tolerance: the box "
            "is too small for them; give more molecules or a lower --density"
        )
    return contact
