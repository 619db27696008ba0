"""Centroid virials and the heat flux made of them: an independent sum, finite differences, LJ."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from lammps_run import NKTV2P, SPECIES, head, random_checkpoint, style
from lennard_jones import CUTOFF, EPSILON, SIGMA, lennard_jones_checkpoint
from pair_readout import pair_readout_checkpoint
from repository import REPOSITORY
from systems import liquid, random_atoms
from unfolded import centroid_virials

from physrep.analysis.motion.green_kubo import thermal_conductivity
from physrep.engines.export import export_potential, prepare
from physrep.engines.lammps import write_data
from physrep.io.lammps_table import read_lammps_table
from physrep.ops import fastest_form

# Components of compute centroid/stress/atom: (axis of the distance, axis of the force).
NINE = ([0, 1, 2, 0, 0, 1, 1, 2, 2], [0, 1, 2, 1, 2, 2, 0, 0, 1])
COLUMNS = " ".join(f"c_w[{k}]" for k in range(1, 10))
MEASURE = f"""
compute w all centroid/stress/atom NULL virial
dump d all custom 1 dump id {COLUMNS}
dump_modify d sort id format float %20.15g
thermo_style custom step pxx pyy pzz pxy pxz pyz
thermo_modify format float %20.15g
run 0
"""
SMALL = {"n_layers": 2, "features": 8, "n_basis": 6, "readout": "shallow", "cutoff": 3.5}
FLUX = """
compute w all centroid/stress/atom NULL virial
compute e all pe/atom
compute k all ke/atom
compute j all heat/flux k e w
"""


def cubic() -> Atoms:
    return random_atoms(12, np.diag([4.5, 5.0, 4.7]), seed=5)


def virials(run) -> np.ndarray:
    """Centroid virials of a run of MEASURE, (n_atoms, 3, 3) eV."""
    found = np.empty((len(run.dump()), 3, 3))
    found[:, NINE[0], NINE[1]] = -run.dump()[:, 1:] / NKTV2P
    return found


def total_virial(run, atoms: Atoms) -> np.ndarray:
    """The virial of the whole system by LAMMPS' pressure, (3, 3) eV."""
    xx, yy, zz, xy, xz, yz = run.thermo()[-1, 1:7] * atoms.get_volume() / NKTV2P
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def agree(lammps, checkpoint, atoms, folder, n_hops, ranks, before="", ops="portable"):
    """LAMMPS gives the virials of the definition, and their sum is the system's virial."""
    file = folder / "potential.pt"
    export_potential(checkpoint, file, dtype="float64", ops=ops)
    rotation = write_data(atoms, folder / "data", SPECIES)
    expected = centroid_virials(prepare(checkpoint.potential, torch.float64), atoms, n_hops)
    expected = rotation.T @ expected @ rotation
    assert np.abs(expected).max() > 1.0
    for n in ranks:
        run = lammps(head(atoms, folder, before) + style(file) + MEASURE, n)
        np.testing.assert_allclose(virials(run), expected, atol=1e-8)
        np.testing.assert_allclose(virials(run).sum(axis=0), total_virial(run, atoms), atol=1e-8)


@pytest.mark.parametrize(("cell", "ranks"), [(cubic, [2]), (liquid, [1, 4])])
def test_equals_the_definition(lammps, tmp_path, cell, ranks):
    # Two layers: an energy depends on atoms of several images of the cell.
    agree(lammps, random_checkpoint(SMALL), cell(), tmp_path, 2, ranks)


def test_embedding_of_edges_and_readout_of_neighbors(lammps, tmp_path):
    # Every exchange is needed, over four cutoffs.
    agree(lammps, pair_readout_checkpoint(width=5), cubic(), tmp_path, 4, ranks=[3])


def test_fused_operators(lammps, tmp_path):
    if fastest_form() != "fused":
        pytest.skip("the compiled operators are not installed")
    settings = {**SMALL, "angular_features": 2, "features": 16}
    agree(lammps, random_checkpoint(settings), cubic(), tmp_path, 2, ranks=[2], ops="fused")


def test_uneven_ranks(lammps, tmp_path):
    before, atoms = "comm_style tiled\nprocessors 1 1 3\nneighbor 0.5 bin", cubic()
    agree(lammps, random_checkpoint(SMALL), atoms, tmp_path, 2, ranks=[3], before=before)


