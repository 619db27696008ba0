"""ASE: a checkpoint or an exported file as a Calculator."""

from collections.abc import Sequence
from pathlib import Path

import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from physrep.engines.bound_topology import refuse_periodic, types_of
from physrep.engines.device import leave_threads_of_parent
from physrep.engines.frame_checks import check_apart, check_contacts, check_finite
from physrep.engines.load import load_potential
from physrep.neighbors import Neighbors
from physrep.ops.skin_list import SkinList
from physrep.potential import Prediction, predict


class PhysRepCalculator(Calculator):
    """Energy, atomic energies, forces and stress of any system of the known elements.

    Any cell and any pbc; stress (eV/A^3, ASE's sign and Voigt order) where the cell has a volume.

    Pickles, copies, forks and spawns. A pickle holds the path of the file and its checksum, and
    reads the file again where it is loaded; a process made by fork computes in one thread.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]

    def __init__(
        self,
        path: str | Path,
        device: str | None = None,
        dtype: str | None = None,
        check_contacts: bool = True,
    ) -> None:
        """Args and errors: see :func:`physrep.engines.load.load_potential`.

        check_contacts: refuse a structure with two atoms nearer than half the shortest distance of
        their elements in the training data, where it is the first one or has other atoms than the
        one before. Later positions of the same atoms may be those that a minimiser tries.
        """
        super().__init__()
        self.potential = load_potential(path, device, dtype)
        self.check_contacts = check_contacts
        self._symbols_checked: list[str] = []
        self.neighbor_list = SkinList(self.potential.cutoff)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill ``results``: energies in eV, forces in eV/A, stress in eV/A^3.

        Raises:
            ExportError: an element the potential does not know.
            FrameError: positions that are not finite, two atoms at one place; see check_contacts.
            PropertyNotImplementedError: stress of a system without a volume.
        """
        leave_threads_of_parent()
        super().calculate(atoms, properties, system_changes)
        system = self.atoms
        assert system is not None  # Calculator.calculate copies atoms
        has_volume = system.cell.rank == 3
        if "stress" in properties and not has_volume:
            raise PropertyNotImplementedError(
                f"stress needs a volume, and the cell is {system.cell.array.tolist()}; set "
                "three cell vectors"
            )
        prediction = self._predict(system)
        self.results = {
            "energy": prediction.energy.item(),
            "free_energy": prediction.energy.item(),
            "energies": prediction.atomic_energies.cpu().numpy(),
            "forces": prediction.forces.cpu().numpy(),
        }
        if has_volume:
            stress = -prediction.virial[0].cpu().numpy() / system.get_volume()
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress)

    def _predict(self, atoms: Atoms) -> Prediction:
        potential, device = self.potential, self.potential.device
        if potential.molecular:
            refuse_periodic(atoms, potential.path)
        symbols = atoms.get_chemical_symbols()
        types = types_of(symbols, potential.symbols, potential.path)
        check_finite(symbols, atoms.positions)
        positions, cell, pbc = (
            torch.tensor(array, device=device)
            for array in (atoms.positions, atoms.cell.array, atoms.pbc)
        )
        neighbors = self.neighbor_list(positions, cell, pbc)
        check_apart(symbols, neighbors.edge_index, neighbors.distances)
        self._check_first(symbols, neighbors)
        return predict(
            potential.atomic_energies,
            torch.from_numpy(types).to(device),
            neighbors.edge_index,
            neighbors.vectors,
        )

    def _check_first(self, symbols: list[str], neighbors: Neighbors) -> None:
        if self.check_contacts and symbols != self._symbols_checked:
            shortest = self.potential.shortest_contacts
            check_contacts(symbols, neighbors.edge_index, neighbors.distances, shortest)
            self._symbols_checked = symbols
