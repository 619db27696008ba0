"""docs/bad-input.md: each cell is provoked in its engine, and the message is the one written there.

In the page, ``…`` stands for values. A cell that starts with ``(`` explains why nothing is wrong.
"""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openmm
import pytest
from ase import Atoms
from lammps_run import SPECIES, head, style
from openmm import app
from repository import REPOSITORY

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.openmm import add_potential, topology_from_atoms

ENGINES = ("OpenMM", "LAMMPS", "ASE")
PAGE = (REPOSITORY / "docs" / "bad-input.md").read_text()
NANOMETER = 10.0  # A


class Input(NamedTuple):
    """What a user hands to an engine; the rows of the page change one thing each."""

    file: Path
    atoms: Atoms
    system_box: np.ndarray | None
    """A, of the OpenMM System; None where it is not set."""
    keywords: str = ""
    """Of pair_style."""
    elements: tuple[str, ...] = tuple(SPECIES)
    """Of pair_coeff."""
    device: str | None = None
    topology: Atoms | None = None
    """What the OpenMM topology is made of, where it is not the atoms."""


def nanometers(given: Input) -> Input:
    atoms = given.atoms.copy()
    atoms.positions /= NANOMETER
    return given._replace(atoms=atoms, topology=given.atoms)


def overlapping(given: Input) -> Input:
    atoms = given.atoms.copy()
    atoms.positions[1] = atoms.positions[0] + [0.1, 0.0, 0.0]
    return given._replace(atoms=atoms)


def coincident(given: Input) -> Input:
    atoms = given.atoms.copy()
    atoms.positions[1] = atoms.positions[0]
    return given._replace(atoms=atoms)


def not_a_number(given: Input) -> Input:
    atoms = given.atoms.copy()
    atoms.positions[3, 1] = np.nan
    return given._replace(atoms=atoms, topology=given.atoms)


def unknown_element(given: Input) -> Input:
    atoms = given.atoms.copy()
    atoms.symbols[atoms.symbols == "N"] = "P"
    elements = ("C", "H", "P", "O")
    return given._replace(atoms=atoms, elements=elements)


def no_box(given: Input) -> Input:
    return given._replace(system_box=None)


def damaged(given: Input) -> Input:
    """One bit inside the longest record, not in what stands between two records."""
    content = bytearray(given.file.read_bytes())
    with zipfile.ZipFile(given.file) as file:
        longest = max(file.infolist(), key=lambda record: record.file_size)
    lengths = content[longest.header_offset + 26 : longest.header_offset + 30]
    name_and_extra = int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    start = longest.header_offset + 30 + name_and_extra
    content[start + longest.file_size // 2] ^= 1
    broken = given.file.with_name("damaged.pt")
    broken.write_bytes(content)
    return given._replace(file=broken)


def other_file(given: Input) -> Input:
    text = given.file.with_name("notes.txt")
    text.write_text("no potential\n")
    return given._replace(file=text)


def no_file(given: Input) -> Input:
    return given._replace(file=given.file.with_name("absent.pt"))


def no_gpu(given: Input) -> Input:
    return given._replace(keywords="device cuda", device="cuda")


ROWS: dict[str, Callable[[Input], Input]] = {
    "positions in nm where A are meant": nanometers,
    "two atoms 0.1 A apart": overlapping,
    "two atoms at one place": coincident,
    "a position that is NaN": not_a_number,
    "an element that the potential does not know": unknown_element,
    "a periodic system without its box": no_box,
    "a damaged file": damaged,
    "a file that is no potential": other_file,
    "a file that is not there": no_file,
    "a GPU that is not there": no_gpu,
}


def said_by_openmm(given: Input) -> str:
    """The first exception from reading the file to the forces."""
    topology = topology_from_atoms(given.topology or given.atoms)
    system = openmm.System()
    for mass in given.atoms.get_masses():
        system.addParticle(mass)
    if given.system_box is not None:
        system.setDefaultPeriodicBoxVectors(*(given.system_box / NANOMETER))
    try:
        add_potential(system, topology, given.file, device=given.device)
        platform = openmm.Platform.getPlatformByName("Reference")
        integrator = openmm.VerletIntegrator(5e-4)
        simulation = app.Simulation(topology, system, integrator, platform)
        simulation.context.setPositions(given.atoms.positions / NANOMETER)
        simulation.context.getState(getForces=True)
    except Exception as error:
        return str(error)
    return ""


def said_by_ase(given: Input) -> str:
    """The first exception from reading the file to the forces."""
    atoms = given.atoms.copy()
    try:
        atoms.calc = PhysRepCalculator(given.file, device=given.device)
        atoms.get_forces()
    except Exception as error:
        return str(error)
    return ""


def said_by_lammps(given: Input, folder: Path, lammps: Callable) -> str:
    """The line with ERROR, or nothing."""
    species = list(given.elements)
    commands = head(given.atoms, folder, species=species) + style(
        given.file, given.keywords, species
    )
    run = lammps(commands + "run 0\n", check=False)
    lines = [line for line in run.output.splitlines() if "ERROR" in line]
    assert bool(lines) == bool(run.returncode), run.output
    return lines[-1] if lines else ""


def cells() -> dict[tuple[str, str], str]:
    """(row, engine) -> what the page says."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert table[0] == ["input", *ENGINES]
    return {
        (name, engine): cell
        for name, *row in table[2:]
        for engine, cell in zip(ENGINES, row, strict=True)
    }


def matches(cell: str, said: str) -> bool:
    if cell.startswith("("):
        return said == ""
    parts = [re.escape(part.strip()) for part in cell.strip("`").split("…") if part.strip()]
    return bool(re.search(".*".join(parts), said, re.DOTALL))


def test_the_page_has_all_rows():
    assert {row for row, _ in cells()} == set(ROWS)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("row", ROWS)
def test_the_message_is_the_one_of_the_page(row, engine, ean_box, potentials, tmp_path, lammps):
    file = tmp_path / "ean.pt"
    file.write_bytes(potentials["float32"].read_bytes())
    given = ROWS[row](Input(file, ean_box, ean_box.cell.array))
    if engine == "OpenMM":
        said = said_by_openmm(given)
    elif engine == "ASE":
        said = said_by_ase(given)
    else:
        said = said_by_lammps(given, tmp_path, lammps)
    cell = cells()[row, engine]
    assert matches(cell, said), said
