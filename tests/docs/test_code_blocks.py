"""The code blocks of the README, the Start-here pages and the tutorials run as they stand there.

Long runs are shortened by the replacements in SHORTER, each of which must apply.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from docs.code_blocks import Block, blocks
from repository import REPOSITORY

BIN = Path(sys.executable).parent
PAGES = ["README.md"] + sorted(
    str(path.relative_to(REPOSITORY))
    for folder in ("start", "tutorials")
    for path in (REPOSITORY / "docs" / folder).glob("*.md")
)
# Minutes long even when they are shortened.
SLOW = {
    "docs/start/assess.md",
    *(
        f"docs/tutorials/{name}.md"
        for name in (
            "active",
            "bond-scan",
            "boxes",
            "committee",
            "interfaces",
            "molecules",
            "sampling",
            "transfer",
        )
    ),
}
# Page -> replacements in its code blocks.
SHORTER: dict[str, dict[str, str]] = {
    "README.md": {
        "jat_ean.yaml": "jat_ean.yaml run.epochs=1 data.max_train=4",
        "step(2000)": "step(10)",
        "run 2000": "run 10",
    },
    "docs/start/run.md": {"step(2000)": "step(10)", "run           2000": "run 10"},
    "docs/start/fit.md": {
        "gfn2.json\n": "gfn2.json run.epochs=1 data.max_train=4\n",
        "best.ckpt data/ean_gfn2_extra.extxyz.gz": "best.ckpt one.extxyz",
        "physrep evaluate": (
            "ase convert -n 0 data/ean_gfn2_extra.extxyz.gz one.extxyz\nphysrep evaluate"
        ),
    },
    "docs/start/assess.md": {
        "--level quick": "--level quick --survival 0.05 --bonds N-H --scan-reference none",
        "--steps 2000": "--steps 200",
    },
    "docs/tutorials/sampling.md": {
        "300,450 --density 1.15,1.25 --ps 0.2": "450 --ps 0.02 --every-fs 20",
        "--pairs 400 --like 150 --clusters 200 --slabs 10": (
            "--frames 0:2 --singles 2 --pairs 2 --like 2 --clusters 2 --slabs 0"
        ),
        "run.epochs=4": "run.epochs=1 data.max_train=2",
    },
    "docs/tutorials/boxes.md": {
        "--distances 3:12:3": "--distances 4,10",
        "maxIterations=100": "maxIterations=10",
        "step(2000)": "step(20)",
    },
    "docs/tutorials/committee.md": {
        "run.epochs=4": "run.epochs=1 data.max_train=4",
        "--calibrate data/ean_gfn2_extra.extxyz.gz": "--calibrate some.extxyz",
        "physrep committee runs/members/committee.ckpt": (
            "ase convert -n 0:3 data/ean_gfn2_extra.extxyz.gz some.extxyz\n"
            "physrep committee runs/members/committee.ckpt"
        ),
    },
    "docs/tutorials/active.md": {
        "methanol.yaml": "methanol.yaml fit.run.epochs=2 start.ps=0.1 md.ps=0.02 rounds=1"
    },
    "docs/tutorials/transfer.md": {"run.epochs=30": "run.epochs=1 data.max_train=4"},
    "docs/tutorials/molecules.md": {"--suite reliability": "--suite reliability --assembly 1"},
    "docs/tutorials/bond-scan.md": {"-o scan.png": "-o scan.png --distances 1.2 1.9 0.1"},
}
RUNNABLE = ("sh", "python")


def page_parameters() -> list:
    marks = {True: [pytest.mark.slow], False: []}
    return [pytest.param(page, marks=marks[page in SLOW], id=page) for page in PAGES]


def page_blocks(page: str) -> list[Block]:
    return blocks((REPOSITORY / page).read_text())


@pytest.fixture(name="desk")
def _desk(tmp_path) -> Path:
    """A working folder that sees the repository's folders, so that nothing is written there."""
    for name in ("data", "docs", "md_examples", "plugin", "training", "lammps"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    return tmp_path


def run(block: Block, desk: Path) -> None:
    """Write the block to its file, or run it by the shell or by Python; fail with its output."""
    if block.path:
        (desk / block.path).write_text(block.code)
        if block.command:
            run(Block(block.name, "", "", "sh", block.command, False), desk)
        return
    program = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        [*program[block.language], block.code],
        cwd=desk,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,  # certify of 225 atoms, on a busy machine
        check=False,
    )
    assert result.returncode == 0, f"{block.name}:\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("page", page_parameters())
def test_blocks_run_as_they_stand(page, desk):
    unused = set(SHORTER.get(page, {}))
    for block in page_blocks(page):
        if not block.name:
            continue
        code = block.code
        for long, short in SHORTER.get(page, {}).items():
            if long in code:
                code, unused = code.replace(long, short), unused - {long}
        run(block._replace(code=code), desk)
    assert not unused, f"nothing to shorten: {unused}"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_that_can_run_is_run_or_says_why_not(page):
    forgotten = [
        block.code
        for block in page_blocks(page)
        if block.language in RUNNABLE and not block.name and not block.skipped
    ]
    assert not forgotten
