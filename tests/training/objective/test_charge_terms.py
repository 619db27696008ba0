"""Losses of charges and dipoles: of what is labelled, about the right origin, through a fit."""

import numpy as np
import pytest
import torch
import yaml
from ase.data import atomic_masses
from scipy.special import erf
from systems import SPECIES, TINY, liquid, make_checkpoint, molecule
from torch_geometric.data import Batch

from physrep.checkpoint import load_checkpoint
from physrep.cli.main import main
from physrep.io import Structure
from physrep.io.structures.npz import write_npz
from physrep.pair.electrostatics_config import ElectrostaticsConfig, PolarizationConfig
from physrep_training.data.graphs import GraphDataset
from physrep_training.objective.loss_config import LossConfig
from physrep_training.objective.objective import Objective

SMEARING = 1.2  # A
LOSS = {
    "energy": {"weight": 0.0},
    "force": {"weight": 0.0},
    "charges": {"kind": "mae", "weight": 2.0},
    "dipole": {"kind": "mae", "weight": 1.0},
}


def labelled(seed: int, charge: float, n_atoms: int = 10) -> Structure:
    atoms, rng = molecule(seed)[:n_atoms], np.random.default_rng(seed)
    charges = rng.normal(size=len(atoms))
    charges += (charge - charges.sum()) / len(atoms)
    return Structure(
        atoms.positions,
        atoms.numbers,
        energy=-1.0 - seed,
        charges=charges,
        dipole=rng.normal(size=3),
        info={"charge": charge},
    )


POLARIZATION = {"charges": None, "polarization": PolarizationConfig(smearing=2.0)}


@pytest.fixture(name="potential", params=list(POLARIZATION))
def _potential(request):
    settings = ElectrostaticsConfig(smearing=SMEARING, polarization=POLARIZATION[request.param])
    return make_checkpoint(electrostatics=settings).potential


def induced_dipole(x: np.ndarray, q: np.ndarray, polarizabilities: np.ndarray) -> np.ndarray:
    """(3,) e A, the sum over atoms in the fields of Gaussian charges."""
    apart = x[:, None] - x[None]
    r = np.linalg.norm(apart, axis=-1) + np.eye(len(x))
    u = r / (np.sqrt(2.0) * 2.0)
    strength = (erf(u) - 2.0 / np.sqrt(np.pi) * u * np.exp(-u * u)) / r**3
    np.fill_diagonal(strength, 0.0)
    fields = ((strength * q[None])[:, :, None] * apart).sum(axis=1)
    return polarizabilities @ fields


def batch_of(potential, structures) -> Batch:
    graphs = GraphDataset(structures, SPECIES, potential.cutoff, torch.float64)
    return Batch.from_data_list([graphs[k] for k in range(len(structures))])


def test_terms_are_of_what_is_labelled(potential):
    box = liquid()
    plain = Structure(box.positions, box.numbers, cell=box.cell.array, pbc=True, energy=-3.0)
    structures = [labelled(0, 1.0), plain, labelled(1, -1.0)]
    batch = batch_of(potential, structures)
    prediction, terms = Objective(potential, LossConfig.parse(LOSS))(batch, 0, False)
    charges = prediction.charges.detach().numpy()
    found = [charges[:10], charges[34:]]
    differences = [q - s.charges for q, s in zip(found, structures[::2], strict=True)]
    assert terms["charges"].item() == pytest.approx(np.abs(np.concatenate(differences)).mean())
    errors = []
    polar = prediction.polarizabilities
    of_atoms = np.zeros(len(charges)) if polar is None else polar.detach().numpy()
    for q, a, s in zip(found, [of_atoms[:10], of_atoms[34:]], structures[::2], strict=True):
        masses = atomic_masses[s.species]
        origin = masses @ s.positions / masses.sum()
        dipole = q @ (s.positions - origin) + induced_dipole(s.positions, q, a)
        errors.append(np.abs(dipole - s.dipole))
    assert terms["dipole"].item() == pytest.approx(np.mean(errors))


def test_a_batch_without_labels_has_no_such_terms(potential):
    atoms = molecule()
    batch = batch_of(potential, [Structure(atoms.positions, atoms.numbers, energy=0.0)])
    loss = LossConfig.parse({**LOSS, "energy": {"weight": 1.0}})
    _, terms = Objective(potential, loss)(batch, 0, False)
    assert set(terms) == {"energy"}


