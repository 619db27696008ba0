"""Links between the pages of the repository, their anchors, and the files that pages mention."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import REPOSITORY

LINK = re.compile(r"\]\((?![a-z]+:)([^)\s#]*)(#[^)\s]*)?\)")
WRITTEN_LATER = {"benchmarks/results/gpu.md"}  # by the kit for GPUs
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
# A file of the repository in code marks: `training/fit.py`, `docs/speed.md`.
ROOMS = "plugin|training|lammps|md_examples|benchmarks|data|docs|tests"
MENTIONED = re.compile(rf"`((?:{ROOMS})/[\w./-]*\.(?:py|md|yaml|ckpt|cpp|h|npz|gz|json|pdb|ean))`")


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        REPOSITORY / line for line in listed.stdout.splitlines() if (REPOSITORY / line).exists()
    ]


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text())


def anchors(path: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and mkdocs make them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", title.lower()).strip() for title in titles)
    return {re.sub(r"[\s-]+", "-", title) for title in plain}


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_and_mentioned_files_exist(page):
    for target, anchor in LINK.findall(prose(page)):
        file = (page.parent / target).resolve() if target else page
        assert file.is_file(), f"{target} is no file"
        if anchor:
            assert anchor[1:] in anchors(file), f"{target}{anchor}: no such heading"
    for mentioned in MENTIONED.findall(prose(page)):
        placeholder = "NAME" in mentioned or "VERB" in mentioned or mentioned in WRITTEN_LATER
        assert placeholder or (REPOSITORY / mentioned).is_file(), mentioned


def _entries(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [entry for part in parts for entry in _entries(part)]


def test_every_page_of_docs_is_in_the_navigation():
    text = (REPOSITORY / "mkdocs.yml").read_text()
    listed = {entry for entry in _entries(yaml.safe_load(text)["nav"]) if entry.endswith(".md")}
    docs = REPOSITORY / "docs"
    have = {str(page.relative_to(docs)) for page in pages() if page.is_relative_to(docs)}
    assert have == {entry for entry in listed if not entry.startswith("repository/")}


def test_readme_is_short():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 150
