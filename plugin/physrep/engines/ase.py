"""ASE: a checkpoint or an exported file as a Calculator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from physrep.deviation import deviation
from physrep.engines.bound_topology import refuse_periodic, types_of
from physrep.engines.device import leave_threads_of_parent
from physrep.engines.frame_checks import check_apart, check_contacts, check_finite
from physrep.engines.load import load_potential
from physrep.geometry import single_geometry
from physrep.io.structures.total_charge import stated_by, total_charge
from physrep.neighbors import Neighbors
from physrep.ops.skin_list import SkinList
from physrep.pair.long_range import LongRange
from physrep.prediction import Prediction, mean_prediction, predict_members


class PhysRepCalculator(Calculator):
    """Energy, atomic energies, forces and stress of any system of the known elements.

    Any cell and any pbc; stress (eV/A^3, ASE's sign and Voigt order) where the cell has a volume.

    A potential with charges has those too (e), and the dipole sum_i q_i r_i (e A), with
    polarization sum_i (q_i r_i + mu_i) of the induced dipoles: of an isolated
    molecule with a total charge about its centre of mass; in a periodic cell of the atoms at their
    given positions, unwrapped where a trajectory is followed, since it jumps by q times a cell
    vector where an atom is moved to another image (modern theory of polarisation: King-Smith and
    Vanderbilt, Phys. Rev. B 47, 1651 (1993)). The total charge is that of ``atoms.info["charge"]``
    or of the initial charges, 0 where they state none.

    Of a committee, energy, forces and stress are the means of the members', and ``results`` holds
    ``energy_comm`` (n_members,) eV, ``forces_comm`` (n_members, n_atoms, 3) eV/A, and the standard
    deviations ``energy_deviation`` (eV, of the total energy) and ``forces_deviation`` (n_atoms,)
    eV/A, see :class:`physrep.deviation.Deviation`.

    Pickles, copies, forks and spawns. A pickle holds the path of the file and its checksum, and
    reads the file again where it is loaded; a process made by fork computes in one thread.
    """

    implemented_properties = [
        "energy",
        "free_energy",
        "energies",
        "forces",
        "stress",
        "charges",
        "dipole",
    ]

    def __init__(
        self,
        path: str | Path,
        device: str | None = None,
        dtype: str | None = None,
        check_contacts: bool = True,
        total_charge: float | None = None,
    ) -> None:
        """Args and errors: see :func:`physrep.engines.load.load_potential`.

        check_contacts: refuse a structure with two atoms nearer than half the shortest distance of
        their elements in the training data, where it is the first one or has other atoms than the
        one before. Later positions of the same atoms may be those that a minimiser tries.
        total_charge: in e, of every structure; None takes what each states.
        """
        super().__init__()
        self.potential = load_potential(path, device, dtype)
        self.check_contacts = check_contacts
        self.total_charge = total_charge
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
            PropertyNotImplementedError: stress of a system without a volume; charges of a
                potential without them.
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
        if not self.potential.charged and {"charges", "dipole"} & set(properties):
            raise PropertyNotImplementedError(
                f"{self.potential.path}: this potential has no charges; fit one with electrostatics"
            )
        members = self._predict(system)
        prediction = mean_prediction(members)
        self.results = {
            "energy": prediction.energy.item(),
            "free_energy": prediction.energy.item(),
            "energies": prediction.atomic_energies.cpu().numpy(),
            "forces": prediction.forces.cpu().numpy(),
        }
        if prediction.charges is not None:
            self.results["charges"] = prediction.charges.cpu().numpy()
            # Induced dipoles cost another sum over the structure, which MD does not ask for.
            if prediction.polarizabilities is None or "dipole" in properties:
                self.results["dipole"] = np.mean([self._dipole(system, m) for m in members], axis=0)
        if len(members) > 1:
            self.results |= committee_results(members)
        if has_volume:
            stress = -prediction.virial[0].cpu().numpy() / system.get_volume()
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What has changed since the last calculation; also the stated total charge, of which ASE
        does not know.
        """
        changes = super().check_state(atoms, tol)
        before = self.atoms
        if not self.potential.charged or changes or before is None:
            return changes
        same = self._total_charge_of(atoms) == self._total_charge_of(before)
        return [] if same else ["total_charge"]

    def _predict(self, atoms: Atoms) -> list[Prediction]:
        """Of each member; of a potential alone one."""
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
        geometry = None
        if potential.charged:
            geometry = single_geometry(positions, cell, pbc, self._total_charge_of(atoms))
        edges = torch.from_numpy(types).to(device), neighbors.edge_index, neighbors.vectors
        return predict_members(potential.energies, *edges, geometry=geometry)

    def _dipole(self, atoms: Atoms, prediction: Prediction) -> np.ndarray:
        """(3,) e A, of charges and induced dipoles."""
        charges, polarizabilities = prediction.charges, prediction.polarizabilities
        assert charges is not None
        dipole = dipole_of(atoms, charges.cpu().numpy())
        if polarizabilities is None:
            return dipole
        settings = self.potential.electrostatics
        assert settings is not None
        x, cell, pbc = map(torch.from_numpy, (atoms.positions, atoms.cell.array, atoms.pbc))
        geometry, one = single_geometry(x, cell, pbc), torch.zeros(len(atoms), dtype=torch.int64)
        place = charges.cpu(), polarizabilities.cpu(), one, geometry
        long_range = LongRange(settings, len(self.potential.symbols))
        return dipole + long_range.induced_dipoles(*place).sum(dim=0).numpy()

    def _total_charge_of(self, atoms: Atoms) -> float:
        if self.total_charge is not None:
            return self.total_charge
        return total_charge(stated_by(atoms)) or 0.0

    def _check_first(self, symbols: list[str], neighbors: Neighbors) -> None:
        if self.check_contacts and symbols != self._symbols_checked:
            shortest = self.potential.shortest_contacts
            check_contacts(symbols, neighbors.edge_index, neighbors.distances, shortest)
            self._symbols_checked = symbols


def committee_results(members: list[Prediction]) -> dict[str, Any]:
    """What the members of a committee say, and by how much they disagree."""
    spread = deviation(members)
    return {
        "energy_comm": np.array([one.energy.item() for one in members]),
        "forces_comm": torch.stack([one.forces for one in members]).cpu().numpy(),
        "energy_deviation": spread.energy.item(),
        "forces_deviation": spread.forces.cpu().numpy(),
    }


def dipole_of(atoms: Atoms, charges: np.ndarray) -> np.ndarray:
    """sum_i q_i r_i of charges, (3,) e A; of a charged isolated molecule about its centre of mass.

    charges: (n_atoms,) e.
    """
    origin = np.zeros(3) if atoms.pbc.any() else atoms.get_center_of_mass()
    return charges @ (atoms.positions - origin)
