"""Potentials with charges: LAMMPS gives what Python gives, on one rank or many; q of the atoms."""

import pytest
import torch
from ase import Atoms
from charged import MEASURE_Q, SMALL, assert_equal, with_charge
from ean_systems import SYSTEMS
from lammps_run import head, random_checkpoint, style

from physrep.engines.export import export_potential, prepare
from physrep.pair.electrostatics_config import ElectrostaticsConfig


def cluster(atoms: Atoms) -> Atoms:
    """The atoms without their periods, in a box that holds them."""
    free = atoms.copy()
    free.pbc = False
    free.center(vacuum=4.0)
    return free


def thin() -> Atoms:
    """A cell that is smaller than the cutoff, and much longer than wide."""
    places = [[0.2, 0.3, 0.1], [1.4, 0.4, 0.6], [0.5, 1.7, 1.5], [0.8, 0.9, 14.0]]
    return Atoms("OHCN", places, cell=[[3.0, 0, 0], [0.7, 3.5, 0], [-0.4, 0.8, 24.0]], pbc=True)


@pytest.fixture(name="measured")
def _measured(lammps, charged, charged_pt, tmp_path):
    """One evaluation in LAMMPS, compared with Python."""
    potential = prepare(charged.potential, torch.float64)

    def run(atoms: Atoms, ranks: int, keywords: str = "", before: str = "", after: str = ""):
        start = head(atoms, tmp_path, before, atom_style="charge")
        charge = f"charge {atoms.info['charge']} {keywords}"
        done = lammps(start + style(charged_pt, charge) + after + MEASURE_Q, ranks)
        assert_equal(done, atoms, potential)
        return done

    return run


def test_equals_python(measured, systems):
    measured(with_charge(systems["sheared"], 1.0), 2)


def test_charges_alone(lammps, systems, tmp_path):
    """Without polarization and dispersion."""
    made = random_checkpoint(SMALL, electrostatics=ElectrostaticsConfig(smearing=1.4))
    export_potential(made, tmp_path / "a.pt", dtype="float64", ops="portable")
    atoms = with_charge(systems["sheared"], 1.0)
    start = head(atoms, tmp_path, atom_style="charge") + style(tmp_path / "a.pt", "charge 1")
    assert_equal(lammps(start + MEASURE_Q, 2), atoms, prepare(made.potential, torch.float64))


@pytest.mark.slow
@pytest.mark.parametrize("charge", [0.0, -1.0])
@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("name", ["box", "2x2x2", "sheared"])
def test_equals_python_everywhere(measured, systems, name, ranks, charge):
    measured(with_charge(systems[name], charge), ranks)


@pytest.mark.parametrize("ranks", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_an_ion_pair_leaves_a_rank_empty(measured, ranks):
    atoms = with_charge(SYSTEMS["pair"](), -1.0)
    atoms.center(vacuum=6.0)
    atoms.cell[2, 2] += 20.0
    run = measured(atoms, ranks, before="processors 1 1 *")
    assert ranks == 1 or "0 min" in run.output  # atoms on the emptier rank


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_cluster(measured, systems, ranks):
    measured(with_charge(cluster(systems["sheared"]), 1.0), ranks)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_slab(measured, systems, ranks):
    atoms = with_charge(systems["box"], 1.0)
    atoms.wrap()
    atoms.pbc = [True, True, False]
    measured(atoms, ranks)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_thin_cell(measured, ranks):
    measured(with_charge(thin(), 1.0), ranks)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", ["sheared", "cluster"])
def test_edges_made_on_the_device(measured, systems, name, ranks):
    atoms = systems["sheared"]
    measured(
        with_charge(cluster(atoms) if name == "cluster" else atoms, 1.0), ranks, "edges device"
    )


@pytest.mark.slow
def test_tiled_ranks(measured, systems):
    atoms = with_charge(systems["sheared"], 1.0)
    measured(atoms, 3, before="comm_style tiled", after="balance 1.0 rcb\n")
