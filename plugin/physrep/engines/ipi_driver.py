"""i-PI: a checkpoint or an exported file as a driver of its Python client.

i-PI loads drivers of its own package, and others from a file. This is the file::

    i-pi-driver-py -m custom -P "$(python -m physrep.engines.ipi_driver)" -u -a physrep \
        -o template=ean.pdb,model=ean.pt

The command in quotes prints the path. ``<ffdirect>`` takes it as ``<pes_path>``.
"""

from typing import Any

import ase.io
import numpy as np
from ipi.pes import Dummy_driver
from ipi.utils.units import unit_to_internal, unit_to_user

from physrep.engines.ase import PhysRepCalculator

__DRIVER_NAME__ = "physrep"
__DRIVER_CLASS__ = "PhysRepDriver"


class PhysRepDriver(Dummy_driver):
    """Energy, forces and virial of the elements and the periodicity of a template.

    The name of the first argument is i-PI's: its other drivers read a structure of that name too.
    """

    def __init__(
        self,
        template: str = "",
        model: str = "",
        device: str | None = None,
        dtype: str | None = None,
        **others: Any,
    ) -> None:
        """What follows -o.

        Args:
            template: structure with the atoms in the order of i-PI's, in any format of ASE.
            model: a checkpoint or an exported file.
            device, dtype: see :func:`physrep.engines.load.load_potential`.

        Raises:
            ValueError: no template or no model. Others: see ``load_potential``.
        """
        if not template or not model:
            raise ValueError(
                f"the driver physrep needs -o template=STRUCTURE,model=FILE, got template="
                f"{template},model={model}"
            )
        *_, self.atoms = ase.io.iread(template)
        self.atoms.calc = PhysRepCalculator(model, device, dtype)
        super().__init__(**others)

    def compute_structure(
        self, cell: np.ndarray, pos: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray, str]:
        """Energy, forces, virial and nothing extra, in atomic units; the virial is minus volume
        times ASE's stress, zero where there is no volume.

        cell: (3, 3) bohr, columns are the lattice vectors; pos: (n_atoms, 3) bohr.
        """
        atoms = self.atoms
        if len(pos) != len(atoms):
            raise ValueError(
                f"i-PI sends {len(pos)} atoms and the template has {len(atoms)}: give both the "
                "same structure"
            )
        atoms.positions = unit_to_user("length", "angstrom", pos)
        if atoms.pbc.any():
            atoms.cell[:] = unit_to_user("length", "angstrom", cell.T)
        virial = np.zeros((3, 3))
        if atoms.cell.rank == 3:
            virial = -atoms.get_volume() * atoms.get_stress(voigt=False).T
        return (
            unit_to_internal("energy", "electronvolt", atoms.get_potential_energy()),
            unit_to_internal("force", "ev/ang", atoms.get_forces()),
            unit_to_internal("energy", "electronvolt", virial),
            "",
        )


if __name__ == "__main__":
    print(__file__)
