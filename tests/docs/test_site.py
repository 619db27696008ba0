"""The site builds without a warning, and its pages fetch nothing from other hosts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repository import REPOSITORY

# What a browser loads when it opens a page, unlike the links that a reader may follow.
LOADED = re.compile(
    r"<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=\"?([^\"\s>]+)", re.DOTALL
)
LINKED_ONLY = re.compile(r"<link[^>]*rel=\"?(?:canonical|prev|next|alternate)")
IN_STYLES = re.compile(r"url\(\"?(?:https?:)?//|@import \"?(?:https?:)?//")


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert not result.stdout + result.stderr
    return folder


def test_pages_fetch_nothing_from_other_hosts(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text()
        for tag in re.findall(r"<(?:script|img|link|iframe|source)\b[^>]*>", text):
            fetched = [] if LINKED_ONLY.match(tag) else LOADED.findall(tag)
            assert not [one for one in fetched if re.match(r"(https?:)?//", one)], page
    for style in sorted(site.rglob("*.css")):
        assert not IN_STYLES.search(style.read_text()), style


def test_certificates_and_pictures_are_in_the_site(site):
    for file in (
        "certificates/ean-jat-short/report.html",
        "repository/benchmarks/results/speed.png",
    ):
        assert (site / file).is_file()
