"""Frames as other codes write them: names, signs and order of the labels."""

import numpy as np
import pytest

from physrep.io import read_structures
from physrep.io.structures.unread_labels import unread_lines
from physrep.io.structures.write_extxyz import extxyz_text

pytestmark = pytest.mark.case

LATTICE = 'Lattice="10.0 0.0 0.0 0.0 10.0 0.0 0.0 0.0 10.0"'
ATOMS = [("O", 0.0, 0.0, 0.0, 0.5), ("H", 0.96, 0.0, 0.0, -0.3), ("H", -0.24, 0.93, 0.0, -0.2)]
PLAIN = "\n".join(f"{symbol} {x} {y} {z} {f} 0.0 0.0" for symbol, x, y, z, f in ATOMS)
WITH_NUMBER = "\n".join(
    f"{symbol} {x} {y} {z} {8 if symbol == 'O' else 1} {f} 0.0 0.0" for symbol, x, y, z, f in ATOMS
)
NINE = "0.001 0.0 0.0 0.0 0.002 0.0005 0.0 0.0005 0.003"
SIX = "0.001 0.002 0.003 0.0005 0.0 0.0"  # xx yy zz yz xz xy
VIRIAL = "-1.0 0.0 0.0 0.0 -2.0 -0.5 0.0 -0.5 -3.0"  # -volume * stress, eV
FRAMES = {
    "MACE": (
        f"{LATTICE} Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-7.5 "
        f'REF_stress="{NINE}" config_type=Default head=Default pbc="T T T"',
        PLAIN,
    ),
    "MACE, earlier": (
        f'{LATTICE} Properties=species:S:1:pos:R:3:forces:R:3 energy=-7.5 stress="{SIX}" '
        f'config_weight=1.0 pbc="T T T"',
        PLAIN,
    ),
    "NequIP": (
        f'{LATTICE} Properties=species:S:1:pos:R:3:forces:R:3 energy=-7.5 stress="{NINE}" '
        f'free_energy=-7.5 pbc="T T T"',
        PLAIN,
    ),
    "DeePMD (dpdata)": (
        f'virial="{VIRIAL}" {LATTICE} Properties=species:S:1:pos:R:3:Z:I:1:force:R:3 energy=-7.5 '
        f'pbc="T T T"',
        WITH_NUMBER,
    ),
    "GPUMD": (
        f'pbc="T T T" {LATTICE.lower()} energy=-7.5 virial="{VIRIAL}" '
        f"properties=species:S:1:pos:R:3:force:R:3",
        PLAIN,
    ),
    "bare and quoted": (
        f"{LATTICE} 'Properties'=species:S:1:pos:R:3:forces:R:3 \"energy\"='-7.5' "
        f"stress={{{NINE}}} converged pbc=[T, T, T]",
        PLAIN,
    ),
}


@pytest.mark.parametrize("code", FRAMES)
def test_labels_of_another_code(tmp_path, code):
    comment, atoms = FRAMES[code]
    path = tmp_path / "frames.xyz"
    path.write_text(f"3\n{comment}\n{atoms}\n")
    (structure,) = read_structures(path)
    assert structure.energy == -7.5 and structure.pbc.all()
    np.testing.assert_array_equal(structure.forces[:, 0], [0.5, -0.3, -0.2])
    np.testing.assert_allclose(structure.virial.ravel(), np.array(VIRIAL.split(), dtype=float))
    path.write_text(extxyz_text(structure))
    (again,) = read_structures(path)
    np.testing.assert_allclose(again.virial, structure.virial, atol=1e-12)
    np.testing.assert_array_equal(again.forces, structure.forces)
    assert again.energy == -7.5 and again.info == structure.info


def test_what_another_code_wrote_and_is_not_read_is_named(tmp_path):
    path = tmp_path / "gap.xyz"
    comment, _ = FRAMES["MACE, earlier"]
    path.write_text(f'3\n{comment} dft_virial="{VIRIAL}" REF_polarizability="1 2 3"\n{PLAIN}\n')
    structures = read_structures(path)
    (line,) = unread_lines(structures)
    assert "'REF_polarizability' is not used: no model predicts it" in line
    path.write_text(f"3\n{comment.replace('stress=', 'dft_stress=')}\n{PLAIN}\n")
    lines = unread_lines(read_structures(path))
    assert len(lines) == 1 and "stress is not read, but it holds 'dft_stress'" in lines[0]


def test_a_label_of_another_level_is_set_aside(tmp_path):
    """What was not read must not be read where the frame goes."""
    path = tmp_path / "two.extxyz"
    comment, atoms = FRAMES["MACE"]
    path.write_text(f"3\n{comment} DFT_energy=-8.5\n{atoms}\n")
    (structure,) = read_structures(path, energy_key="DFT_energy")
    path.write_text(extxyz_text(structure))
    (again,) = read_structures(path, unread="ignore")
    assert (again.energy, again.forces, again.virial) == (-8.5, None, None)
    assert again.info["unread_REF_energy"] == -7.5


def test_frames_that_are_refused_can_be_skipped(tmp_path):
    path = tmp_path / "frames.xyz"
    comment, atoms = FRAMES["MACE"]
    good, bad = f"3\n{comment}\n{atoms}\n", f"3\n{comment.replace('-7.5', 'nan')}\n{atoms}\n"
    path.write_text(good + bad + good)
    refused = []
    found = read_structures(path, refused=refused.append)
    assert [s.frame for s in found] == [0, 2]
    assert [error.frame for error in refused] == [1] and "not finite" in str(refused[0])
