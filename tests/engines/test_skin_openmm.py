"""The neighbour list that PythonForce keeps over the steps of a run, against a search in each."""

from types import SimpleNamespace

import openmm
import pytest
import torch
from ean_systems import SYSTEMS
from openmm import unit
from openmm_forces import bare_system
from repository import REPOSITORY

from physrep import ops
from physrep.checkpoint import load_checkpoint
from physrep.engines import state_function
from physrep.engines.export import export_potential
from physrep.engines.openmm import add_potential, topology_from_atoms
from physrep.neighbors import neighbor_list
from physrep.ops import skin_list
from physrep.ops.neighbor_list import PortableNeighborList
from physrep.ops.skin_list import SkinList

PRETRAINED = REPOSITORY / "plugin" / "physrep" / "pretrained" / "ean-jat.ckpt"


def sorted_edges(found, n_atoms: int) -> tuple[torch.Tensor, torch.Tensor]:
    order = torch.argsort(found.edge_index[0] * n_atoms + found.edge_index[1])
    return found.edge_index[:, order], found.vectors[order]


class Compared(SkinList):
    """Raises where it differs from a search; counts its calls."""

    made: "list[Compared]" = []

    def __init__(self, cutoff: float) -> None:
        super().__init__(cutoff)
        self.n_calls = 0
        self.search = self.searching(cutoff)
        self.made.append(self)

    @staticmethod
    def searching(cutoff: float):
        return lambda *structure: neighbor_list(*structure, cutoff)

    def __call__(self, positions, cell, pbc):
        found = super().__call__(positions, cell, pbc)
        edges, vectors = sorted_edges(self.search(positions, cell, pbc), len(positions))
        assert torch.equal(found.edge_index, edges)
        # The compiled search may contract products and sums: the last digit.
        assert float((found.vectors - vectors).abs().max()) < 1e-12
        self.n_calls += 1
        return found


class ComparedWithCompiled(Compared):
    """Against the compiled search, which takes a twentieth of the time."""

    @staticmethod
    def searching(cutoff: float):
        return PortableNeighborList(cutoff).as_form("fused")


@pytest.fixture(name="npt")
def _npt(monkeypatch):
    """(file, legs, Compared) -> runs at 300 K and 1 bar, one Context after another."""
    # A compiled search would be done in each step, and there would be nothing to keep.
    without = SimpleNamespace(available=lambda: False)
    monkeypatch.setattr(skin_list, "ops", without)

    def run(path, legs, compared):
        compared.made.clear()
        monkeypatch.setattr(state_function, "SkinList", compared)
        atoms = SYSTEMS["box"]()
        system = bare_system(atoms)
        add_potential(system, topology_from_atoms(atoms), path)
        barostat = openmm.MonteCarloBarostat(1.0 * unit.bar, 300.0 * unit.kelvin, 5)
        barostat.setRandomNumberSeed(2)
        system.addForce(barostat)
        state, volumes = None, []
        for n_steps in legs:
            integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 5e-4)
            integrator.setRandomNumberSeed(3)
            platform = openmm.Platform.getPlatformByName("Reference")
            context = openmm.Context(system, integrator, platform)
            if state is None:
                context.setPositions(atoms.positions / 10.0)
                context.setVelocitiesToTemperature(300.0, 1)
            else:
                context.setState(state)
            integrator.step(n_steps)
            state = context.getState(positions=True, velocities=True, enforcePeriodicBox=True)
            volumes.append(state.getPeriodicBoxVolume()._value)
            del context, integrator
        (kept,) = compared.made
        return kept, volumes

    return run


def test_npt_with_a_second_context(exports, npt):
    kept, volumes = npt(exports.pt(None), [40, 20], Compared)
    assert kept.n_calls > 60
    assert kept.n_searches < kept.n_calls / 4
    assert volumes[0] != volumes[1]


@pytest.mark.slow
def test_ten_thousand_steps_of_npt_in_three_contexts(tmp_path, npt):
    """Four minutes of one core."""
    ops.require("the search that this compares with")
    path = tmp_path / "ean.pt"
    export_potential(load_checkpoint(PRETRAINED), path, ops="fused")
    kept, volumes = npt(path, [4000, 3000, 3000], ComparedWithCompiled)
    assert kept.n_calls > 10000
    assert kept.n_searches < kept.n_calls / 8
    assert len(set(volumes)) == 3
    print(f"{kept.n_calls} calls, {kept.n_searches} searches, volumes {volumes} nm3")
