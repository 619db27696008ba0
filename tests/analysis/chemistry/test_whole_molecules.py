"""Molecules that the edges of a cell have cut."""

import numpy as np
import pytest

from physrep.analysis.chemistry.whole_molecules import whole_molecules


def test_molecules_are_made_whole():
    cell, pbc = 10.0 * np.eye(3), np.ones(3, bool)
    positions = np.array([[0.2, 0.0, 0.0], [29.3, 0.0, -10.0], [25.0, 5.0, 5.0]])
    whole = whole_molecules(positions, np.array([[0, 1]]), cell, pbc)
    assert np.linalg.norm(whole[1] - whole[0]) == pytest.approx(0.9)
    centres = np.array([whole[:2].mean(axis=0), whole[2]])
    assert (centres >= 0.0).all() and (centres < 10.0).all()
