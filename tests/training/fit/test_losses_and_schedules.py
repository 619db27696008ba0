"""Losses against their equations; schedules at the points the thesis names."""

import math

import pytest
import torch
from repository import REPOSITORY
from systems import make_checkpoint

from physrep_training.fit import schedules
from physrep_training.fit.fit_config import load_config
from physrep_training.fit.module import PotentialModule
from physrep_training.objective import losses

CONFIG = REPOSITORY / "training" / "configs" / "jat_ean.yaml"
X = torch.tensor([-2.0, -0.05, 0.0, 0.3, 5.0], dtype=torch.float64)
ZERO = torch.zeros_like(X)


def test_losses_equal_their_equations():
    assert float(losses.mse(X, ZERO)) == pytest.approx(float((X**2).mean()))
    assert float(losses.mae(X, ZERO)) == pytest.approx(float(X.abs().mean()))
    expected = 0.1 * torch.log(torch.cosh(X / 0.1)).mean()
    assert float(losses.log_cosh(X, ZERO, 0.1)) == pytest.approx(float(expected), rel=1e-12)
    delta = 0.2
    parts = torch.where(X.abs() < delta, 0.5 * X**2 / delta, X.abs() - 0.5 * delta)
    assert float(losses.huber(X, ZERO, delta)) == pytest.approx(float(parts.mean()), rel=1e-12)


def test_log_cosh_of_a_large_error_is_finite_and_its_gradient_is_bounded():
    x = torch.tensor([1e4], requires_grad=True)
    loss = losses.log_cosh(x, torch.zeros(1), 0.1)
    loss.backward()
    assert math.isfinite(loss.item())
    assert float(x.grad) == pytest.approx(1.0)


def test_losses_are_named():
    for kind in ("mse", "mae", "huber", "log_cosh"):
        assert float(losses.evaluate_loss(kind, 0.1, X, X)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.0, 5e-4 / 3e-3), (0.45, 1.0), (0.9, 5e-4 / 3e-3), (1.0, 5e-6 / 3e-3)],
)
def test_one_cycle_is_the_thesis(progress, factor):
    """EAN: 5e-4 up to 3e-3 in 45 % of the steps, down in 45 %, linearly to 5e-6 in 10 %."""
    found = schedules.one_cycle(progress, start=5e-4 / 3e-3, end=5e-6 / 3e-3)
    assert found == pytest.approx(factor, rel=1e-9)


def test_one_cycle_is_linear_in_its_parts():
    values = [schedules.one_cycle(p, 0.2, 0.01) for p in (0.1, 0.2, 0.3)]
    assert values[1] == pytest.approx((values[0] + values[2]) / 2)


def test_one_cycle_repeats_in_every_epoch():
    config = load_config(CONFIG, ["schedule={kind: one_cycle, start: 0.2, end: 0.01}"])
    module = PotentialModule(make_checkpoint().potential, config, steps_per_epoch=20)
    rates = [module.rate_factor(step) for step in range(40)]
    assert rates[:20] == rates[20:]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == pytest.approx(1.0)


def test_cosine_warms_up_and_ends():
    assert schedules.cosine(0.05, 0.1, 0.01) == pytest.approx(0.5)
    assert schedules.cosine(0.1, 0.1, 0.01) == pytest.approx(1.0)
    assert schedules.cosine(1.0, 0.1, 0.01) == pytest.approx(0.01)


def test_rate_falls_over_the_time_where_the_time_is_short():
    config = load_config(CONFIG, ["run.epochs=100000", "run.cpu_minutes=10"])
    module = PotentialModule(make_checkpoint().potential, config, steps_per_epoch=20)
    assert module.rate_factor(50) < 0.1  # warming up, by epochs
    module.share_of_time = 1.0
    assert module.rate_factor(50) == pytest.approx(config.schedule.end)
