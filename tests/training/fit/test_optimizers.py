"""Our batched Muon takes torch's steps; the pair of optimizers saves and restores its state."""

import copy

import pytest
import torch
from torch import nn

from physrep_training.fit.fit_config import OptimizerConfig
from physrep_training.fit.optimizers import Muon, make_optimizer, orthogonalise


def test_orthogonalised_singular_values_are_near_one():
    torch.manual_seed(0)
    for shape in ((3, 20, 8), (2, 8, 20)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape, dtype=torch.float64)))
        assert float(values.min()) > 0.5 and float(values.max()) < 1.3  # Jordan's coefficients


def test_steps_are_those_of_torch():
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(12, 8)), nn.Parameter(torch.randn(12, 8))]
    theirs = copy.deepcopy(ours)
    a = Muon(ours, lr=0.02, weight_decay=0.1)
    b = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1)
    for step in range(5):
        torch.manual_seed(step)
        for x, y in zip(ours, theirs, strict=True):
            x.grad = torch.randn(12, 8)
            y.grad = x.grad.clone()
        a.step()
        b.step()
    for x, y in zip(ours, theirs, strict=True):
        # torch orthogonalises in bfloat16 (3 digits): 5 steps of size 0.02 * sqrt(12 / 8)
        assert float((x - y).detach().abs().max()) < 5 * 0.025 * 0.02


def test_yogi_takes_the_steps_of_its_paper():
    """Zaheer et al., NeurIPS 2018, algorithm 2, with Adam's correction of the start's bias."""
    parameter = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    model = nn.ParameterList([parameter])
    settings = OptimizerConfig(kind="yogi", lr=0.01, weight_decay=0.0)
    optimizer = make_optimizer(model, settings)
    expected, m, v = parameter.detach().clone(), 0.0, 1e-6
    for step, gradient in enumerate(torch.tensor([[0.5, -1.0], [2.0, 0.1], [-0.3, 0.0]]), start=1):
        parameter.grad = gradient.double()
        optimizer.step()
        square = parameter.grad**2
        m = 0.9 * m + 0.1 * parameter.grad
        v = v - 0.001 * torch.sign(v - square) * square
        corrected = torch.sqrt(v) / (1 - 0.999**step) ** 0.5 + 1e-3
        expected -= 0.01 * m / (1 - 0.9**step) / corrected
    assert torch.allclose(parameter.detach(), expected, atol=2e-3 * 0.01)


@pytest.mark.parametrize("kind", ["muon", "adamw", "adam", "yogi"])
def test_restored_state_takes_the_same_steps(kind):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 12), nn.Tanh(), nn.Linear(12, 1))
    settings = OptimizerConfig(kind=kind, lr=1e-2)
    data = torch.randn(16, 10)

    def advance(net, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            net(data).square().mean().backward()
            optimizer.step()

    optimizer = make_optimizer(model, settings)
    advance(model, optimizer, 3)
    other = copy.deepcopy(model)
    restored = make_optimizer(other, settings)
    restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    advance(model, optimizer, 3)
    advance(other, restored, 3)
    for x, y in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(x, y)


def test_schedule_reaches_both_parts():
    model = nn.Sequential(nn.Linear(10, 12), nn.Linear(12, 1))
    optimizer = make_optimizer(model, OptimizerConfig(kind="muon", lr=1e-2))
    peaks = [group["lr"] for group in optimizer.param_groups]
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5 * p for p in peaks]
    assert [part.param_groups[0]["lr"] for part in optimizer.parts] == [0.5 * p for p in peaks]
