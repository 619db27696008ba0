"""fix gcmc: the right number of atoms and molecules, and no trial move ends a run."""

import numpy as np
import pytest
from ase import Atoms
from lammps_run import head, style, without_forces

from physrep.engines.export import export_potential

K, H, MVV2E = 8.617343e-5, 4.135667403e-3, 1.0364269e-4  # LAMMPS' eV/K, eV ps, metal units
TEMPERATURE, E0, EXPECTED = 1000.0, -0.4, 20.0

MOLECULE = """two hydrogen atoms

2 atoms

Coords

1 0.0 0.0 0.0
2 1.5 0.0 0.0

Types

1 2
2 2
"""


@pytest.fixture(scope="module", name="ideal")
def _ideal(checkpoint, tmp_path_factory):
    """A potential of reference energies alone."""
    made = without_forces(checkpoint)
    path = tmp_path_factory.mktemp("ideal") / "ideal.pt"
    export_potential(made, path, dtype="float64", ops="portable")
    return path


def chemical_potential(mass: float, energy: float, volume: float) -> float:
    """mu in eV at which an ideal gas of particles of that energy has EXPECTED of them."""
    length = H / np.sqrt(2 * np.pi * mass * MVV2E * K * TEMPERATURE)
    return K * TEMPERATURE * np.log(EXPECTED * length**3 / volume) + energy


@pytest.mark.case
@pytest.mark.slow
@pytest.mark.parametrize("molecules", [False, True])
def test_number_of_particles_of_an_ideal_gas(lammps, ideal, tmp_path, molecules):
    side = 20.0
    atoms = Atoms("C", [[1.0, 1.0, 1.0]], cell=[side] * 3, pbc=True)
    start = head(atoms, tmp_path, "atom_modify map yes")
    if molecules:
        (tmp_path / "pair.txt").write_text(MOLECULE)
        start = start.replace("atom_style atomic", "atom_style molecular").replace(
            "read_data data",
            f"region b block 0 {side} 0 {side} 0 {side}\ncreate_box 4 b\nmolecule pair pair.txt\n"
            "create_atoms 1 single 1 1 1\nmass 1 12.011\nmass 2 1.008\nmass 3 14\nmass 4 16\n"
            "special_bonds lj/coul 1 1 1",
        )
    n_atoms = 2 if molecules else 1
    # intra_energy takes the energy of the isolated molecule out of mu
    mu = chemical_potential(n_atoms * 1.008, 0.0 if molecules else E0, side**3)
    what = f"mol pair group gas intra_energy {2 * E0}" if molecules else ""
    section = (
        "group gas type 2\nneigh_modify every 1 delay 0 check yes\n"
        f"fix g gas gcmc 1 40 0 {0 if molecules else 2} 29494 {TEMPERATURE} {mu} 0.5 {what}\n"
        "thermo_style custom step atoms pe\nthermo 1\nrun 100\n"
    )
    run = lammps(start + style(ideal, "guard off") + section)
    rows = run.thermo()[10:]
    particles = (rows[:, 1] - 1) / n_atoms
    # 90 samples, each 40 trials behind the last, as long as the number remembers: 4 sigma.
    assert particles.mean() == pytest.approx(EXPECTED, abs=4 * np.sqrt(2 * EXPECTED / 90))
    np.testing.assert_allclose(rows[:, 2], -10.0 + E0 * n_atoms * particles, atol=1e-4)


@pytest.mark.case
@pytest.mark.parametrize("ranks", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_moves_in_a_dense_liquid(lammps, potentials, ean_box, tmp_path, ranks):
    # Random places overlap with atoms; the guard is on, and a rejected move ends no run. Random
    # parameters accept some moves: the energy stays that of the atoms which are there.
    thermo = "thermo_style custom step atoms pe {}\nthermo_modify format float %20.15g\n"
    section = (
        "group o type 4\nfix g o gcmc 1 10 0 4 3021 300 -30.0 0.5\n"
        + thermo.format("f_g[3] f_g[4] f_g[5] f_g[6]")
        + "thermo 1\nrun 2\nwrite_data after\nunfix g\nclear\n"
    )
    start = head(ean_box, tmp_path, "atom_modify map yes")
    again = start.replace("read_data data", "read_data after") + style(potentials["float64"])
    section += again + thermo.format("step step step step") + "run 0\n"
    rows = lammps(start + style(potentials["float64"]) + section, ranks).thermo()
    tried, inserted, deletions, deleted = rows[-2][3:7]
    assert tried > 0 and deletions > 0
    assert inserted < tried or deleted < deletions  # some were rejected
    assert rows[-2][1] == len(ean_box) + inserted - deleted
    assert rows[-1][2] == pytest.approx(rows[-2][2], abs=1e-8)
