"""The README's code blocks run as they stand there (the fit shortened by its own overrides)."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from repository import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
BIN = Path(sys.executable).parent


def block(name: str) -> str:
    """The code block that follows the comment ``<!-- test: name -->``."""
    found = re.search(rf"<!-- test: {name} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block marked {name}"
    return found.group(1)


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory) -> Path:
    """A working folder that sees the repository's folders, so that nothing is written there."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("data", "md_examples", "plugin", "training", "lammps"):
        (folder / name).symlink_to(REPOSITORY / name)
    return folder


def run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr


def shell(text: str, folder: Path, extra: str = "") -> None:
    for line in text.strip().replace("\\\n", " ").splitlines():
        program, *arguments = shlex.split(line + extra, comments=True)
        run([str(BIN / program), *arguments], folder)


@pytest.fixture(name="exported", scope="module")
def _exported(desk) -> Path:
    shell(block("export"), desk)
    return desk / "ean.pt"


def test_fit_block(desk):
    shell(block("fit"), desk, " run.epochs=1 data.max_train=4")
    assert (desk / "runs" / "jat_ean" / "best.ckpt").is_file()


def test_export_block(exported):
    assert exported.stat().st_size > 10_000


def test_openmm_block(exported, desk):
    (desk / "block.py").write_text(block("openmm").replace("step(2000)", "step(10)"))
    run([sys.executable, "block.py"], desk)


def test_lammps_block(exported, desk):
    (desk / "in.block").write_text(block("lammps").replace("run 2000", "run 10"))
    run([str(BIN / "lmp"), "-in", "in.block"], desk)
