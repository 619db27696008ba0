"""A certificate written into an exported file."""

from pathlib import Path
from typing import Any

from physrep.checkpoint import fingerprint
from physrep.engines.metadata import ExportError, read_exported, script_bytes
from physrep.output import replacing


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
    stamped = metadata.model_copy(update={"certificate": certificate})
    with replacing(path) as partial:
        partial.write_bytes(script_bytes(module, stamped))
        copy, read = read_exported(partial)
        if fingerprint(copy) != fingerprint(module) or read.certificate != certificate:
            raise ExportError(f"{path}: the stamped copy differs; the file is left as it was")
