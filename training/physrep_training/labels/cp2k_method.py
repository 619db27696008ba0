"""Density functional theory of periodic boxes, by CP2K (Gaussians and plane waves)."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from ase import Atoms
from ase.units import Rydberg

from physrep.config import ConfigError, StrictModel
from physrep_training.bounds import Count, Positive
from physrep_training.labels.electrons import Electrons
from physrep_training.labels.level import LabelMethod, Labels

NOT_CONVERGED = "SCF run NOT converged"  # CP2K goes on with what it has
FUNCTIONALS = {"PBE": "ORIG", "REVPBE": "REVPBE", "PBESOL": "PBESOL"}  # CP2K's PARAMETRIZATION
# What ASE's calculator has no argument for. The reference functional of D3 is named as xc.
INPUT = """
&FORCE_EVAL
  &DFT
    &QS
      EPS_DEFAULT 1e-12
    &END QS
    &MGRID
      REL_CUTOFF {rel_cutoff}
    &END MGRID
    &SCF
      EPS_SCF {eps_scf}
      &OT
        PRECONDITIONER FULL_SINGLE_INVERSE
        MINIMIZER DIIS
      &END OT
    &END SCF
    &XC
      &XC_FUNCTIONAL
        &PBE
          PARAMETRIZATION {parametrization}
        &END PBE
      &END XC_FUNCTIONAL
{dispersion}
    &END XC
  &END DFT
&END FORCE_EVAL
"""
DISPERSION = """
      &VDW_POTENTIAL
        POTENTIAL_TYPE PAIR_POTENTIAL
        &PAIR_POTENTIAL
          TYPE DFTD3
          PARAMETER_FILE_NAME dftd3.dat
          REFERENCE_FUNCTIONAL {xc}
          R_CUTOFF 15
        &END PAIR_POTENTIAL
      &END VDW_POTENTIAL
"""


class Cp2kSettings(StrictModel):
    """What CP2K is told."""

    xc: str = "revPBE"
    """Functional: PBE, revPBE or PBEsol; pseudopotentials are GTH-PBE."""
    dispersion: bool = True
    """D3 with zero damping (S. Grimme et al., J. Chem. Phys. 132 (2010) 154104), up to 15 A."""
    basis: str = "DZVP-MOLOPT-SR-GTH"
    """Basis set of CP2K's file BASIS_MOLOPT."""
    cutoff: Positive = 400.0
    """[Ry] Of the plane waves."""
    rel_cutoff: Positive = 60.0
    """[Ry] Of the grid that a Gaussian is put on."""
    eps_scf: Positive = 1e-6
    """[1] Of the self-consistent cycle."""
    max_scf: Count = 80
    """[1] Self-consistent cycles."""


class Cp2kMethod(LabelMethod):
    """Energies, forces and stresses; open shells unrestricted.

    CP2K is started for each frame, in a folder of its own that is removed.
    """

    def __init__(self, settings: Cp2kSettings, command: str = "cp2k_shell") -> None:
        """command: CP2K's program that ASE talks to.

        Raises:
            ConfigError: it is not installed, or the functional is not known here.
        """
        if settings.xc.upper() not in FUNCTIONALS:
            raise ConfigError(f"xc = {settings.xc!r}: give one of PBE, revPBE, PBEsol")
        if shutil.which(command) is None:
            raise ConfigError(
                f"--method cp2k: there is no program {command}; install CP2K (Debian, Ubuntu: "
                f"apt-get install cp2k)"
            )
        self.values, self.command = settings, command
        suffix = "-D3" if settings.dispersion else ""
        self.name = f"{settings.xc}{suffix}/{settings.basis}"
        self.program = _version()
        self.settings = " ".join(f"{key}={value}" for key, value in settings.model_dump().items())

    def check(self, atoms: Atoms, electrons: Electrons) -> None:
        if not atoms.pbc.all():
            raise ValueError(
                f"has pbc {atoms.pbc.tolist()}, and --method cp2k is for boxes that are periodic "
                f"in three directions; label it with --method pyscf"
            )

    def compute(self, atoms: Atoms, electrons: Electrons) -> Labels:
        from ase.calculators.cp2k import CP2K

        values = self.values
        dispersion = DISPERSION.format(xc=values.xc) if values.dispersion else ""
        atoms = atoms.copy()
        atoms.set_initial_magnetic_moments(None)
        with tempfile.TemporaryDirectory() as folder:
            calculator = CP2K(
                command=self.command,
                directory=folder,
                label="frame",
                xc=None,
                basis_set=values.basis,
                basis_set_file="BASIS_MOLOPT",
                pseudo_potential="GTH-PBE",
                potential_file="GTH_POTENTIALS",
                cutoff=values.cutoff * Rydberg,
                max_scf=values.max_scf,
                charge=electrons.charge,
                multiplicity=electrons.multiplicity,
                uks=electrons.multiplicity > 1,
                stress_tensor=True,
                print_level="LOW",
                inp=INPUT.format(
                    rel_cutoff=values.rel_cutoff,
                    eps_scf=values.eps_scf,
                    parametrization=FUNCTIONALS[values.xc.upper()],
                    dispersion=dispersion,
                ),
            )
            with calculator:
                atoms.calc = calculator
                energy, forces = atoms.get_potential_energy(), atoms.get_forces()
                stress = atoms.get_stress()
            # Its output is complete when it has ended.
            if any(NOT_CONVERGED in path.read_text() for path in Path(folder).rglob("*.out")):
                raise RuntimeError(
                    f"the self-consistent cycle has not converged in {values.max_scf} steps"
                )
        return Labels(float(energy), forces, stress=stress)


def _version() -> str:
    said = subprocess.run(["cp2k", "--version"], capture_output=True, text=True, check=False)
    lines = [line.strip() for line in said.stdout.splitlines() if "version" in line.lower()]
    return lines[0].replace("version ", "") if lines else "CP2K"
