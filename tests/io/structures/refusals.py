"""Files that must be refused, and with which message."""

from pathlib import Path

import pytest

from physrep.io import DataError, read_structures


def refusal(path: Path, frame: int | None = None, **options) -> str:
    """The one message with which the file is refused; it names the file and the frame."""
    with pytest.raises(DataError) as caught:
        read_structures(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert caught.value.frame == frame
    assert frame is None or f"frame {frame} " in message
    return message
