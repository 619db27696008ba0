"""Figures as files, whole or not at all."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from physrep.output import write_file


def save_figure(figure: Figure, path: Path, dpi: float | None = None) -> None:
    """In the format of the file's ending.

    Raises:
        OutputError: it cannot be written.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format=path.suffix.removeprefix("."), dpi=dpi or "figure")
    write_file(path, stream.getvalue())
