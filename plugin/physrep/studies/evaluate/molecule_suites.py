"""Recovery of stable structures and assembly of molecules, over a data set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ase.calculators.calculator import Calculator

from physrep.io import Structure
from physrep.probes.assembly import (
    Assembly,
    FunctionalGroup,
    assemble,
    choose_groups,
    functional_groups,
)
from physrep.probes.recovery import Recovery, recover
from physrep.progress import progress
from physrep.studies.evaluate.label_errors import without_isolated_atoms
from physrep.studies.evaluate.suite_summary import Summary, check_at_least, sample, share

N_ASSEMBLY = 50
# A labelled force above this means that the structure was not relaxed; sound minima are below 0.05.
AT_REST = 0.3  # eV/A


class Molecule(NamedTuple):
    """What became of one structure. index: its place in the data, from 0; energy_error: eV, model
    minus label, None without a label; force_error: (n_atoms, 3) eV/A at the stable structure;
    label_force: largest labelled component, eV/A, None without; assembly: None if not tried.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls here
    formula: str
    energy_error: float | None
    force_error: np.ndarray
    label_force: float | None
    recovery: Recovery
    assembly: Assembly | None


@dataclass(frozen=True)
class Reliability(Summary):
    """The suite's outcome; docs/reliability.md explains each number.

    without_group: molecules that were up for assembly and have no group to pull off.
    """

    molecules: list[Molecule]
    without_group: int
    seed: int

    def numbers(self) -> dict[str, Any]:
        """mae_e_mev and delta_e_mev in meV, mae_f in eV/A, delta_p in A; shares from 0 to 1."""
        recoveries = [molecule.recovery for molecule in self.molecules]
        tried = self.assemblies()
        errors = [m.energy_error for m in self.molecules if m.energy_error is not None]
        forces = np.concatenate([molecule.force_error for molecule in self.molecules])
        delta_p = np.array([one.delta_p for one in recoveries])
        delta_e = 1000.0 * np.array([one.delta_e for one in recoveries])
        return {
            "mae_e_mev": 1000.0 * float(np.abs(errors).mean()) if errors else None,
            "mae_f": float(np.abs(forces).mean()),
            "delta_p": _of_finite(np.mean, delta_p),
            "delta_e_mev": _of_finite(np.mean, delta_e),
            "recovered": share(one.recovered for one in recoveries),
            "assembly_recovered": share(one.recovered for one in tried),
            "n": len(recoveries),
            "delta_p_median": _of_finite(np.median, delta_p),
            "delta_e_mev_median": _of_finite(np.median, delta_e),
            "converged": share(one.converged for one in recoveries),
            "failed": sum(bool(one.failure) for one in recoveries),
            "n_assembly": len(tried),
            "n_assembly_two_groups": sum(one.n_groups == 2 for one in tried),
            "assembly_failed": sum(bool(one.failure) for one in tried),
            "assembly_without_group": self.without_group,
            "seed": self.seed,
        }

    def assemblies(self) -> list[Assembly]:
        """Those that were tried."""
        return [molecule.assembly for molecule in self.molecules if molecule.assembly]

    def notes(self) -> list[str]:
        """The first failure, and labelled forces that show the structures were not at rest."""
        notes = []
        broken = next((m for m in self.molecules if m.recovery.failure), None)
        if broken:
            notes.append(
                "note: failed relaxations are in no mean of delta_p and delta_e_mev, and count "
                f"as not recovered; the first: structure {broken.index}, {broken.recovery.failure}"
            )
        forces = [m.label_force for m in self.molecules if m.label_force is not None]
        if forces and max(forces) > AT_REST:
            notes.append(
                f"note: labelled forces reach {max(forces):.2g} eV/A: these are no stable "
                "structures, and only mae_e_mev and mae_f have a meaning"
            )
        return notes


def reliability(
    calculator: Calculator,
    structures: Iterable[Structure],
    seed: int = 0,
    max_structures: int | None = None,
    n_assembly: int = N_ASSEMBLY,
) -> Reliability:
    """Recovery of stable structures, and assembly of some; a progress bar on stderr.

    The noise of a structure depends on the seed and on its place in the data alone, not on which
    others are tested.

    Args:
        calculator: any ASE calculator; structures: stable ones, labelled or not.
        max_structures: test that many, drawn at random; all by default.
        n_assembly: molecules with a group to pull off, drawn at random; 0 for none.

    Raises:
        ConfigError: a number out of range. DataError: no structures.
    """
    check_at_least("seed", seed, 0)
    check_at_least("n_assembly", n_assembly, 0)
    check_at_least("max_structures", 1 if max_structures is None else max_structures, 1)
    structures = list(without_isolated_atoms(structures))
    chosen = sample(len(structures), seed, max_structures)
    groups, without_group = _groups_to_pull(structures, chosen, seed, n_assembly)
    molecules = []
    for index in progress(chosen, "evaluate", "molecule"):
        structure, atoms = structures[index], structures[index].to_ase()
        recovery = recover(calculator, atoms, np.random.default_rng([seed, index]))
        assembly = None
        if index in groups:
            assembly = assemble(calculator, atoms, groups[index], recovery.stable_energy)
        molecules.append(_compared(index, structure, recovery, assembly))
    return Reliability(molecules, without_group, seed)


def _groups_to_pull(
    structures: Sequence[Structure], chosen: list[int], seed: int, wanted: int
) -> tuple[dict[int, list[FunctionalGroup]], int]:
    """Index -> groups, for the first ``wanted`` in random order; and how many had none."""
    groups: dict[int, list[FunctionalGroup]] = {}
    without = 0
    for index in np.random.default_rng([seed, 1]).permutation(chosen).tolist():
        if len(groups) == wanted:
            break
        found = functional_groups(structures[index].to_ase())
        if found:
            groups[index] = choose_groups(found, np.random.default_rng([seed, index, 1]))
        else:
            without += 1
    return groups, without


def _compared(
    index: int, structure: Structure, recovery: Recovery, assembly: Assembly | None
) -> Molecule:
    """The force of a stable structure is zero where there is no label."""
    error, label_force = recovery.stable_forces, None
    if structure.forces is not None:
        label_force = float(np.abs(structure.forces).max())
        error = error - structure.forces
    energy_error = None
    if structure.energy is not None:
        energy_error = recovery.stable_energy - structure.energy
    formula = structure.to_ase().get_chemical_formula()
    return Molecule(index, formula, energy_error, error, label_force, recovery, assembly)


def _of_finite(mean: Any, values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(mean(finite)) if len(finite) else None
