"""What the MD of a round starts from: a frame of the data, scaled to the density of the run."""

import numpy as np
from ase import Atoms

from physrep.config import ConfigError
from physrep.io import iter_structures
from physrep.io.structures.total_charge import keep_state
from physrep_training.active.active_layout import Work
from physrep_training.active.explored_run import Condition
from physrep_training.boxes.densities import density_of
from physrep_training.labels.perturbed import at_density
from physrep_training.labels.read_frames import read_frames

ALIKE = 0.01  # of cell lengths: frames this close to the nearest density are drawn from


def start_of(work: Work, condition: Condition, rng: np.random.Generator) -> Atoms:
    """A frame drawn at random; with a density, of those that come nearest to it.

    Raises:
        ConfigError: no frame to start from.
    """
    frames = possible_starts(work)
    if condition.density is None:
        return _plain(frames[rng.integers(len(frames))])
    periodic = [atoms for atoms in frames if atoms.pbc.all()]
    if not periodic:
        raise ConfigError(
            f"md.densities = {work.config.md.densities}: no frame of the data is periodic; leave "
            "md.densities out, or give md.frames"
        )
    factors = np.cbrt([_density(atoms) / condition.density for atoms in periodic])
    apart = np.abs(np.log(factors))
    near = np.flatnonzero(apart <= apart.min() + ALIKE)
    k = int(near[rng.integers(len(near))])
    return at_density(_plain(periodic[k]), condition.density)


def possible_starts(work: Work) -> list[Atoms]:
    """Frames of several atoms: of md.frames, else of all data of the round."""
    given = work.config.md.frames
    if given is not None:
        frames = read_frames(given)
    else:
        data = [one for file in work.data_files for one in iter_structures(file, unread="ignore")]
        frames = [one.to_ase() for one in data if not one.is_isolated_atom]
    several = [atoms for atoms in frames if len(atoms) > 1]
    if not several:
        where = given or work.data_files[0]
        raise ConfigError(f"{where}: holds single atoms alone, and MD needs a structure")
    return several


def _density(atoms: Atoms) -> float:
    """g/cm3."""
    return density_of(float(atoms.get_masses().sum()), atoms.get_volume())


def _plain(source: Atoms) -> Atoms:
    """Without labels, with charge and spin."""
    atoms = Atoms(source.numbers, source.positions, cell=source.cell, pbc=source.pbc)
    keep_state(source, atoms)
    return atoms
