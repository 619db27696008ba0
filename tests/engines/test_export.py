"""Export: what is written, what is verified, what is refused, and that nothing is left behind."""

import copy
import json

import ase.io
import numpy as np
import pytest
import torch
from ean_systems import SYSTEMS
from openmm import app
from repository import REPOSITORY
from systems import liquid, make_checkpoint, molecule

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.engines import export as export_module
from physrep.engines.bound_topology import read_topology
from physrep.engines.export import export_potential
from physrep.engines.metadata import METADATA_FILE, ExportError, read_exported, read_metadata


def rewrite_metadata(source, target, text):
    torch.jit.load(str(source)).save(str(target), _extra_files={METADATA_FILE: text})


def test_metadata_says_what_the_file_is(exports):
    _, metadata = read_exported(exports.pt("box", "float32"))
    assert metadata.species == ["C", "H", "N", "O"]
    assert metadata.dtype == "float32"
    assert metadata.topology.n_atoms == 225
    assert metadata.topology.periodic
    assert metadata.topology_fingerprint == metadata.topology.fingerprint
    assert metadata.reference_energies == {"C": -48.0, "H": -10.0, "N": -70.0, "O": -100.0}
    assert metadata.verdict == "none (not certified)"
    _, other = read_exported(exports.pt("pair"))
    assert other.topology_fingerprint != metadata.topology_fingerprint


def test_export_leaves_the_checkpoint_as_it_was(exports, tmp_path):
    checkpoint = exports.checkpoint("float64")
    before = copy.deepcopy(checkpoint.potential.state_dict())
    export_potential(checkpoint, tmp_path / "a.pt", None, "float32")
    after = checkpoint.potential.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert checkpoint.potential.dtype == torch.float64
    assert any(p.requires_grad for p in checkpoint.potential.parameters())


def test_a_file_that_differs_is_an_error_and_is_not_left_behind(exports, tmp_path, monkeypatch):
    honest = export_module.script

    def wrong(potential, topology, charge):
        potential = copy.deepcopy(potential)
        potential.scale *= 1.001
        return honest(potential, topology, charge)

    monkeypatch.setattr(export_module, "script", wrong)
    target = tmp_path / "ean.pt"
    target.write_text("the file of yesterday")
    with pytest.raises(ExportError, match=r"differs from the potential by .*force.*nothing was"):
        export_potential(exports.checkpoint(), target, SYSTEMS["pair"](), "float64")
    assert [path.name for path in tmp_path.iterdir()] == ["ean.pt"]
    assert target.read_text() == "the file of yesterday"


