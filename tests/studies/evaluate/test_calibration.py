"""The factor between deviation and error is that of largest likelihood."""

import numpy as np
import pytest
from ase.calculators.calculator import Calculator

from physrep.config import ConfigError
from physrep.figures.calibration_plots import calibration_figure
from physrep.io import Structure
from physrep.studies.evaluate.calibration import calibrate, likeliest_factor

FACTOR = 2.5


class Known(Calculator):
    """Forces that are wrong by normal numbers of a width of FACTOR times the deviation."""

    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms, properties, system_changes):
        super().calculate(atoms, properties, system_changes)
        rng = np.random.default_rng(int(1e6 * atoms.positions[0, 0]))
        widths = rng.uniform(0.01, 1.0, len(atoms))  # of a component
        forces = FACTOR * widths[:, None] * rng.standard_normal((len(atoms), 3))
        self.results = {
            "energy": 3.0 * len(atoms) + FACTOR * 0.2 * rng.standard_normal(),
            "energy_deviation": 0.2,
            "forces": forces,
            "forces_deviation": np.sqrt(3.0) * widths,
        }


def frames(n_frames: int, n_atoms: int = 50, forces: bool = True) -> list[Structure]:
    rng = np.random.default_rng(1)
    return [
        Structure(
            positions=rng.uniform(size=(n_atoms, 3)),
            species=np.ones(n_atoms, dtype=int),
            cell=np.zeros((3, 3)),
            pbc=False,
            energy=0.0,
            forces=np.zeros((n_atoms, 3)) if forces else None,
        )
        for _ in range(n_frames)
    ]


def test_the_factor_of_known_errors_is_found():
    found, compared = calibrate(Known(), frames(200), "known.extxyz")
    assert found.force_factor == pytest.approx(FACTOR, rel=0.02)  # of 10,000 atoms
    assert found.energy_factor == pytest.approx(FACTOR, rel=0.15)  # of 200 frames
    assert 0.6 < found.force_rank_correlation < 1.0
    assert (found.n_structures, found.n_atoms) == (200, 10_000)
    assert found.as_dict()["data"] == "known.extxyz"
    figure = calibration_figure(*compared, found.force_factor)
    x, y = figure.axes[0].lines[1].get_data()  # root mean squares of the bins
    np.testing.assert_allclose(y / x, FACTOR, rtol=0.1)


def test_no_other_factor_is_likelier():
    rng = np.random.default_rng(0)
    deviations = rng.uniform(0.1, 1.0, 100)
    errors = np.abs(rng.standard_normal(100)) * deviations

    def minus_log_likelihood(factor: float) -> float:
        widths = factor * deviations
        return float(np.sum(0.5 * (errors / widths) ** 2 + np.log(widths)))

    best = likeliest_factor(deviations, errors)
    assert all(minus_log_likelihood(best) < minus_log_likelihood(best * f) for f in (0.98, 1.02))


def test_what_cannot_be_calibrated_is_refused():
    class Alone(Known):
        def calculate(self, atoms, properties, system_changes):
            super().calculate(atoms, properties, system_changes)
            del self.results["forces_deviation"]

    class Agreeing(Known):
        def calculate(self, atoms, properties, system_changes):
            super().calculate(atoms, properties, system_changes)
            self.results["forces_deviation"] *= 0.0

    for calculator, data, message in (
        (Alone(), frames(1), "this is one potential"),
        (Agreeing(), frames(1), "agree exactly on all forces"),
        (Known(), frames(2, forces=False), "frames with forces among their labels"),
    ):
        with pytest.raises(ConfigError, match=message):
            calibrate(calculator, data)
