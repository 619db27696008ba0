"""Spectra of oscillators whose lines are known."""

import numpy as np
import pytest
from scipy.constants import c

from physrep.analysis.motion.velocity import VelocitySums, spectrum
from physrep.figures.structure_plots import spectrum_figure, velocity_figure

ALL, NONE = np.ones(3, bool), np.zeros(3, bool)
PER_PS = 100.0 * c * 1e-12  # 1 cm^-1


def oscillators(n_frames, interval, wavenumbers, rng):
    """positions and velocities (n_frames, n, 3) in A, A/ps; velocities of one size, any phase."""
    omega = 2.0 * np.pi * PER_PS * np.asarray(wavenumbers, dtype=float)[:, None]
    phase = omega * interval * np.arange(n_frames)[:, None, None] + rng.uniform(
        0, 2 * np.pi, (len(wavenumbers), 3)
    )
    return np.sin(phase) / omega, np.cos(phase)


@pytest.mark.parametrize("window", ["hann", "blackman"])
def test_a_line_stands_at_its_wavenumber_with_its_width(window):
    _, velocities = oscillators(6000, 5e-4, [1700.0, 1700.0], np.random.default_rng(0))
    sums = VelocitySums(["O", "O"], np.full(2, 16.0), 5e-4, 2000)
    for frame in velocities:
        sums.add(frame)
    found = sums.result()
    times = found.lags
    expected = np.cos(2 * np.pi * 1700.0 * PER_PS * times)
    np.testing.assert_allclose(found.normalised.value[-1], expected, atol=2e-3)
    line = spectrum(found, window)
    density = line.density.value[-1]
    assert line.wavenumbers[density.argmax()] == pytest.approx(1700.0, abs=line.wavenumbers[1])
    assert np.trapezoid(density, line.wavenumbers) == pytest.approx(1.0, abs=1e-6)
    above = line.wavenumbers[density > 0.5 * density.max()]
    assert np.ptp(above) == pytest.approx(line.resolution, abs=2 * line.wavenumbers[1])
    assert line.note == "" and line.kinds == ["O", "all"]


def test_shares_are_those_of_the_kinetic_energy():
    _, velocities = oscillators(4000, 1e-3, [400.0, 3000.0], np.random.default_rng(1))
    sums = VelocitySums(["C", "H"], np.array([12.0, 4.0]), 1e-3, 1000)
    for frame in velocities:
        sums.add(frame)
    line = spectrum(sums.result())
    shares = np.trapezoid(line.density.value, line.wavenumbers, axis=1)
    np.testing.assert_allclose(shares, [0.75, 0.25, 1.0], atol=2e-3)
    assert line.wavenumbers[line.density.value[1].argmax()] == pytest.approx(3000.0, abs=17.0)


def test_velocities_from_wrapped_positions_give_corrected_intensities():
    positions, velocities = oscillators(4000, 1e-3, [500.0, 3200.0], np.random.default_rng(2))
    cell = 8.0 * np.eye(3)
    true, differences = (VelocitySums(["C", "H"], np.full(2, 3.0), 1e-3, 1000) for _ in "ab")
    for x, v in zip(positions, velocities, strict=True):
        true.add(v)
        differences.add_positions(x % 8.0, cell, ALL)
    raw = differences.result()
    lost = np.sinc(3200.0 * PER_PS * 1e-3) ** 2  # 0.97
    assert raw.correlation.value[1, 0] / 9.0 == pytest.approx(0.5 * lost, rel=5e-3)
    assert raw.correlation.value[0, 0] / 9.0 == pytest.approx(0.5, rel=5e-3)
    expected, found = spectrum(true.result()), spectrum(raw)
    shares = np.trapezoid(found.density.value, found.wavenumbers, axis=1)
    np.testing.assert_allclose(shares, [0.5, 0.5, 1.0], atol=2e-3)
    n = len(found.wavenumbers)
    scale = expected.density.value.max()
    assert np.abs(found.density.value - expected.density.value[:, :n]).max() < 0.02 * scale
    assert "differences of positions" in found.note and found.wavenumbers[-1] < 1.0 / 2e-3 / PER_PS


def test_frames_too_far_apart_for_a_stretch_vibration_are_said_so():
    sums = VelocitySums(["H"], np.ones(1), 0.01, 20)
    for v in np.random.default_rng(3).normal(size=(300, 1, 3)):
        sums.add(v)
    line = spectrum(sums.result())
    assert "frames every 10 fs hold vibrations up to 1668 cm^-1" in line.note
    flat = line.density.value[-1] * line.wavenumbers[-1]  # white noise: 1 everywhere
    error = line.density.error[-1] * line.wavenumbers[-1]
    assert (np.abs(flat - 1.0) / error).max() < 5.0 and error.max() < 0.5


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="2 kinds, masses"):
        VelocitySums(["A", "B"], np.ones(1), 1.0, 5)
    sums = VelocitySums(["A"], np.ones(1), 1.0, 5)
    with pytest.raises(ValueError, match=r"shape \(2, 3\), 0 not finite"):
        sums.add(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="1 not finite"):
        sums.add(np.array([[0.0, np.nan, 0.0]]))
    sums.add(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="velocities or positions, not both"):
        sums.add_positions(np.zeros((1, 3)), np.zeros((3, 3)), NONE)
    for _ in range(9):
        sums.add(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="nothing moves"):
        spectrum(sums.result())
    other = VelocitySums(["A"], np.ones(1), 1.0, 5)
    other.add_positions(np.zeros((1, 3)), np.zeros((3, 3)), NONE)
    with pytest.raises(ValueError, match="velocities or positions, not both"):
        other.add(np.zeros((1, 3)))


def test_the_figures_have_units():
    sums = VelocitySums(["A"], np.ones(1), 1e-3, 50)
    for v in np.random.default_rng(4).normal(size=(200, 1, 3)):
        sums.add(v)
    figures = [velocity_figure({"run": sums.result()}, longest=0.02)]
    figures.append(
        spectrum_figure({"run": spectrum(sums.result()), "other": spectrum(sums.result())})
    )
    for figure, unit in zip(figures, ("(ps)", "(cm$^{-1}$)"), strict=True):
        figure.draw_without_rendering()
        assert unit in figure.axes[0].get_xlabel()
    with pytest.raises(ValueError, match="no kind H in run; there are A all"):
        spectrum_figure({"run": spectrum(sums.result())}, "H")
