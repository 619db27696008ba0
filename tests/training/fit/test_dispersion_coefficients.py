"""Weights of the dispersion against the energies of DFT-D3 itself, and in fits."""

import sys

import numpy as np
import pytest
from ase.build import molecule
from ase.units import Bohr, Hartree
from systems import make_checkpoint

from physrep.config import ConfigError
from physrep.io import Structure
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep_training.fit.dispersion_coefficients import d3_weights, set_dispersion
from physrep_training.fit.new_elements import add_elements

WITH_IT = ElectrostaticsConfig(smearing=1.3, dispersion="d3")


def structure(*names: str) -> Structure:
    """Molecules 12 A apart."""
    atoms = molecule(names[0])
    for k, name in enumerate(names[1:], 1):
        other = molecule(name)
        other.positions += [12.0 * k, 0.0, 0.0]
        atoms += other
    return Structure(atoms.positions, atoms.numbers)


def test_two_molecules_attract_each_other_as_in_d3():
    interface = pytest.importorskip("dftd3.interface", reason="DFT-D3 is the reference")
    pair = structure("CH3CH2OH", "NH3")
    weights = d3_weights([pair], [1, 6, 7, 8])
    w = np.array([weights[z] for z in pair.species])
    n = 9  # atoms of ethanol
    between = np.linalg.norm(pair.positions[:n, None] - pair.positions[n:], axis=2)
    ours = -(w[:n, None] * w[n:] / between**6).sum()
    undamped = interface.RationalDampingParam(s6=1.0, s8=0.0, s9=0.0, a1=0.0, a2=0.0)
    model = interface.DispersionModel(pair.species, pair.positions / Bohr)
    energies = model.get_pairwise_dispersion(undamped)["additive pairwise energy"]
    assert ours == pytest.approx(2.0 * energies[:n, n:].sum() * Hartree, rel=0.02)


def test_new_elements_get_theirs_and_the_others_keep_theirs():
    pytest.importorskip("dftd3", reason="DFT-D3 has the coefficients")
    checkpoint = make_checkpoint(electrostatics=WITH_IT)
    before = checkpoint.potential.dispersion.weights.clone()
    wider = add_elements(checkpoint, [16]).potential
    set_dispersion(wider, [structure("CH3SH"), structure("SH2")], [16])
    after = wider.dispersion.weights
    assert after[:-1].tolist() == before.tolist()
    assert 3.0 < float(after[-1]) < 10.0  # sulphur: 60 to 130 Hartree bohr^6, 0.6 eV A^6 each


def test_without_dftd3_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dftd3.interface", None)
    with pytest.raises(ConfigError, match=r'pip install "physrep\[labels\]", or set dispersion to'):
        set_dispersion(make_checkpoint(electrostatics=WITH_IT).potential, [structure("CH4")], [6])


def test_without_dispersion_nothing_is_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "dftd3.interface", None)
    set_dispersion(make_checkpoint().potential, [structure("CH4")], [6])
