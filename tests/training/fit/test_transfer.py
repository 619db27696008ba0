"""Going on from a checkpoint: frozen parameters stay, energies are aligned, mistakes explained."""

import numpy as np
import pytest
import torch
from systems import compute, liquid, make_checkpoint, random_atoms

from physrep.checkpoint import load_checkpoint, save_checkpoint
from physrep.config import ConfigError
from physrep.io import Structure, write_npz
from physrep_training.fit.fit_config import FitConfig, TransferConfig
from physrep_training.fit.fitting import fit
from physrep_training.fit.transfer import apply_transfer, freeze

OFFSETS = {6: 3.0, 1: -0.2, 7: 5.0, 8: -1.0}  # eV per atom, between the two levels of labels
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def structures(n: int, same: bool = False) -> list[Structure]:
    """Labels of another potential with other reference energies; one composition or several."""
    teacher = make_checkpoint("jat-softmax").potential
    made = []
    for k in range(n):
        atoms = liquid(k) if same else random_atoms(9 + k % 4, np.eye(3) * 5.0, seed=k)
        labels = compute(teacher, atoms)
        energy = float(labels.energy) + sum(OFFSETS[z] for z in atoms.numbers)
        made.append(
            Structure(
                atoms.positions,
                atoms.numbers,
                cell=atoms.cell.array,
                pbc=True,
                energy=energy,
                forces=labels.forces.numpy(),
            )
        )
    return made


@pytest.mark.parametrize("same", [False, True])
def test_energies_have_no_mean_error_after_alignment(same):
    potential = make_checkpoint().potential
    data = structures(8, same)
    apply_transfer(potential, TransferConfig(references="refit"), data, None)
    errors = [float(compute(potential, s.to_ase()).energy) - s.energy for s in data]
    assert abs(np.mean(errors)) < 1e-8


def test_scale_follows_the_forces():
    potential, data = make_checkpoint().potential, structures(3)
    apply_transfer(potential, TransferConfig(scale="refit"), data, None)
    forces = np.concatenate([s.forces for s in data])
    assert float(potential.scale) == pytest.approx(np.sqrt((forces**2).mean()))


def test_frozen_parameters_stay_and_the_others_learn(tmp_path):
    save_checkpoint(make_checkpoint(dtype=torch.float32), tmp_path / "start.ckpt")
    write_npz(tmp_path / "data.npz", structures(10))
    config = FitConfig.parse(
        {
            "name": "transfer",
            "output": str(tmp_path / "run"),
            "start_from": str(tmp_path / "start.ckpt"),
            "transfer": {"freeze": ["model.layers.*", "*embedding*"], "references": "refit"},
            "model": {"name": "jat"},
            "data": {
                "files": [str(tmp_path / "data.npz")],
                "split": {"method": "random", "validation": 0.0, "test": 0.3},
            },
            "run": {"epochs": 2, "threads": 1, "device": "cpu"},
        }
    )
    before = load_checkpoint(tmp_path / "start.ckpt").potential
    after = load_checkpoint(fit(config)).potential  # no validation part: the last is kept
    for name, old in before.named_parameters():
        frozen = name.startswith("model.layers.") or "embedding" in name
        new = after.get_parameter(name)  # an average of equal numbers is equal to a rounding
        assert torch.allclose(old, new, rtol=1e-6, atol=0.0) == frozen


def test_patterns_that_cannot_be_meant_are_explained():
    potential = make_checkpoint().potential
    with pytest.raises(ConfigError, match=r"'model.layer.0.\*' matches no parameter.*model.layers"):
        freeze(potential, ["model.layer.0.*"])
    with pytest.raises(ConfigError, match="nothing is left to fit"):
        freeze(potential, ["*"])


def test_alignment_without_labels_is_refused():
    potential = make_checkpoint().potential
    bare = [Structure(s.positions, s.species, s.cell, s.pbc) for s in structures(2)]
    for setting, label in (("scale", "forces"), ("references", "energies")):
        with pytest.raises(ConfigError, match=f"needs {label}"):
            apply_transfer(potential, TransferConfig(**{setting: "refit"}), bare, None)
