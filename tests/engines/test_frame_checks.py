"""Frames without an energy, as ASE hands them over."""

import numpy as np
import pytest
from ean_systems import SYSTEMS

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.frame_checks import FrameError


@pytest.mark.case
@pytest.mark.parametrize("periods", [0, 1])
def test_two_atoms_at_one_place_are_named(exports, periods):
    atoms = SYSTEMS["box"]()
    atoms.calc = PhysRepCalculator(exports.pt(None))
    atoms.positions[40] = atoms.positions[7] + periods * atoms.cell[1]
    words = f"atoms 7 .{atoms.symbols[7]}. and 40 .{atoms.symbols[40]}., .* are at the same place"
    with pytest.raises(FrameError, match=words):
        atoms.get_potential_energy()


@pytest.mark.case
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_that_are_no_numbers_are_named(exports, value):
    atoms = SYSTEMS["pair"]()
    atoms.calc = PhysRepCalculator(exports.pt(None))
    atoms.positions[3, 1] = value
    with pytest.raises(FrameError, match=rf"NaN or infinity: 1 of .* atom 3 \({atoms.symbols[3]},"):
        atoms.get_forces()
