"""Tables of LAMMPS: logs and files of fix ave/time."""

import numpy as np
import pytest

from physrep.io import DataError
from physrep.io.lammps_table import read_lammps_table

AVE_TIME = """# Time-averaged data for fix a
# TimeStep c_flux[1] c_flux[2] c_flux[3] v_t
0 1.5 2 -3e-1 4
10 2.5 3 4 5
20 3.5 4 5 6
30 4.5
"""
LOG = """LAMMPS (22 Jul 2025)
   Step          Temp          Pxx
         0   300            1.0
        50   310            2.0
Loop time of 0.1 on 1 procs
Total wall time: 1 2
   Step          Temp          Pxx
        50   310            2.0
WARNING: something (src/verlet.cpp:60)
        60   312            5.0
        70   314            6.0
Loop time of 0.2 on 1 procs for 20 steps with 225 atoms
Nlocal: 225 1 2
"""


def table(tmp_path, text):
    (tmp_path / "file").write_text(text)
    return read_lammps_table(tmp_path / "file")


def test_file_of_ave_time(tmp_path):
    found = table(tmp_path, AVE_TIME)
    assert found.steps.tolist() == [0, 10, 20]  # the last line is not finished
    assert found.names == ["c_flux[1]", "c_flux[2]", "c_flux[3]", "v_t"]
    expected = [[1.5, 2, -0.3], [2.5, 3, 4], [3.5, 4, 5]]
    np.testing.assert_array_equal(found.columns(["c_flux"]), expected)
    assert found.columns(["v_t", "c_flux[2]"])[0].tolist() == [4, 2]


def test_last_run_of_a_log(tmp_path):
    found = table(tmp_path, LOG)
    assert found.steps.tolist() == [50, 60, 70]
    assert found.columns(["Pxx"])[:, 0].tolist() == [2.0, 5.0, 6.0]


def test_refusals(tmp_path):
    with pytest.raises(DataError, match=r"no column c_j; there are c_flux\[1\]"):
        table(tmp_path, AVE_TIME).columns(["c_j"])
    with pytest.raises(DataError, match="has no table of LAMMPS"):
        table(tmp_path, "1 2 3\n")
    with pytest.raises(DataError, match="steps 10 and 15 5 apart, the first two 10"):
        table(tmp_path, AVE_TIME.replace("\n20 ", "\n15 "))
