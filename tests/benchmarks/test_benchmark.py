"""speed.py: a contender whose process ends does not end the run of the others."""

import sys

import pytest
from repository import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"

# A worker.py that answers twice; the module "dies" ends after its first answer.
WORKER = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for k, line in enumerate(sys.stdin):
    if sys.argv[1] == "dies" and k == 1:
        sys.exit(1)
    print(json.dumps({"ms": [2.0] * int(line), "peak_mb": 100.0 + k}), flush=True)
"""


@pytest.fixture(name="speed")
def _speed(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed

    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(speed, "HERE", tmp_path)
    monkeypatch.setattr(speed, "python_of", lambda environment: sys.executable)
    return speed


@pytest.mark.parametrize("together", [True, False])
def test_a_contender_that_dies_is_skipped(speed, together, capsys):
    contenders = [speed.Contender(name, "Python", "here", name) for name in ("lives", "dies")]
    measure = speed.measure_together if together else speed.measure_apart
    rows = {row.name: row for row in measure(contenders, 225, 1, 2)}
    if together:  # one process, two turns
        assert list(rows) == ["lives"]
        assert rows["lives"].peak_mb == 101.0
        assert "dies skipped" in capsys.readouterr().err
    else:  # a process each round, which answers once
        assert list(rows) == ["lives", "dies"]
    assert rows["lives"].ms == 2.0


def test_lammps_says_why_it_ended(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import lammps_process

    assert "Total wall time" in lammps_process.run_lammps("units metal\n", tmp_path)
    with pytest.raises(RuntimeError, match="Unknown command: nonsense"):
        lammps_process.run_lammps("nonsense\n", tmp_path, ranks=2)
