"""Damage in a checkpoint or an exported file, found by checksums before PyTorch reads it.

Both kinds of file are zip archives. PyTorch writes a CRC-32 for each record of an archive and
compares none of them when it loads: a flipped bit gives other energies without a word.
"""

import io
import zipfile
from pathlib import Path

ADVICE = "copy the file again from where it is whole"
FIRST_BYTES = b"PK"
# What PyTorch writes, of what a directory of records may say: see the ZIP file format, 4.4.
FLAGS = 0x808  # sizes follow the data; names in UTF-8
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LIST_UNREADABLE = f"damaged: its list of records cannot be read; {ADVICE}"
TORCH_READER = "failed reading zip archive"  # in PyTorch's messages
IS_FOLDER = 0x10  # of the external attributes; PyTorch then reads no data


def is_archive(path: str | Path) -> bool:
    """Whether a file begins as checkpoints and exported files do.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        return file.read(len(FIRST_BYTES)) == FIRST_BYTES


def is_torchscript(path: str | Path) -> bool:
    """Whether the file is a TorchScript archive, as exported files are; not where the archive is
    damaged so that its records cannot be listed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except Exception:  # of a foreign file or a damaged list, which `damage` explains
        return False


def read_record(path: str | Path, name: str) -> bytes:
    """A record of an archive that is whole, by the end of its name; empty where there is none.

    Raises:
        OSError: the file cannot be read. BadZipFile: no archive.
    """
    with zipfile.ZipFile(path) as archive:
        found = next((one for one in archive.namelist() if one.endswith(f"/{name}")), None)
        return b"" if found is None else archive.read(found)


def damage(path: str | Path) -> str:
    """What is wrong with the archive and what to do, in words; empty where all of it is as it was
    written, and where the file is no archive at all.

    Raises:
        OSError: the file cannot be read.
    """
    contents = Path(path).read_bytes()
    if not contents.startswith(FIRST_BYTES) and not zipfile.is_zipfile(io.BytesIO(contents)):
        return ""
    found = LIST_UNREADABLE
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            for record in archive.infolist():
                found = f"damaged: record {record.filename!r} differs from its checksum; {ADVICE}"
                _compare(archive, record)
    except Exception:  # a wrong byte of a header has many consequences: bad names, sizes, methods
        return found
    return ""


def damage_that_torch_finds(error: Exception) -> str:
    """As :func:`damage`, of an error of PyTorch on loading: it reads more of the list."""
    return LIST_UNREADABLE if TORCH_READER in str(error) else ""


def _compare(archive: zipfile.ZipFile, record: zipfile.ZipInfo) -> None:
    """Raise BadZipFile where a record is not what was written; zipfile compares names, CRC-32."""
    data = archive.read(record)
    usual = (
        record.compress_type in METHODS
        and not record.flag_bits & ~FLAGS
        and not record.external_attr & IS_FOLDER
        and record.volume == 0
        and not record.comment
    )
    stored = record.compress_type == zipfile.ZIP_STORED
    sizes = (record.file_size, record.compress_size if stored else len(data))
    if not usual or sizes != (len(data), len(data)):
        raise zipfile.BadZipFile("a header differs from all that PyTorch writes")
