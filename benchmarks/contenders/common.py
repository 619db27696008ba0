"""What the contenders share."""

import os


def use_threads() -> None:
    """As many torch threads as the process has cores; random weights are the same every time."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)


def calculated_by(calculator, atoms):
    """A step through an ASE calculator, which builds its own neighbour list."""
    atoms = atoms.copy()
    atoms.calc = calculator

    def step(positions):
        atoms.positions = positions
        return atoms.get_potential_energy(), atoms.get_forces()

    return step
