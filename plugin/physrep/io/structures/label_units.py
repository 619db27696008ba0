"""The unit a file's labels are in, and the factors that bring them to eV and Angstrom."""

from typing import NamedTuple

from physrep.config import ConfigError
from physrep.units import (
    BOHR_IN_ANGSTROM,
    EV_IN_KJ_PER_MOL,
    HARTREE_IN_EV,
    KCAL_PER_MOL_IN_EV,
    NM_IN_ANGSTROM,
)

ENERGY_UNITS_IN_EV = {
    "eV": 1.0,
    "Hartree": HARTREE_IN_EV,
    "kcal/mol": KCAL_PER_MOL_IN_EV,
    "kJ/mol": 1.0 / EV_IN_KJ_PER_MOL,
}
LENGTH_UNITS_IN_ANGSTROM = {"A": 1.0, "Bohr": BOHR_IN_ANGSTROM, "nm": NM_IN_ANGSTROM}


class LabelUnits(NamedTuple):
    """Factors that a file's labels are multiplied with to be in physrep's units."""

    energy: float  # to eV; of energy and virial
    forces: float  # to eV/A
    stress: float  # to eV/A^3


def parse_units(units: str) -> LabelUnits:
    """Factors for a unit written "energy" or "energy/length", upper or lower case alike.

    "Hartree" means energies in Hartree and forces in Hartree/A; "Hartree/Bohr" energies in
    Hartree, forces in Hartree/Bohr, stress in Hartree/Bohr^3. The length applies to the
    labels only: positions and cells are in A in every format physrep reads.

    Raises:
        ConfigError: the unit is not known; the message lists those that are.
    """
    energies = {name.lower(): value for name, value in ENERGY_UNITS_IN_EV.items()}
    lengths = {name.lower(): value for name, value in LENGTH_UNITS_IN_ANGSTROM.items()}
    wanted = units.lower()
    energy, _, length = (wanted, "", "a") if wanted in energies else wanted.rpartition("/")
    if energy not in energies or length not in lengths:
        raise ConfigError(
            f"units: {units!r} is not known; write one of {', '.join(ENERGY_UNITS_IN_EV)}, "
            f"alone (forces per A) or followed by /{', /'.join(LENGTH_UNITS_IN_ANGSTROM)}"
        )
    factor = lengths[length]
    return LabelUnits(energies[energy], energies[energy] / factor, energies[energy] / factor**3)
