"""Reports whose figures are made and not drawn, which takes most of the time of a report.

For the later runs of a test whose first run draws the same figures.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from physrep.figures.page import Picture


@contextmanager
def figures_undrawn() -> Iterator[None]:
    """Inside, each picture of a page is empty."""
    with patch.object(Picture, "svg", lambda _: "></svg>"):
        yield
