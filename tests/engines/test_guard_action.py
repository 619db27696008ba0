"""Frames in which the guard acts are named, from a checkpoint and from its export."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from systems import compute, make_checkpoint

from physrep.checkpoint import save_checkpoint
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.engines.guard_action import guard_limits, guarded_pairs
from physrep.io import Structure
from physrep.studies.evaluate.label_errors import evaluate


@pytest.fixture(scope="module", name="calculators")
def _calculators(tmp_path_factory) -> list[PhysRepCalculator]:
    """Of one potential with a shortest distance of 1.2 A: the guard starts at 1.08 A."""
    folder = tmp_path_factory.mktemp("guarded")
    checkpoint = make_checkpoint("jat-gated-sum")
    checkpoint.potential.shortest_distances.fill_(1.2)
    save_checkpoint(checkpoint, folder / "one.ckpt")
    export_potential(checkpoint, folder / "one.pt", None, "float64")
    return [PhysRepCalculator(folder / name, "cpu") for name in ("one.ckpt", "one.pt")]


def frame(distance: float) -> Atoms:
    """O and H across the boundary of a cell, and a carbon atom away from both."""
    positions = [[0.5, 2, 2], [8.5 - distance, 2, 2], [4, 6, 6]]
    return Atoms("OHC", positions=positions, cell=[8, 8, 8], pbc=True)


@pytest.mark.parametrize("k", [0, 1], ids=["ckpt", "pt"])
def test_the_pair_the_distance_and_the_limit(calculators, k):
    assert guarded_pairs(calculators[k], frame(1.081)) == []
    (pair,) = guarded_pairs(calculators[k], frame(1.05))
    assert pair.atoms == [0, 1] and pair.elements == "O-H"
    assert pair.distance == pytest.approx(1.05) and pair.limit == pytest.approx(1.08)
    assert pair.line() == ("atoms 0 and 1 (O-H), 1.050 A apart; the guard acts below 1.080 A")


def test_it_is_reported_where_energies_change(calculators):
    """Where no pair is named, the potential is the one without a guard."""
    plain = make_checkpoint("jat-gated-sum").potential
    for distance in (1.0, 1.07, 1.09, 1.3):
        atoms = frame(distance)
        found = calculators[0].get_potential_energy(atoms)
        changed = abs(found - compute(plain, atoms).energy.item()) > 1e-9
        assert changed == bool(guarded_pairs(calculators[0], atoms))


def test_other_calculators_have_no_guard():
    assert guard_limits(EMT()) is None
    assert guarded_pairs(EMT(), frame(0.5)) == []


@pytest.mark.case
def test_evaluate_counts_and_names_the_frames(calculators):
    frames = [frame(1.3), frame(1.05), frame(1.0)]
    structures = [
        Structure(
            one.positions, one.numbers, one.cell.array, True, forces=np.zeros((3, 3)), frame=k
        )
        for k, one in enumerate(frames)
    ]
    errors = evaluate(calculators[0], structures)
    assert errors.n_guarded == 2
    assert [named["frame"] for named in errors.guarded] == [1, 2]
    assert json.loads(errors.to_json())["guarded"][0]["atoms"] == [0, 1]
    table = errors.table().splitlines()
    assert table[-3].split() == ["n_guarded", "2"]
    assert table[-2] == (
        "memory, frame 1: atoms 0 and 1 (O-H), 1.050 A apart; the guard acts below 1.080 A"
    )
