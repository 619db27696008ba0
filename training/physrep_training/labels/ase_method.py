"""Any calculator of ASE."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from physrep.io.structures.total_charge import state_charge
from physrep.probes.named_calculator import named_calculator
from physrep_training.labels.electrons import Electrons
from physrep_training.labels.level import LabelMethod, Labels


class AseMethod(LabelMethod):
    """Energies and forces, and charges, stresses and dipoles where the calculator has them.

    It gets the total charge as ``info["charge"]`` and as the sum of the initial charges, the
    multiplicity as ``info["spin"]`` and ``info["multiplicity"]``. Dipoles are taken of neutral
    frames alone: calculators differ in the origin.
    """

    def __init__(self, model: str, settings: Mapping[str, Any]) -> None:
        """model: ase:MODULE:CLASS; settings: arguments of the class."""
        self.model, self.values = model, dict(settings)
        words = [f"{key}={value}" for key, value in self.values.items()]
        self.settings = " ".join(words) or "none"
        self.name = " ".join([model, *words])
        package = model.split(":")[1].split(".", maxsplit=1)[0]
        try:
            self.program = f"{package} {version(package)}"
        except PackageNotFoundError:  # a module of the user's own
            self.program = package
        self.calculator: Any = None

    def compute(self, atoms: Atoms, electrons: Electrons) -> Labels:
        if self.calculator is None:
            self.calculator = named_calculator(self.model, **self.values)
        atoms = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        state_charge(atoms, float(electrons.charge))
        atoms.info.update(spin=electrons.multiplicity, multiplicity=electrons.multiplicity)
        atoms.calc = self.calculator
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        neutral_molecule = not atoms.pbc.any() and electrons.charge == 0
        return Labels(
            energy=float(energy),
            forces=forces,
            charges=_given(atoms, "charges"),
            dipole=_given(atoms, "dipole") if neutral_molecule else None,
            stress=_given(atoms, "stress") if atoms.pbc.all() else None,
        )


def _given(atoms: Atoms, name: str) -> Any:
    """A property that a calculator may lack."""
    if name not in atoms.calc.implemented_properties:
        return None
    try:
        return atoms.calc.get_property(name, atoms)
    except (PropertyNotImplementedError, NotImplementedError):
        return None
