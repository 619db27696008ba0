"""Atoms that neigh_modify takes out count as deleted; single pairs cannot be dropped."""

import numpy as np
import pytest
from lammps_run import head, style
from test_errors import fails

GONE = 25  # one cation and more, atoms of every element
MEASURE = """
compute pea all pe/atom
compute of_gone gone reduce sum c_pea
compute stress all stress/atom NULL virial
dump d all custom 1 {dump} id type fx fy fz c_pea c_stress[1] c_stress[4]
dump_modify d sort id format float %20.15g
thermo_style custom step pe pxx pyy pzz pxy pxz pyz c_of_gone
thermo_modify format float %20.15g
run 0
undump d
"""


@pytest.mark.case
@pytest.mark.parametrize("ranks", [1, 3])
def test_excluded_is_deleted(lammps, potentials, systems, tmp_path, ranks):
    section = (
        f"group gone id 1:{GONE}\nneigh_modify exclude group gone all\n"
        + MEASURE.format(dump="excluded")
        + "neigh_modify exclude none\ndelete_atoms group gone compress no\n"
        + "dump d all custom 1 deleted id type fx fy fz c_pea c_stress[1] c_stress[4]\n"
        + "dump_modify d sort id format float %20.15g\nrun 0\n"
    )
    atoms = systems["sheared"]
    commands = head(atoms, tmp_path, "atom_modify map yes") + style(potentials["float64"])
    run = lammps(commands + section, ranks)
    excluded, deleted = run.thermo()[-2:]
    np.testing.assert_allclose(excluded, deleted, rtol=1e-13)  # energy and pressure
    found = run.dump("excluded")
    assert np.all(found[:GONE, 2:] == 0.0)  # forces, energies, virials of the absent
    known = run.dump("deleted")
    np.testing.assert_allclose(found[GONE:, :6], known[:, :6], rtol=0, atol=1e-12)  # eV, eV/A
    np.testing.assert_allclose(found[GONE:, 6:], known[:, 6:], rtol=1e-10)  # bar A^3


@pytest.mark.parametrize(
    ("exclusion", "named"),
    [
        ("type 1 2", "exclude type 1 2"),
        ("group some others", "exclude group some others"),
        ("group some some", "exclude group some some"),
        ("molecule/intra all", "exclude molecule/intra all"),
    ],
)
def test_single_pairs_cannot_be_excluded(lammps, potentials, ean_box, tmp_path, exclusion, named):
    section = f"group some id 1:5\ngroup others id 6:9\nneigh_modify exclude {exclusion}\nrun 0\n"
    start = head(ean_box, tmp_path)
    if "molecule" in exclusion:
        start = start.replace("read_data", "fix m all property/atom mol\nread_data")
    commands = start + style(potentials["float64"]) + section
    fails(lammps, commands, named, "exclude group NAME all", ranks=2)


def test_pairs_of_another_style_may_be_excluded(lammps, potentials, ean_box, tmp_path):
    hybrid = (
        "pair_style hybrid/overlay physrep lj/cut 4.0\n"
        f"pair_coeff * * physrep {potentials['float64']} C H N NULL\n"
        "pair_coeff 4 4 lj/cut 0.01 2.0\npair_coeff 1*3 4 lj/cut 0.0 1.0\n"
    )
    section = "group o type 4\nneigh_modify exclude type 4 4 exclude group o o\nrun 0\n"
    rows = lammps(head(ean_box, tmp_path) + hybrid + "thermo_style custom step pe\n" + section)
    assert np.isfinite(rows.thermo()).all()
