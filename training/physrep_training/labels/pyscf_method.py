"""Density functional theory of molecules and clusters, by PySCF."""

import warnings
from importlib.metadata import version
from typing import Annotated, Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from pydantic import Field

from physrep.config import ConfigError, StrictModel
from physrep.units import BOHR_IN_ANGSTROM, HARTREE_IN_EV
from physrep_training.bounds import Count, Positive
from physrep_training.labels.electrons import Electrons
from physrep_training.labels.level import LabelMethod, Labels


class PyscfSettings(StrictModel):
    """What PySCF is told."""

    xc: str = "pbe"
    """Functional, as PySCF names it: pbe, pbe0, b3lyp, wb97x_v, ..."""
    basis: str = "def2-svp"
    """Basis set, as PySCF names it."""
    grids: Annotated[int, Field(ge=0, le=9)] = 3
    """[1] Level of the integration grid."""
    conv_tol: Positive = 1e-9
    """[Hartree] Of the energy."""
    max_cycle: Count = 100
    """[1] Self-consistent cycles."""
    density_fit: bool = False
    """Coulomb integrals by density fitting."""


class PyscfMethod(LabelMethod):
    """Energies, forces, charges (Mulliken) and dipoles; closed shells restricted, others not.

    Forces hold the response of the integration grid, so that they are the slope of the energy.
    """

    def __init__(self, settings: PyscfSettings) -> None:
        """Checks functional and basis.

        Raises:
            ConfigError: PySCF does not know the functional. ModuleNotFoundError: no PySCF.
        """
        from pyscf.dft import libxc

        try:
            libxc.parse_xc(settings.xc)
        except (KeyError, ValueError) as error:
            raise ConfigError(
                f"xc = {settings.xc!r}: PySCF does not know this functional ({error}); give "
                f"xc=pbe, xc=pbe0, ..."
            ) from None
        self.values = settings
        self.name = f"{settings.xc.upper()}/{settings.basis.lower()}"
        self.program = f"PySCF {version('pyscf')}"
        self.settings = " ".join(f"{key}={value}" for key, value in settings.model_dump().items())

    def check(self, atoms: Atoms, electrons: Electrons) -> None:
        from pyscf import gto

        if atoms.pbc.any():
            raise ValueError(
                "is periodic, and --method pyscf is for molecules and clusters; set pbc to F in "
                "the frame, or give another --method"
            )
        for z in np.unique(atoms.numbers).tolist():
            try:
                with warnings.catch_warnings():  # it advertises another package
                    warnings.simplefilter("ignore")
                    gto.basis.load(self.values.basis, chemical_symbols[z])
            except (KeyError, RuntimeError) as error:  # BasisNotFoundError is a RuntimeError
                raise ValueError(
                    f"basis={self.values.basis}: PySCF has it not for {chemical_symbols[z]} "
                    f"({str(error).splitlines()[0]}); give another basis"
                ) from None

    def compute(self, atoms: Atoms, electrons: Electrons) -> Labels:
        field = self._mean_field(atoms, electrons)
        energy = field.kernel()
        if not field.converged:
            raise RuntimeError(
                f"the self-consistent cycle has not converged in {self.values.max_cycle} steps"
            )
        gradient = field.nuc_grad_method()
        gradient.verbose, gradient.grid_response = 0, True
        slopes = gradient.kernel() * (HARTREE_IN_EV / BOHR_IN_ANGSTROM)
        dipole = field.dip_moment(unit="AU", origin=(0.0, 0.0, 0.0), verbose=0)
        return Labels(
            energy=float(energy) * HARTREE_IN_EV,
            forces=-slopes,
            charges=np.asarray(field.mulliken_pop(verbose=0)[1]),
            dipole=np.asarray(dipole) * BOHR_IN_ANGSTROM,
        )

    def _mean_field(self, atoms: Atoms, electrons: Electrons) -> Any:
        from pyscf import dft, gto

        molecule = gto.M(
            atom=list(zip(atoms.get_chemical_symbols(), atoms.positions.tolist(), strict=True)),
            unit="Angstrom",
            basis=self.values.basis,
            charge=electrons.charge,
            spin=electrons.multiplicity - 1,
            verbose=0,
        )
        field = dft.RKS(molecule) if electrons.multiplicity == 1 else dft.UKS(molecule)
        if self.values.density_fit:
            field = field.density_fit()
        field.xc = self.values.xc
        field.grids.level = self.values.grids
        field.conv_tol, field.max_cycle = self.values.conv_tol, self.values.max_cycle
        return field
