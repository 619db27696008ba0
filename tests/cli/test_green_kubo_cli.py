"""physrep green-kubo: from files of LAMMPS to a number with its error."""

import json

import numpy as np
import pytest

from physrep.cli.main import main

GIVEN = ["--timestep", "1", "--volume", "2000", "--temperature", "300"]


def write(path, names: list[str], values: np.ndarray, start: int = 0) -> str:
    rows = [
        f"{start + 10 * k} " + " ".join(map(repr, row)) for k, row in enumerate(values.tolist())
    ]
    path.write_text("# Time-averaged data for fix a\n# TimeStep " + " ".join([*names, "\n"]))
    with path.open("a") as file:
        file.write("\n".join(rows) + "\n")
    return str(path)


def white(n_columns: int) -> np.ndarray:
    """Every other sample is the one before with half the weight: correlations of one lag."""
    noise = np.random.default_rng(0).standard_normal((4001, n_columns))
    return noise[1:] + 0.5 * noise[:-1]


def numbered(name: str, n: int) -> list[str]:
    return [f"{name}[{k}]" for k in range(1, n + 1)]


def test_viscosity(tmp_path, capsys):
    file = write(tmp_path / "p.dat", numbered("c_thermo_press", 6), 100.0 * white(6))
    out = tmp_path / "curves.json"
    assert main(["green-kubo", "viscosity", file, *GIVEN, "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("viscosity ") and " mPa s (integral up to 0." in said
    kept = json.loads(out.read_text())
    assert kept["unit"] == "mPa s"
    # 0.5 (1 + 0.25) + 0.5 of the variance of the noise, 0.01 ps, in (100 bar)^2; the two shears
    # from independent diagonals have half the variance.
    exact = 0.8 * 1.125 * 1e14 * 1e-14 * 2000e-30 / (1.380649e-23 * 300.0) * 1e3
    assert abs(kept["value"] - exact) < 3 * kept["error"]
    assert len(kept["integral"]) == len(kept["lags_ps"])


def test_pressures_of_a_log_and_units_real(tmp_path, capsys):
    columns = ["Temp", "Volume", "Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz"]
    values = np.hstack([np.full((4000, 1), 300.0), np.full((4000, 1), 2000.0), 100.0 * white(6)])
    file = write(tmp_path / "p.dat", columns, values)
    lines = (tmp_path / "p.dat").read_text().splitlines()
    (tmp_path / "log").write_text("\n".join(["   Step " + " ".join(columns), *lines[2:]]))
    numbers = []
    for name, extra in [("log", []), ("p.dat", []), ("log", ["--units", "real"])]:
        command = ["green-kubo", "viscosity", str(tmp_path / name), "--timestep", "1", "--json"]
        assert main([*command, *extra]) == 0
        numbers.append(json.loads(capsys.readouterr().out)["value"])
    assert numbers[0] == numbers[1]
    assert numbers[2] == pytest.approx(1.01325**2 * numbers[0], rel=1e-12)
    assert file.endswith("p.dat")


def test_conductivity_of_a_mixture(tmp_path, capsys):
    heat, current = white(3), np.random.default_rng(1).standard_normal((4000, 3))
    names = numbered("c_j", 3) + numbered("c_a", 3)
    file = write(tmp_path / "j.dat", names, np.hstack([heat + 7.0 * current, current]))
    command = ["green-kubo", "conductivity", file, *GIVEN, "--json"]
    found = []
    for extra in ([], ["--currents", "c_a"]):
        assert main([*command, *extra]) == 0
        found.append(json.loads(capsys.readouterr().out)["value"])
    assert found[1] < 0.1 * found[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["conductivity", "{c}"], "begins with the columns c_j[1] c_j[2] v_x, not with the 3 of"),
        (["conductivity", "{c}", "--columns", "c_k"], "has no column c_k; there are c_j[1]"),
        (["conductivity", "{c}", "--columns", "c_j"], "gives 2 columns for c_j, not 3"),
        (["viscosity", "{c}", "--currents", "c_j"], "--currents are for the conductivity"),
        (["viscosity", "missing.dat"], "missing.dat"),
        (["viscosity", "{c}", "-o", "{c}"], "is the input"),
        (["viscosity", "{c}", "-o", "no/such/file"], "there is no folder no/such"),
    ],
)
def test_mistakes(tmp_path, capsys, words, message):
    file = write(tmp_path / "c.dat", [*numbered("c_j", 2), "v_x"], white(3))
    words = [word.replace("{c}", file) for word in words]
    assert main(["green-kubo", *words, *GIVEN]) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1


def test_temperature_is_needed(tmp_path, capsys):
    file = write(tmp_path / "p.dat", numbered("c_p", 6), white(6))
    assert main(["green-kubo", "viscosity", file, *GIVEN[:4]]) == 2
    assert "no column Temp: give --temperature, in K" in capsys.readouterr().err
