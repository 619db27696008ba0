"""What export says of a potential without charges for a system of ions."""

from types import SimpleNamespace

import ase.io
import pytest
from ase.build import bulk, molecule
from ean_systems import ean_box

from physrep.cli.export import note_on_charges
from physrep.cli.main import main

UNCHARGED = SimpleNamespace(cutoff=4.8, charged=False)


def test_ions_without_charges_are_named_with_the_cutoff_and_what_to_do():
    note = note_on_charges(UNCHARGED, ean_box())
    assert note.startswith("the topology holds ions (C2H8N+, NO3-) and this potential has no")
    assert "cutoff (4.8 A)" in note and note.endswith("fit with `electrostatics`")
    assert "\n" not in note


def test_nothing_is_said_of_charges_that_are_there_or_not_needed():
    assert note_on_charges(SimpleNamespace(cutoff=4.8, charged=True), ean_box()) == ""
    for atoms in (molecule("CH3OH"), bulk("Al", cubic=True)):
        assert note_on_charges(UNCHARGED, atoms) == ""


@pytest.mark.parametrize("ion", [True, False])
def test_the_command_warns(exports, tmp_path, recwarn, ion):
    atoms = molecule("CH4")
    if ion:  # ammonium
        atoms.symbols[0] = "N"
    ase.io.write(tmp_path / "topology.extxyz", atoms)
    words = ["export", exports.ckpt(), "--topology", tmp_path / "topology.extxyz"]
    assert main([*map(str, words), "-o", str(tmp_path / "a.pt")]) == 0
    said = [str(one.message) for one in recwarn]
    assert [("holds ions (H4N+)" in one) for one in said] == ([True] if ion else [])