SPLIT = {"method": "random", "validation": 0.25, "test": 0.25}


def settings(folder, **changes):
    values = {
        "name": "charged",
        "output": str(folder / "run"),
        "model": dict(TINY),
        "electrostatics": {"smearing": 1.0, "shift": "learned"},
        "data": {"files": [str(folder / "a.npz")], "split": SPLIT},
        "loss": {**LOSS, "energy": {"weight": 1.0}},
        "run": {"epochs": 2, "batch_size": 2, "threads": 1},
    }
    values.update(changes)
    path = folder / "fit.yaml"
    path.write_text(yaml.safe_dump(values))
    return str(path)


@pytest.fixture(name="folder")
def _folder(tmp_path):
    write_npz(tmp_path / "a.npz", [labelled(k, k % 3 - 1.0, 7 + k % 4) for k in range(12)])
    return tmp_path


def test_a_fit_with_charges(folder, capsys):
    assert main(["fit", settings(folder)]) == 0
    assert "total charges: -1 in 4, +1 in 4 of 12 frames; charges add up" in capsys.readouterr().err
    potential = load_checkpoint(folder / "run" / "best.ckpt").potential
    assert potential.electrostatics_settings["shift"] == "learned"
    assert potential.dispersion is None
    assert "train_charges_loss" in (folder / "run" / "log.csv").read_text()


def test_a_potential_without_charges_gets_them(folder, capsys):
    plain = {**LOSS, "energy": {"weight": 1.0}, "charges": {"weight": 0.0}}
    plain["dipole"] = {"weight": 0.0}
    first = settings(folder, electrostatics=None, loss=plain, output=str(folder / "first"))
    assert main(["fit", first]) == 0
    start = folder / "first" / "best.ckpt"
    wanted = {"smearing": 1.0, "dispersion": "d3"}
    assert main(["fit", settings(folder, start_from=str(start), electrostatics=wanted)]) == 0
    assert "has no charges; their readout starts from random" in capsys.readouterr().err
    dispersion = load_checkpoint(folder / "run" / "best.ckpt").potential.dispersion
    assert float(dispersion.weights.min()) > 1.0


def test_a_potential_with_charges_gets_polarization_and_dispersion(folder, capsys):
    """It keeps its own settings of charges, and says so."""
    first = settings(folder, output=str(folder / "first"))
    assert main(["fit", first]) == 0
    start = folder / "first" / "best.ckpt"
    added = {"polarization": {"smearing": 2.0}, "dispersion": "d3"}
    wanted = {"smearing": 1.2, **added}
    assert main(["fit", settings(folder, start_from=str(start), electrostatics=wanted)]) == 0
    said = capsys.readouterr().err
    assert "electrostatics.smearing = 1.0 (not 1.2)" in said
    assert "electrostatics.dispersion" not in said
    assert "electrostatics.polarization" not in said
    assert "has no polarization; polarizabilities start from one number" in said
    assert "has no dispersion; its coefficients are those of the training data" in said
    old, new = (load_checkpoint(folder / run / "best.ckpt").potential for run in ("first", "run"))
    assert new.electrostatics_settings == {**old.electrostatics_settings, **added}
    assert float(new.dispersion.weights.min()) > 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"electrostatics": None}, "loss.charges needs a potential with charges: give"),
        ({"electrostatics": {"smering": 1.0}}, "did you mean 'smearing'"),
        ({"electrostatics": {"smearing": 0.0}}, "electrostatics.smearing = 0.0"),
    ],
)
def test_settings_that_cannot_be_meant(folder, changes, message, capsys):
    assert main(["fit", settings(folder, **changes)]) != 0
    assert message in capsys.readouterr().err


def test_labels_that_no_structure_has(folder, capsys):
    atoms = molecule()
    frames = [Structure(atoms.positions + k, atoms.numbers, energy=-1.0) for k in range(8)]
    write_npz(folder / "a.npz", frames)
    assert main(["fit", settings(folder)]) != 0
    assert "none of 6 structures has charges" in capsys.readouterr().err
