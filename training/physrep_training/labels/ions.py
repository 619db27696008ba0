"""The ions of a liquid, whole and with the shapes that heat gives them, to be put together anew."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.data import atomic_masses
from ase.data.vdw_alvarez import vdw_radii
from ase.geometry import find_mic
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.named_pieces import named_pieces
from physrep.analysis.chemistry.whole_molecules import whole_molecules
from physrep.config import ConfigError

# Atoms of different ions come no nearer than this share of the sum of their van der Waals radii
# (S. Alvarez, Dalton Trans. 2013, 8617): H-O 1.57 A, O-O 1.74 A, H-H 1.39 A.
CONTACT_SHARE = 0.58


class UnknownCharge(ConfigError):
    """A molecule whose charge its bonds do not tell, such as a proton between two ions."""


class Ion(NamedTuple):
    """numbers: (n,); positions: (n, 3) A, whole, about the centre of mass; centre: (3,) A, where
    that was; charge: e, whole.
    """

    numbers: np.ndarray
    positions: np.ndarray
    centre: np.ndarray
    charge: int

    def moved_to(self, centre: np.ndarray) -> "Ion":
        """The same with its centre of mass elsewhere."""
        return self._replace(centre=np.asarray(centre, dtype=float))

    def turned(self, rng: np.random.Generator) -> "Ion":
        """Rotated about its centre of mass, all orientations alike."""
        rotation = Rotation.from_quat(rng.normal(size=4))
        return self._replace(positions=rotation.apply(self.positions))

    @property
    def places(self) -> np.ndarray:
        """(n, 3) A, where the atoms are."""
        return self.positions + self.centre


def ions_of(atoms: Atoms, charges: Mapping[str, float] | None = None) -> list[Ion]:
    """Every molecule of a frame, neutral ones among them (charge 0).

    Args:
        charges: of molecules by formula or name, in place of guesses from their bonds.

    Raises:
        UnknownCharge: the charge of a molecule is not known, or not whole.
    """
    cell, pbc = atoms.cell.array, atoms.pbc
    pairs = find_bonds(atoms.positions, atoms.numbers, cell, pbc).pairs
    whole = whole_molecules(atoms.positions, pairs, cell, pbc)
    found = []
    for name, indices in named_pieces(atoms.numbers, pairs, charges):
        if name.charge is None or name.charge != round(name.charge):
            raise UnknownCharge(
                f"the charge of {name.label} is {'not known' if name.charge is None else 'broken'}"
                f"; give it as a whole number: --charges {name.formula}=..."
            )
        numbers, positions = atoms.numbers[indices], whole[indices]
        centre = np.average(positions, axis=0, weights=atomic_masses[numbers])
        found.append(Ion(numbers, positions - centre, centre, round(name.charge)))
    return found


def as_frame(ions: Sequence[Ion], cell: np.ndarray | None = None, **info: object) -> Atoms:
    """One frame of these ions; the column ``ion`` counts them, ``charge`` is their total charge.

    cell: (3, 3) A of a periodic frame; None: not periodic.
    """
    atoms = Atoms(
        np.concatenate([ion.numbers for ion in ions]),
        np.concatenate([ion.places for ion in ions]),
        cell=cell,
        pbc=cell is not None,
    )
    atoms.new_array("ion", np.repeat(np.arange(len(ions)), [len(ion.numbers) for ion in ions]))
    atoms.info.update(info)
    atoms.info["ion_charges"] = np.array([ion.charge for ion in ions])
    atoms.info["charge"] = sum(ion.charge for ion in ions)
    return atoms


def too_close(ions: Sequence[Ion], cell: np.ndarray | None = None) -> bool:
    """Whether atoms of two ions are nearer than CONTACT_SHARE allows; cell: as in `as_frame`."""
    return any(touch(ions[k + 1 :], [one], cell) for k, one in enumerate(ions))


def touch(some: Sequence[Ion], others: Sequence[Ion], cell: np.ndarray | None = None) -> bool:
    """As `too_close`, of ions of one group with those of another."""
    return any(_closest(one, other, cell) < 1.0 for one in others for other in some)


def _closest(one: Ion, other: Ion, cell: np.ndarray | None) -> float:
    """Distance over the least that is allowed, of the pair of atoms where it is smallest."""
    limits = CONTACT_SHARE * (vdw_radii[one.numbers][:, None] + vdw_radii[other.numbers])
    if cell is None:
        return float((cdist(one.places, other.places) / limits).min())
    vectors = (other.places[None] - one.places[:, None]).reshape(-1, 3)
    lengths = find_mic(vectors, cell, pbc=True)[1]
    return float((lengths.reshape(limits.shape) / limits).min())


def split_by_sign(ions: Iterable[Ion]) -> tuple[list[Ion], list[Ion]]:
    """Cations and anions.

    Raises:
        ConfigError: one of the two is missing.
    """
    ions = list(ions)
    cations = [ion for ion in ions if ion.charge > 0]
    anions = [ion for ion in ions if ion.charge < 0]
    if not cations or not anions:
        raise ConfigError(
            f"the frames hold {len(cations)} cations and {len(anions)} anions; give frames of a "
            "liquid that has both, or their charges (--charges)"
        )
    return cations, anions
