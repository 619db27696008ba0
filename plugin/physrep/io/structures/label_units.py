"""The unit a file's labels are in, and the factors that bring them to eV and Angstrom."""

from collections.abc import Mapping
from typing import Any, NamedTuple

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
    dipole: float  # to e A; charges are in e everywhere


# Keys under which a frame may state the unit of its labels.
UNIT_KEYS = ("units", "unit", "energy_units", "energy_unit")


def require_stated_unit(info: Mapping[str, Any], assumed: str) -> None:
    """Refuse a frame that states another unit of energy than the one assumed for its format.

    What is no unit that physrep knows ("Angstrom", a list) is left alone.

    Raises:
        ValueError: naming both units.
    """
    for key in UNIT_KEYS:
        stated = info.get(key)
        try:
            factors = parse_units(str(stated).strip())
        except ConfigError:
            continue
        if factors.energy != parse_units(assumed).energy:
            raise ValueError(
                f"{key} = {stated!r}, but labels of this format are in {assumed}: give "
                f"data.units={stated} in a fit, --units {stated} on the command line, or "
                f"units={stated!r} in Python, with the length if forces have another, or remove "
                f"{key}"
            )


def parse_units(units: str) -> LabelUnits:
    """Factors for a unit written "energy" or "energy/length", upper or lower case alike.

    "Hartree" means energies in Hartree and forces in Hartree/A; "Hartree/Bohr" energies in
    Hartree, forces in Hartree/Bohr, stress in Hartree/Bohr^3, dipoles in e Bohr. The length
    applies to the labels only: positions and cells are in A in every format physrep reads.

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
    value = energies[energy]
    return LabelUnits(value, value / factor, value / factor**3, dipole=factor)
