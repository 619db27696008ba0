"""Energies of isolated atoms: a file of them, or frames that say so among the labelled data."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from physrep.config import ConfigError
from physrep.io import DataError, Structure, read_structures

SAME_ENERGY = 1e-3  # eV; files round
IsolatedAtoms = Path | Mapping[int, float]  # a file, or energies in eV by atomic number


def set_apart_isolated_atoms(
    structures: Sequence[Structure],
) -> tuple[list[Structure], dict[int, float]]:
    """The structures without frames of isolated atoms, and the energies of these, eV.

    Such a frame says ``config_type=IsolatedAtom`` (`Structure.is_isolated_atom`). Where no
    structure has an energy, these need none.

    Raises:
        DataError: such a frame has several atoms or no energy, or two of one element differ.
    """
    others = [s for s in structures if not s.is_isolated_atom]
    has_energies = any(s.energy is not None for s in others)
    atoms: dict[int, Structure] = {}
    for one in structures:
        if one.is_isolated_atom:
            _check(one, atoms.setdefault(int(one.species[0]), one), has_energies)
    energies = {z: one.energy for z, one in atoms.items() if one.energy is not None}
    return others, energies


def _check(one: Structure, first: Structure, needs_energy: bool) -> None:
    where = one.source, one.frame
    if len(one) != 1:
        raise DataError(
            f"config_type={one.info['config_type']} and {len(one)} atoms: an isolated atom is a "
            f"frame of one; correct config_type",
            *where,
        )
    if one.energy is None:
        if not needs_energy:
            return
        raise DataError(f"an isolated atom has no energy; {one.what_may_be('energy')}", *where)
    if first.energy is not None and abs(one.energy - first.energy) > SAME_ENERGY:
        symbol = chemical_symbols[one.species[0]]
        raise DataError(
            f"isolated {symbol} has {one.energy:.6g} eV, and in frame {first.frame} of "
            f"{first.source} {first.energy:.6g} eV; remove the wrong one",
            *where,
        )


def merged(
    file: Path | None, frames: Mapping[int, float], keys: Mapping[str, Any] | None = None
) -> dict[int, float] | None:
    """Energies of both, eV by atomic number; None where there are none.

    Args:
        file: see `read_isolated_atoms`; frames: those of `set_apart_isolated_atoms`.

    Raises:
        ConfigError: they contradict each other.
    """
    if file is None:
        return dict(frames) or None
    known = read_isolated_atoms(file, keys)
    for z, energy in frames.items():
        if abs(known.setdefault(z, energy) - energy) > SAME_ENERGY:
            raise ConfigError(
                f"data.isolated_atoms = {file} gives {chemical_symbols[z]} {known[z]:.6g} eV, its "
                f"frame with config_type=IsolatedAtom {energy:.6g} eV; remove the wrong one"
            )
    return known


def isolated_atom_energies(source: IsolatedAtoms, species: list[int]) -> np.ndarray:
    """Energies of the isolated atoms at the level of the labels, (n_types,) eV.

    Args:
        source: a file (see `read_isolated_atoms`) or energies by atomic number.

    Raises:
        ConfigError: as `read_isolated_atoms`; an element is missing.
    """
    energies = read_isolated_atoms(source) if isinstance(source, Path) else source
    missing = [chemical_symbols[z] for z in species if z not in energies]
    if missing:
        where = source if isinstance(source, Path) else "isolated atoms of the data"
        raise ConfigError(
            f"{where}: no energy for {', '.join(missing)}; add it, in a file named by "
            f"data.isolated_atoms or as a frame with config_type=IsolatedAtom"
        )
    return np.array([energies[z] for z in species])


def read_isolated_atoms(path: Path, keys: Mapping[str, Any] | None = None) -> dict[int, float]:
    """Energies by atomic number, eV.

    Args:
        path: ``{"unit": "eV", "energies": {"H": ...}}`` in JSON, or structures of one atom each in
            any format that physrep reads.
        keys: energy_key and units of the labelled data, for structures; the usual name of the
            energy is read where a file lacks that key.

    Raises:
        ConfigError: wrong unit, unknown element, a structure of several atoms, an element twice.
    """
    return _from_json(path) if path.suffix == ".json" else _from_structures(path, keys or {})


def _from_json(path: Path) -> dict[int, float]:
    values = json.loads(path.read_text(), object_pairs_hook=lambda pairs: _once(pairs, path))
    if not isinstance(values, dict) or not isinstance(values.get("energies"), dict):
        raise ConfigError(f'{path}: write {{"unit": "eV", "energies": {{"H": -13.6, ...}}}}')
    if values.get("unit") != "eV":
        raise ConfigError(f"{path}: unit = {values.get('unit')!r}; give isolated atoms in eV")
    for symbol, energy in values["energies"].items():
        if atomic_numbers.get(symbol, 0) < 1 or not isinstance(energy, int | float):
            raise ConfigError(f"{path}: {symbol!r}: {energy!r} is not an element and its energy")
    return {atomic_numbers[symbol]: float(e) for symbol, e in values["energies"].items()}


def _once(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"{path}: {twice[0]!r} stands there twice; remove one")
    return dict(pairs)


def _from_structures(path: Path, keys: Mapping[str, Any]) -> dict[int, float]:
    atoms = _with_energy(path, keys)
    energies: dict[int, float] = {}
    for k, structure in enumerate(atoms):
        if len(structure.species) != 1:
            raise ConfigError(
                f"{path}: structure {k} has {len(structure.species)} atoms; isolated atoms are "
                "structures of one atom each"
            )
        z = int(structure.species[0])
        assert structure.energy is not None  # required when it was read
        if abs(energies.setdefault(z, structure.energy) - structure.energy) > SAME_ENERGY:
            raise ConfigError(
                f"{path}: {chemical_symbols[z]} has {energies[z]:.6g} and {structure.energy:.6g} "
                f"eV (structure {k}); remove the wrong one"
            )
    return energies


def _with_energy(path: Path, keys: Mapping[str, Any]) -> list[Structure]:
    asked: dict[str, Any] = {"units": keys.get("units")}
    usual = read_structures(path, unread="ignore", **asked)
    key = keys.get("energy_key")
    if key and all(key in structure.info for structure in usual):
        return read_structures(path, energy_key=key, require=("energy",), **asked)
    for structure in usual:
        structure.validate(("energy",))
    return usual
