"""Parts of active learning: settings, start frames, choice, the command line."""

import ase.io
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import molecule
from systems import TINY

from physrep.cli.main import main
from physrep.config import ConfigError
from physrep_training.active.active_config import ActiveConfig
from physrep_training.active.active_layout import Work
from physrep_training.active.active_state import State
from physrep_training.active.choose_frames import decorrelated
from physrep_training.active.explored_run import Condition, ExploredRun, Look
from physrep_training.active.first_data import check_level
from physrep_training.active.run_starts import start_of
from physrep_training.boxes.densities import density_of

FIT = {"model": TINY, "data": {"files": ["data.extxyz"]}}


def parsed(**values) -> ActiveConfig:
    return ActiveConfig.parse({"name": "a", "fit": FIT, **values})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"fit": {"model": TINY}}, "from fit.data.files or from start, and neither is given"),
        ({"start": {"molecules": ["CO"]}}, "from start, and both is given"),
        ({"start": {"molecules": ["CO"], "every_fs": 0.7}}, "start.every_fs is 0.7: give a mult"),
        ({"fit": {**FIT, "output": "x"}}, "fit.output is set for each member"),
        ({"refit": {"data": {}}}, "refit.data: members continue"),
        ({"fit": {**FIT, "run": {"epoch": 3}}}, "fit: unknown key 'run.epoch': did you mean"),
        ({"refit": {"run": {"epochs": 0}}}, "refit: run.epochs = 0"),
        (
            {"fit": {"model": TINY, "data": {"files": ["d.npz"], "units": "Hartree"}}},
            "fit.data.units: frames that are added have physrep's names and units",
        ),
        ({"choose": {"lower": 2.0}}, "choose.lower is 2 and choose.upper 1 eV/A"),
        ({"md": {"every_fs": 0.7}}, "a whole number of steps between looks"),
        ({"members": 1}, "members = 1"),
        ({"md": {"temperature": 300}}, "unknown key 'md.temperature': did you mean"),
    ],
)
def test_settings_that_make_no_sense_are_explained(values, said):
    with pytest.raises(ConfigError, match=said):
        parsed(**values)


def test_members_differ_in_their_seeds_and_continue_with_refit(tmp_path):
    config = parsed(refit={"run": {"epochs": 5}})
    first = config.fit_of(2, config.first_files, [])
    later = config.fit_of(2, config.first_files, [tmp_path / "b"], start_from=tmp_path / "a.ckpt")
    assert (first.run.seed, first.run.epochs, first.start_from) == (2, 100, None)
    assert (later.run.seed, later.run.epochs) == (2, 5)
    assert later.data.extra_train_files == [tmp_path / "b"]


def test_start_frames_get_the_density_of_the_run(tmp_path):
    two = [molecule("CH3OH"), molecule("CH3OH")]
    two[1].positions += [0.0, 0.0, 5.0]
    frames = []
    for edge in (8.0, 12.0):
        atoms = two[0] + two[1]
        atoms.set_cell([edge] * 3)
        atoms.pbc = True
        frames.append(atoms)
    ase.io.write(tmp_path / "frames.extxyz", frames)
    work = Work(parsed(md={"frames": str(tmp_path / "frames.extxyz"), "densities": [0.3]}), 1)
    condition = Condition(temperature=300.0, density=0.3, number=0)
    found = start_of(work, condition, np.random.default_rng(0))
    assert density_of(found.get_masses().sum(), found.get_volume()) == pytest.approx(0.3)
    assert found.get_distance(0, 1, mic=True) == pytest.approx(two[0].get_distance(0, 1))
    alone = Work(parsed(md={"frames": str(tmp_path / "one.extxyz"), "densities": [0.3]}), 1)
    ase.io.write(tmp_path / "one.extxyz", two[0])
    with pytest.raises(ConfigError, match="no frame of the data is periodic"):
        start_of(alone, condition, np.random.default_rng(0))


def test_candidates_near_in_time_leave_the_one_that_deviates_most(tmp_path):
    deviations = [0.1, 0.5, 0.9, 0.6, 0.3, 0.4]  # every 10 fs
    looks = [Look(0.01 * k, value, 0.1, 300.0) for k, value in enumerate(deviations)]
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 1]], momenta=np.ones((2, 3)), info={"charge": 1.0})
    candidates = [(k, np.full((2, 3), float(k))) for k in range(1, 6)]
    condition = Condition(temperature=300.0, density=None, number=0)
    run = ExploredRun(condition, atoms, {"a": 1}, looks, candidates, "")
    assert decorrelated(run, 20.0) == [1, 4]  # looks 2 and 5; 3 is too near, 4 deviates less
    run.save(tmp_path / "run.npz")
    again = ExploredRun.load(tmp_path / "run.npz")
    assert again.looks == looks and again.frame(1).info["force_deviation"] == 0.9
    assert again.frame(1).info["charge"] == 1.0 and (again.frame(1).positions == 2.0).all()
    assert (again.atoms.get_momenta() == 1.0).all()


def test_data_of_another_method_are_refused(tmp_path):
    atoms = molecule("CH3OH")
    atoms.info.update(REF_energy=-1.0, method="GFN1-xTB")
    ase.io.write(tmp_path / "data.extxyz", atoms)
    check_level([tmp_path / "data.extxyz"], "GFN1-xTB")
    with pytest.raises(ConfigError, match="states the method GFN1-xTB, and label"):
        check_level([tmp_path / "data.extxyz"], "GFN2-xTB")


def test_exit_code_says_whether_md_is_stable(tmp_path, monkeypatch, capsys):
    path = tmp_path / "a.yaml"
    start = {"molecules": ["CO"], "cluster": True}
    path.write_text(yaml.safe_dump({"name": "a", "start": start, "fit": {"model": TINY}}))
    words = ["active", str(path), f"output={tmp_path}/out"]
    for outcome, code in (("stable", 0), ("rounds", 1)):
        state = State(round=2, stage="report", outcome=outcome)
        monkeypatch.setattr("physrep_training.active.active_loop.learn", lambda _, s=state: s)
        assert main(words) == code
        assert f"{tmp_path}/out/round_2/fit/committee.ckpt" in capsys.readouterr().out
    assert main(["active", str(tmp_path / "no.yaml")]) == 2
    assert main([*words, f"output={path}"]) == 2
    assert "is a file; give the name of a folder" in capsys.readouterr().err
