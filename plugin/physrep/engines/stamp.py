"""A certificate written into an exported file."""

from pathlib import Path
from typing import Any

from physrep.checkpoint import fingerprint
from physrep.engines.metadata import METADATA_FILE, ExportError, read_exported


def stamp_exported(path: str | Path, certificate: dict[str, Any]) -> None:
    """Replace the file by one with the certificate in its metadata, all else the same.

    The new file is written next to the old one, read back, and only then renamed: whatever happens
    on the way, the old file stays.

    Args:
        certificate: with ``parameters``, the fingerprint of the file's module.

    Raises:
        ExportError: not an exported file, or the new one does not hold the same parameters.
    """
    path = Path(path)
    module, metadata = read_exported(path)
    text = metadata.model_copy(update={"certificate": certificate}).model_dump_json(indent=1)
    partial = path.with_name(path.name + ".partial")
    try:
        module.save(str(partial), _extra_files={METADATA_FILE: text})
        copy, read = read_exported(partial)
        if fingerprint(copy) != fingerprint(module) or read.certificate != certificate:
            raise ExportError(f"{path}: the stamped copy differs; the file is left as it was")
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(path)