def test_moves_as_the_energy_does(lammps, tmp_path):
    """J = d/dt sum_i r_i e_i, by differences over two steps of a cluster in the vacuum."""
    export_potential(random_checkpoint(SMALL), tmp_path / "small.pt", dtype="float64")
    cluster = random_atoms(10, np.eye(3) * 4.0, seed=2)
    cluster.cell, cluster.pbc = np.eye(3) * 40.0, False
    cluster.positions += 18.0
    step = 1e-6  # ps
    commands = f"""
velocity all create 3000 1 mom no rot no
{FLUX}
variable mx atom x*(c_e+c_k)
variable my atom y*(c_e+c_k)
variable mz atom z*(c_e+c_k)
compute m all reduce sum v_mx v_my v_mz
fix 1 all nve
timestep {step}
thermo_style custom step c_m[*] c_j[1] c_j[2] c_j[3]
thermo_modify format float %20.15g
thermo 1
run 2
"""
    run = lammps(head(cluster, tmp_path) + style(tmp_path / "small.pt") + commands, 2)
    rows = run.thermo()
    difference = (rows[2, 1:4] - rows[0, 1:4]) / (2 * step)
    flux = rows[1, 4:7]
    # Round-off of 20 x 40 x 40 eV A in 2e-6 ps.
    np.testing.assert_allclose(difference, flux, atol=1e-4 * np.abs(flux).max())


def test_hybrid_adds_another_style(lammps, tmp_path):
    """With lj/cut beside it the virials are the sums of both."""
    export_potential(random_checkpoint(SMALL), tmp_path / "small.pt", dtype="float64")
    lj = "lj/cut 4.0\n", "0.002 1.5\n"
    pair = style(tmp_path / "small.pt").replace("* *", "* * physrep")
    overlay = pair.replace("physrep", "hybrid/overlay physrep lj/cut 4.0 #", 1)
    overlay += "pair_coeff * * lj/cut " + lj[1]
    alone = style(tmp_path / "small.pt"), f"pair_style {lj[0]}pair_coeff * * {lj[1]}"
    start = head(cubic(), tmp_path)
    parts = [virials(lammps(start + commands + MEASURE)) for commands in alone]
    both = virials(lammps(start + overlay + MEASURE, 2))
    np.testing.assert_allclose(both, sum(parts), atol=1e-8)


def test_asked_for_at_some_steps(lammps, tmp_path):
    """The forces and energies of a run do not change where the heat flux is computed."""
    export_potential(random_checkpoint(SMALL), tmp_path / "small.pt", dtype="float64")
    start = head(liquid(), tmp_path) + style(tmp_path / "small.pt")
    section = "velocity all create 300 5\ntimestep 0.0001\nfix 1 all nve\nthermo 1\n"
    show = "thermo_style custom step pe pxx pxy\nthermo_modify format float %20.15g\nrun 6\n"
    average = FLUX + "fix a all ave/time 3 1 3 c_j[1] c_j[2] c_j[3] file flux\n"
    rows = [lammps(start + section + more + show, 2).thermo() for more in ("", average)]
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-9)
    assert len(np.loadtxt(tmp_path / "flux")) == 3


def argon(n: int) -> Atoms:
    return bulk("Ar", "fcc", a=5.4, cubic=True).repeat(n)


LJ_RUN = f"""
velocity all create 120 7 mom yes rot no
{FLUX}
fix 1 all nve
timestep 0.002
thermo_style custom step etotal c_j[*]
thermo_modify format float %20.15g
thermo 2
"""


def lj_commands(folder, data: str, own: bool) -> str:
    start = f"units metal\nread_data {data}\n"
    if own:
        export_potential(lennard_jones_checkpoint(), folder / "lj.pt", dtype="float64")
        return start + "pair_style physrep\npair_coeff * * lj.pt Ar\n"
    return start + f"pair_style lj/cut {CUTOFF}\npair_coeff * * {EPSILON} {SIGMA}\n"