def test_a_wrong_openmm_entry_is_found_too(exports, tmp_path, monkeypatch):
    monkeypatch.setattr("physrep.engines.exported.NM_IN_ANGSTROM", 10.01)
    with pytest.raises(ExportError, match="OpenMM energy per atom"):
        export_potential(exports.checkpoint(), tmp_path / "a.pt", SYSTEMS["pair"](), "float64")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(exports, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(export_module, "verify", fail)
    with pytest.raises(KeyboardInterrupt):
        export_potential(exports.checkpoint(), tmp_path / "a.pt")
    assert list(tmp_path.iterdir()) == []


def test_refuses_an_unknown_element_and_dtype(exports, tmp_path):
    atoms = SYSTEMS["pair"]()
    atoms.numbers[0] = 17
    with pytest.raises(ExportError, match="topology: element Cl is unknown"):
        export_potential(exports.checkpoint(), tmp_path / "a.pt", atoms)
    with pytest.raises(ExportError, match="dtype = 'float16': choose float32 or float64"):
        export_potential(exports.checkpoint(), tmp_path / "a.pt", dtype="float16")
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_topology_in_other_units(exports, tmp_path):
    checkpoint = exports.checkpoint()
    checkpoint.potential.shortest_distances.fill_(0.9)
    atoms = SYSTEMS["pair"]()
    atoms.positions /= 10.0
    with pytest.raises(
        ExportError, match=r"^topology: atoms \d+ \(\w\) and .* A apart, far nearer"
    ):
        export_potential(checkpoint, tmp_path / "a.pt", atoms)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_periodic_topology_for_a_model_of_whole_molecules(tmp_path):
    with pytest.raises(ExportError, match=r"topology: pbc = .*fit a local model"):
        export_potential(make_checkpoint("physrep-cls"), tmp_path / "a.pt", liquid())
    assert not list(tmp_path.iterdir())
    export_potential(make_checkpoint("physrep-cls"), tmp_path / "a.pt", molecule())


def test_refuses_partly_periodic_topologies(exports, tmp_path):
    atoms = SYSTEMS["box"]()
    atoms.pbc = [True, True, False]
    with pytest.raises(ExportError, match="periodic in all directions or in none"):
        export_potential(exports.checkpoint(), tmp_path / "a.pt", atoms)


@pytest.mark.parametrize("suffix", ["pdb", "extxyz", "gro"])
def test_topologies_of_several_formats_have_the_same_fingerprint(exports, tmp_path, suffix):
    atoms = SYSTEMS["box"]()
    path = tmp_path / f"ean.{suffix}"
    ase.io.write(path, atoms)
    topology = read_topology(path)
    assert topology.get_chemical_symbols() == atoms.get_chemical_symbols()
    assert topology.pbc.all()


def test_the_example_structure_has_the_atoms_of_the_data_and_its_bonds():
    path = REPOSITORY / "md_examples" / "ean.pdb"
    topology, expected = read_topology(path), SYSTEMS["box"]()
    assert topology.get_chemical_symbols() == expected.get_chemical_symbols()
    assert abs(topology.cell.array - expected.cell.array).max() < 1e-9
    bonds = app.PDBFile(str(path)).topology.bonds()
    written = sorted(sorted((bond[0].index, bond[1].index)) for bond in bonds)
    found = find_bonds(
        topology.positions, topology.numbers, topology.cell.array, np.zeros(3, bool)
    )  # ions are whole: no bond across the cell
    assert written == found.pairs.tolist()


def test_refuses_files_that_are_no_topology(tmp_path):
    with pytest.raises(ExportError, match="no such file"):
        read_topology(tmp_path / "no.pdb")
    text = tmp_path / "text.xyz"
    text.write_text("hello\n")
    with pytest.raises(ExportError, match="not a structure that ASE can read"):
        read_topology(text)


@pytest.mark.parametrize(
    ("version", "message"),
    [(99, r"format 99 is newer than this physrep reads \(6\)"), (1, "older physrep.*export")],
)
def test_refuses_another_format(exports, tmp_path, version, message):
    _, metadata = read_exported(exports.pt(None))
    values = {**metadata.model_dump(), "format_version": version}
    rewrite_metadata(exports.pt(None), tmp_path / "other.pt", json.dumps(values))
    with pytest.raises(ExportError, match=message):
        read_exported(tmp_path / "other.pt")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format_version": 2}'])
def test_refuses_damaged_metadata(exports, tmp_path, text):
    rewrite_metadata(exports.pt(None), tmp_path / "bad.pt", text)
    with pytest.raises(ExportError, match="damaged metadata"):
        read_exported(tmp_path / "bad.pt")


def test_the_pieces_are_exported(exports):
    module, _ = read_exported(exports.pt(None))
    for name in ("edges", "embed", "step", "readout", "atomic_energies", "forward"):
        assert hasattr(module, name)


def test_metadata_are_read_without_the_module(exports, tmp_path, monkeypatch):
    expected = read_exported(exports.pt("box"))[1]
    monkeypatch.setattr("physrep.engines.metadata.load_script", None)
    assert read_metadata(exports.pt("box")) == expected
    for contents in (b"hello", exports.ckpt().read_bytes()):
        (tmp_path / "other.pt").write_bytes(contents)
        with pytest.raises(ExportError, match="not an exported potential"):
            read_metadata(tmp_path / "other.pt")
