"""QM9 as torch_geometric holds it becomes structures that a fit reads."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from physrep.config import ConfigError
from physrep.io import read_structures
from physrep_training.data.qm9 import write_qm9


def molecules() -> list[Data]:
    """Water molecules in torch_geometric's layout; labels -2000 - k (U0) and -9 - k."""
    made = []
    for k in range(6):
        labels = torch.zeros(1, 19)
        labels[0, 7], labels[0, 12] = -2000.0 - k, -9.0 - k
        positions = torch.tensor([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.01 * k]])
        made.append(Data(z=torch.tensor([8, 1, 1]), pos=positions, y=labels))
    return made


def test_all_molecules_with_their_labels(tmp_path):
    assert write_qm9(molecules(), tmp_path / "qm9.extxyz", None, 0) == 6
    read = read_structures(tmp_path / "qm9.extxyz", energy_key="U0_eV")
    assert [s.energy for s in read] == [-2000.0 - k for k in range(6)]
    np.testing.assert_allclose(read[5].positions[2], [-0.24, 0.93, 0.05], atol=1e-7)
    again = read_structures(tmp_path / "qm9.extxyz", energy_key="U0_atomization_eV")
    assert again[2].energy == -11.0
    assert [path.name for path in tmp_path.iterdir()] == ["qm9.extxyz"]


def test_a_draw_depends_on_its_seed(tmp_path):
    drawn = []
    for seed in (0, 0, 1):
        write_qm9(molecules(), tmp_path / "qm9.extxyz", 3, seed)
        drawn.append(
            [s.energy for s in read_structures(tmp_path / "qm9.extxyz", energy_key="U0_eV")]
        )
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 3
    with pytest.raises(ConfigError, match="--molecules 7: the data set has 6"):
        write_qm9(molecules(), tmp_path / "qm9.extxyz", 7, 0)