def test_lennard_jones_equals_lammps_own(lammps, tmp_path):
    """All six components at every other step: a pair potential has one heat flux."""
    write_data(argon(3), tmp_path / "ar", ["Ar"])
    section = LJ_RUN + "run 160\n"
    expected = lammps(lj_commands(tmp_path, "ar", own=False) + section).thermo()
    rows = lammps(lj_commands(tmp_path, "ar", own=True) + section, 2).thermo()
    scale = np.abs(expected[:, 2:]).max()
    # Round-off grows with the paths of the atoms, which part exponentially.
    np.testing.assert_allclose(rows[:40], expected[:40], rtol=1e-9, atol=1e-11 * scale)
    np.testing.assert_allclose(rows, expected, rtol=1e-6, atol=1e-8 * scale)


def test_stress_of_pairs_is_refused(lammps, tmp_path):
    write_data(argon(3), tmp_path / "ar", ["Ar"])
    commands = lj_commands(tmp_path, "ar", own=True) + FLUX.replace("centroid/stress", "stress")
    run = lammps(commands + "run 0\n", 2, check=False)
    assert run.returncode != 0
    assert "pair physrep: compute heat/flux j reads compute stress/atom w" in run.output
    assert "'compute w all centroid/stress/atom NULL virial'" in run.output


def test_stress_of_pairs_beside_is_noted(lammps, tmp_path):
    write_data(argon(3), tmp_path / "ar", ["Ar"])
    commands = lj_commands(tmp_path, "ar", own=True) + FLUX + "compute s all stress/atom NULL\n"
    run = lammps(commands + "run 0\n")
    words = (
        "WARNING: pair physrep: there are compute stress/atom s and compute centroid/stress/atom"
    )
    assert f"{words} w: compute heat/flux j must read w" in " ".join(run.output.split())


@pytest.mark.slow
def test_thermal_conductivity_of_argon(lammps, tmp_path):
    """At 94.4 K and 1.37 g/cm3, with LAMMPS' own style and with ours: 0.12 W/(m K)."""
    write_data(bulk("Ar", "fcc", a=5.786, cubic=True).repeat(3), tmp_path / "ar", ["Ar"])
    found = []
    for own, n in ((False, 40000), (True, 12000)):
        section = (
            "velocity all create 190 7 mom yes rot no\ntimestep 0.004\n"
            "fix 1 all nvt temp 94.4 94.4 0.2\nthermo 4000\nrun 4000\nunfix 1\n"
            f"fix 1 all nve\nreset_timestep 0\n{FLUX}"
            f"fix f all ave/time 5 1 5 c_j[1] c_j[2] c_j[3] file flux\nrun {n}\n"
        )
        lammps(lj_commands(tmp_path, "ar", own) + section)
        flux = read_lammps_table(tmp_path / "flux").values
        found.append(thermal_conductivity(flux, 0.02, 27 * 5.786**3, 94.4).value)
    assert not [one.reason for one in found if one.reason]
    assert abs(found[0].value - 0.12) < 3.0 * found[0].error < 0.06
    assert abs(found[1].value - found[0].value) < 3.0 * np.hypot(found[0].error, found[1].error)


def test_the_input_for_users(lammps, potentials, tmp_path):
    """lammps/in.heatflux writes what green-kubo reads; momentum is conserved."""
    variables = {"potential": potentials["float64"], "warmup": 2, "steps": 16}
    variables["data"] = REPOSITORY / "md_examples" / "ean.data"
    given = "".join(f"variable {name} index {value}\n" for name, value in variables.items())
    lammps(given + (REPOSITORY / "lammps" / "in.heatflux").read_text(), 2)
    pressures = read_lammps_table(tmp_path / "pressure.dat")
    assert pressures.steps.tolist() == [0, 4, 8, 12, 16] and len(pressures.names) == 6
    heat = read_lammps_table(tmp_path / "heatflux.dat")
    assert heat.steps.tolist() == [0, 8, 16]
    assert heat.columns(["c_flux", "c_C", "c_H", "c_N", "c_O", "c_anion"]).shape == (3, 18)
    masses = np.array([12.011, 1.008, 14.007, 15.999])
    velocities = heat.columns(["c_C", "c_H", "c_N", "c_O"]).reshape(3, 4, 3)
    assert np.abs(masses @ velocities).max() < 1e-3 * np.abs(velocities).max()
