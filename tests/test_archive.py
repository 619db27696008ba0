"""Checksums: a damaged checkpoint or exported file is refused, or gives the same numbers."""

import struct
import zipfile
from pathlib import Path
from random import Random

import pytest
import torch
from ean_systems import SYSTEMS
from exports import Exports

from physrep.archive import damage
from physrep.checkpoint import CheckpointError
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.metadata import ExportError

FOLDER_ATTRIBUTE = 38  # byte of the external attributes in an entry of the list of records


@pytest.fixture(name="file", params=["ckpt", "pt"])
def _file(request, exports: Exports) -> Path:
    return exports.ckpt() if request.param == "ckpt" else exports.pt(None)


def energy_and_forces(path: Path) -> torch.Tensor:
    atoms = SYSTEMS["pair"]()
    atoms.calc = PhysRepCalculator(path)
    energy = torch.tensor([atoms.get_potential_energy()])
    return torch.cat([energy, torch.from_numpy(atoms.get_forces()).flatten()])


def flipped(contents: bytes, place: int, bit: int) -> bytes:
    out = bytearray(contents)
    out[place] ^= 1 << bit
    return bytes(out)


def refusals(whole: Path, copies: list[bytes], folder: Path) -> int:
    """How many copies are refused with one line; the others give the same numbers."""
    expected, refused = energy_and_forces(whole), 0
    for contents in copies:
        copy = folder / f"copy{whole.suffix}"
        copy.write_bytes(contents)
        try:
            found = energy_and_forces(copy)
        except (CheckpointError, ExportError) as error:
            said = str(error)
        else:
            assert torch.equal(found, expected)
            continue
        assert said.startswith(f"{copy}: damaged: ")
        assert "\n" not in said
        refused += 1
    return refused


@pytest.mark.case
def test_one_flipped_bit(file, tmp_path):
    contents, random = file.read_bytes(), Random(0)
    places = [(random.randrange(len(contents)), random.randrange(8)) for _ in range(60)]
    copies = [flipped(contents, *place) for place in places]
    # What is left is padding between records, which nobody reads.
    assert refusals(file, copies, tmp_path) >= 30


def test_one_flipped_bit_of_the_list_of_records(file, tmp_path):
    contents, random = file.read_bytes(), Random(1)
    with zipfile.ZipFile(file) as archive:
        start = archive.start_dir
    places = [(random.randrange(start, len(contents)), random.randrange(8)) for _ in range(24)]
    assert refusals(file, [flipped(contents, *place) for place in places], tmp_path) >= 12


def test_a_record_that_claims_to_be_a_folder(file, tmp_path):
    """PyTorch takes memory as it finds it for the values of such a record."""
    contents = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        entry = archive.start_dir
    copies = []
    while contents[entry : entry + 4] == b"PK\x01\x02":
        copies.append(flipped(contents, entry + FOLDER_ATTRIBUTE, 4))
        entry += 46 + sum(struct.unpack_from("<HHH", contents, entry + 28))
    assert refusals(file, copies[::4], tmp_path) == len(copies[::4])


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_cut_short(file, tmp_path, share):
    contents = file.read_bytes()
    assert refusals(file, [contents[: int(share * len(contents))]], tmp_path) == 1


def test_records_are_named(file, tmp_path):
    """The record that is damaged, metadata included."""
    contents = file.read_bytes()
    for name in ("extra/metadata.json",) if file.suffix == ".pt" else ("data.pkl", "data/6"):
        with zipfile.ZipFile(file) as archive:
            record = next(one for one in archive.namelist() if one.endswith(name))
            place = contents.index(archive.read(record))
        (tmp_path / "copy").write_bytes(flipped(contents, place + 5, 2))
        said = damage(tmp_path / "copy")
        assert name in said and "differs from its checksum; copy the file again" in said


def test_what_is_no_archive_is_not_judged(tmp_path):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    assert damage(tmp_path / "text") == damage(tmp_path / "empty") == ""
    with pytest.raises(OSError, match="absent"):
        damage(tmp_path / "absent")
