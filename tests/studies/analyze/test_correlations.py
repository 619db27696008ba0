"""``physrep analyze`` on ions and a neutral solvent that walk at random in a cell."""

import json

import numpy as np
import pytest
from ase.data import atomic_masses, atomic_numbers

from physrep.cli.main import main

N_FRAMES, SIDE, D = 400, 14.0, 0.5  # A, A^2/ps, 0.5 ps between frames
SYMBOLS = ["Li"] * 10 + ["Cs"] * 10 + ["Fe"] * 12  # metals: atoms that pass each other do not bond

CHARGES = np.repeat([1.0, -1.0, 0.0], [10, 10, 12])
OF_EACH = D * np.repeat([1.0, 3.0, 1.0], [10, 10, 12])
MASSES = atomic_masses[[atomic_numbers[symbol] for symbol in SYMBOLS]]


@pytest.fixture(name="found", scope="module")
def _found(tmp_path_factory):
    """The JSON, and the page."""
    folder, rng = tmp_path_factory.mktemp("salt"), np.random.default_rng(0)
    spread = np.sqrt(2.0 * OF_EACH * 0.5)
    positions = rng.uniform(size=(32, 3)) * SIDE
    with open(folder / "run.extxyz", "w") as file:
        for k in range(N_FRAMES):
            file.write(f'32\nLattice="{SIDE} 0 0 0 {SIDE} 0 0 0 {SIDE}" Properties=species:S:1:')
            file.write(f'pos:R:3 pbc="T T T" time={0.5 * k}\n')
            file.writelines(
                f"{symbol} {x:.6f} {y:.6f} {z:.6f}\n"
                for symbol, (x, y, z) in zip(SYMBOLS, positions % SIDE, strict=True)
            )
            positions += spread[:, None] * rng.normal(size=(32, 3))
    path, charges = str(folder / "run.extxyz"), "Li=1,Cs=-1,Fe=0"
    options = ("-o", str(folder), "--temperature", "400", "--charges", charges)
    assert main(["analyze", path, *options]) == 0
    found = json.loads((folder / "analysis.json").read_text())
    return found, (folder / "report.html").read_text()


def values(part: dict) -> tuple[np.ndarray, np.ndarray]:
    return np.array(part["value"], dtype=float), np.array(part["error"], dtype=float)


def test_an_ideal_gas_of_ions_scatters_as_single_atoms(found):
    scattering = found[0]["structure"]["scattering"]
    for way in ("total", "xray", "neutron"):
        value, error = values(scattering[way])
        known = np.isfinite(error) & (error > 0.0)
        away = ((value - 1.0) / error)[known]
        assert known.sum() > 60 and np.abs(away).max() < 6.0
    assert len(scattering["partial"]) == 6 and scattering["n_frames"] == N_FRAMES


def test_angles_have_no_preference(found):
    for pair in found[0]["structure"]["neighbors"]["pairs"]:
        value, error = values(pair)
        known = np.isfinite(error) & (error > 0.0)
        away = np.abs(value[known] - 1.0) / error[known]
        assert known.sum() > 300 and np.median(away) < 1.5  # 0.67 of a normal distribution
    assert "no hydrogen bonds are possible" in found[0]["structure"]["hydrogen_map"]["reason"]


def test_independent_ions_have_their_shares_and_a_haven_ratio_of_one(found):
    numbers = found[0]["motion"]["transference"]["numbers"]
    assert set(numbers) == {"Li+", "Cs-"}
    # Without the walk of the centre of mass, V = sum m v / M, from single steps v of variance D:
    # <J_a J> = N_a z_a^2 D_a - N_a z_a sum_i (m_i / M) z_i D_i.
    common = float((MASSES * CHARGES * OF_EACH).sum() / MASSES.sum())
    crossed = {"Li+": 10 * D - 10 * common, "Cs-": 10 * 3.0 * D + 10 * common}
    for kind, flow in crossed.items():
        share = flow / sum(crossed.values())
        assert abs(numbers[kind]["value"] - share) < 4.0 * numbers[kind]["error"] < 0.8
    haven = found[0]["motion"]["haven"]
    assert abs(haven["value"] - 1.0) < 4.0 * haven["error"] < 3.0


def test_van_hove_functions_of_a_walk(found):
    hove = found[0]["motion"]["van_hove"]
    middles = 0.5 * (np.array(hove["edges"])[1:] + np.array(hove["edges"])[:-1])
    width = middles[1] - middles[0]
    drift = float((MASSES**2 * OF_EACH).sum() / MASSES.sum() ** 2)  # D of the centre of mass
    for kind, atom in (("Fe", 25), ("Cs-", 15)):
        value, _ = values(hove["self"][kind])
        of_kind = OF_EACH[atom] * (1.0 - 2.0 * MASSES[atom] / MASSES.sum()) + drift
        spread = of_kind * hove["lags"][1]
        exact = middles**2 * np.exp(-(middles**2) / (4.0 * spread))
        exact /= 2.0 * np.sqrt(np.pi) * spread**1.5
        inside = exact.sum() * width
        assert (value[1] * middles).sum() / value[1].sum() == pytest.approx(
            (exact * middles).sum() / exact.sum(), rel=0.05
        )
        assert hove["self"][kind]["beyond"][1] == pytest.approx(1.0 - inside, abs=0.05)
    assert len(hove["distinct"]) == 6


def test_the_chapters_are_in_the_report(found):
    headings = ("Structure factors", "Angles between neighbours", "Van Hove functions",
                "Transference numbers and Haven ratio")  # fmt: skip
    for heading in headings:
        assert heading in found[1]
    assert "t of Li+" in found[1] and "Haven ratio" in found[1]
