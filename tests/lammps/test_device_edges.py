"""Edges made on the device of the model, as for GPUs, equal those of the host. Here it is a CPU."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from lammps_run import head, style
from pair_readout import pair_readout_checkpoint

from physrep.engines.export import export_potential

EQUAL = 1e-12  # eV and eV/A: sums in another order
EXACT = "thermo_modify format float %20.15g"
MEASURE = f"""
compute pea all pe/atom
thermo_style custom step pe pxx pyy pzz pxy pxz pyz
{EXACT}
"""
FRAMES = """
dump d all custom {every} {file} id type fx fy fz c_pea
dump_modify d sort id format float %20.15g
run {steps}
undump d
"""
# New lists at every 4th step; virials of atoms, of edges that the host makes, at every 5th.
MOVE = f"""
compute pea all pe/atom
compute stress all stress/atom NULL virial
compute total all reduce sum c_stress[1] c_stress[4]
neighbor 0.6 bin
neigh_modify every 4 delay 0 check no
mass * 12.0
velocity all create 600.0 7 mom yes
timestep 0.0005
fix nve all nve
thermo_style custom step pe pxx pyy pzz pxy pxz pyz c_total[1] c_total[2]
{EXACT}
thermo 5
"""


def numbers(file) -> np.ndarray:
    """id, type, force, energy of all atoms of all frames."""
    lines = [line.split() for line in file.read_text().splitlines()]
    return np.array([line for line in lines if len(line) == 6 and line[0].isdigit()], float)


def assert_same(folder, rows, other_rows):
    found, expected = numbers(folder / "device"), numbers(folder / "host")
    assert np.abs(expected[:, 2:5]).max() > 1.0  # or the tolerances would say nothing
    assert np.abs(found - expected).max() <= EQUAL
    np.testing.assert_allclose(rows, other_rows, rtol=1e-12, atol=1e-7)  # eV, and bar of 1e4


def styles(file, who: str) -> str:
    return style(file, f"edges {who}")


@pytest.mark.parametrize("ranks", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_run(lammps, potentials, systems, tmp_path, ranks):
    rows = []
    for who in ("host", "device"):
        begin = head(systems["sheared"], tmp_path) + styles(potentials["float64"], who) + MOVE
        run = lammps(begin + FRAMES.format(every=3, file=who, steps=12), ranks)
        rows.append(run.thermo())
    assert_same(tmp_path, *rows)


def hybrid(file, who: str) -> str:
    """Here LAMMPS has the pair style add up the virial."""
    pair = f"physrep edges {who}"
    lines = [f"pair_style hybrid/scaled 0.25 {pair} 0.75 {pair}"]
    lines += [f"pair_coeff * * physrep {k} {file} C H N O" for k in (1, 2)]
    return "\n".join(lines) + "\n"


GONE = "group gone id 1:60\nneigh_modify exclude group gone all\n"


@pytest.fixture(name="both_ways")
def _both_ways(lammps, tmp_path):
    """One evaluation with edges of the host and one with edges of the device, compared."""

    def run(atoms: Atoms, file, ranks: int, before="", section="", make=styles) -> None:
        commands = head(atoms, tmp_path, before) + section + make(file, "host") + MEASURE
        for who in ("host", "device"):
            commands += make(file, who) + FRAMES.format(every=1, file=who, steps=0)
        rows = lammps(commands, ranks).thermo()
        assert_same(tmp_path, rows[:1], rows[1:])

    return run


@pytest.mark.parametrize(
    ("ranks", "before", "section", "make"),
    [
        (4, "", "", styles),
        (3, "comm_style tiled", "balance 1.0 rcb\n", styles),
        (1, "", GONE, styles),
        (2, "", GONE, hybrid),
    ],
    ids=["four", "tiled", "excluded", "hybrid"],
)
def test_one_evaluation(both_ways, potentials, systems, ranks, before, section, make):
    both_ways(systems["sheared"], potentials["float64"], ranks, before, section, make)


def test_readout_of_neighbors_and_embedding_of_edges(both_ways, systems, tmp_path):
    # Every exchange is needed, and 70 features do not fit into one message.
    export_potential(pair_readout_checkpoint(width=70), tmp_path / "pair.pt", dtype="float64")
    both_ways(systems["box"], tmp_path / "pair.pt", 2)


def test_a_rank_without_atoms(both_ways, potentials):
    atoms = molecule("CH3CH2OH", cell=[40.0, 40.0, 40.0], pbc=True)
    atoms.rattle(0.1, seed=1)
    atoms.positions += [10.0, 10.0, 8.0]
    both_ways(atoms, potentials["float64"], 2, "processors 1 1 2")


@pytest.mark.parametrize("apart", [0.0, 0.1])
def test_the_guard_says_the_same(lammps, potentials, systems, tmp_path, apart):
    atoms = systems["box"].copy()
    atoms.positions[7] = atoms.positions[100] + [apart, 0.0, 0.0]
    said = []
    for who in ("host", "device"):
        commands = head(atoms, tmp_path) + styles(potentials["float64"], who) + "run 0\n"
        run = lammps(commands, 2, check=False)
        said += [line for line in run.output.splitlines() if "ERROR" in line]
    assert "atoms 8 (" in said[0] or "and 8 (" in said[0]
    assert said[0] == said[1]
