"""A certificate in the model's file: it survives, and it counts for its parameters alone."""

import logging

import pytest
import torch
from ase.build import molecule
from systems import make_checkpoint

from physrep.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from physrep.cli.main import main
from physrep.config import ConfigError
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.engines.metadata import read_exported
from physrep.engines.openmm import read_bound
from physrep.studies.certify.certificate import Certificate
from physrep.studies.certify.check import at_most
from physrep.studies.certify.engine_equality import engine_checks
from physrep.studies.certify.part import Part
from physrep.studies.certify.stamp_model import Stamp


@pytest.fixture(name="ckpt")
def _ckpt(tmp_path):
    save_checkpoint(make_checkpoint(), tmp_path / "model.ckpt")
    return tmp_path / "model.ckpt"


def certificate(verdict: str = "pass") -> Certificate:
    check = at_most("survival: 300 K", {"pass": 0.0, "fail": 9.0}[verdict], "", 1.0, 2.0)
    return Certificate("model.ckpt", "box.pdb", "quick", verdict, [Part("a", "A", "", [check], [])])


def test_a_checkpoint_keeps_it_and_nothing_else_changes(ckpt, capsys):
    before = load_checkpoint(ckpt)
    Stamp(str(ckpt)).write(certificate())
    after = load_checkpoint(ckpt)
    assert after.certificate["verdict"] == "pass" and after.certificate["level"] == "quick"
    for name, value in before.potential.state_dict().items():
        assert torch.equal(value, after.potential.state_dict()[name])
    assert main(["inspect", str(ckpt)]) == 0
    assert "pass (quick; 1 pass, 0 warn, 0 fail, 0 skipped); 2" in capsys.readouterr().out


def test_other_parameters_drop_it(ckpt):
    Stamp(str(ckpt)).write(certificate())
    checkpoint = load_checkpoint(ckpt)
    checkpoint.potential.shift += 0.1
    save_checkpoint(checkpoint, ckpt)
    assert load_checkpoint(ckpt).certificate is None
    exported = export_potential(checkpoint, ckpt.with_suffix(".pt"))
    assert exported.certificate is None


def test_a_forged_one_is_not_read(ckpt):
    contents = torch.load(ckpt, weights_only=True)
    contents["certificate"] = {"verdict": "pass", "parameters": "0123456789abcdef"}
    torch.save(contents, ckpt)
    assert load_checkpoint(ckpt).certificate is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_export_carries_it_over(ckpt, dtype):
    Stamp(str(ckpt)).write(certificate())
    target = ckpt.with_suffix(".pt")
    export_potential(load_checkpoint(ckpt), target, dtype=dtype)
    kept = read_exported(target)[1]
    assert kept.verdict.startswith("pass (quick") and kept.certificate["structure"] == "box.pdb"


def test_an_exported_file_takes_one_and_computes_the_same(ckpt, caplog):
    target, atoms = ckpt.with_suffix(".pt"), molecule("CH3OH")
    export_potential(load_checkpoint(ckpt), target, atoms, "float64")
    energy = PhysRepCalculator(target).get_potential_energy(atoms)
    Stamp(str(target)).write(certificate("fail"))
    assert PhysRepCalculator(target).get_potential_energy(atoms) == energy
    with caplog.at_level(logging.WARNING):
        read_bound(target)
    assert "certificate: fail (quick; 0 pass" in caplog.text
    assert [path.name for path in ckpt.parent.iterdir() if "partial" in path.name] == []


def test_a_file_that_changed_meanwhile_is_not_stamped(ckpt):
    stamp = Stamp(str(ckpt))
    save_checkpoint(make_checkpoint("jat-heads"), ckpt)
    with pytest.raises(CheckpointError, match="have changed since the work began"):
        stamp.write(certificate())
    assert load_checkpoint(ckpt).certificate is None


def test_an_interrupted_write_leaves_the_file(ckpt, monkeypatch):
    stamp, before = Stamp(str(ckpt)), ckpt.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stamp.write(certificate())
    assert ckpt.read_bytes() == before and len(list(ckpt.parent.iterdir())) == 1


def test_a_foreign_calculator_has_no_file():
    with pytest.raises(ConfigError, match="cannot be written into it"):
        Stamp("ase:ase.calculators.lj:LennardJones")


def test_engines_agree_with_ase(ckpt):
    pytest.importorskip("openmm")
    pytest.importorskip("lammps", exc_type=ImportError)
    calculator, atoms = PhysRepCalculator(ckpt), molecule("CH3OH")
    found = {check.name: check for check in engine_checks(str(ckpt), calculator, atoms)}
    assert {name: check.verdict for name, check in found.items()} == {
        "exactness: OpenMM": "pass",
        "exactness: LAMMPS": "pass",
    }
    wrong = PhysRepCalculator(ckpt)
    wrong.potential.energies.scale *= 1.1
    assert all(c.verdict == "fail" for c in engine_checks(str(ckpt), wrong, atoms))


def test_engines_are_skipped_with_reasons(ckpt):
    target, atoms = ckpt.with_suffix(".pt"), molecule("CH3OH")
    export_potential(load_checkpoint(ckpt), target, molecule("CH4"))
    openmm, lammps = engine_checks(str(target), PhysRepCalculator(target), atoms)
    assert openmm.verdict == "skipped" and "exported for 5 atoms" in openmm.note
    assert lammps.verdict in ("pass", "skipped")
    assert list(engine_checks("ase:a:B", PhysRepCalculator(target), atoms)) == []
