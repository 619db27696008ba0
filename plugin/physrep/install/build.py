"""``physrep build``: compile the native part against the torch and LAMMPS of this environment."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from physrep.library import DIRECTORY

PACKAGE = Path(__file__).resolve().parents[1]


def source_directories() -> tuple[Path, Path]:
    """Where the native project and the pair style lie: in the wheel, or in a checkout."""
    if (PACKAGE / "native").is_dir():
        return PACKAGE / "native", PACKAGE / "native" / "lammps"
    return PACKAGE.parent / "native", PACKAGE.parents[1] / "lammps"


def build(output: Path = DIRECTORY, cuda: bool = False, folder: Path | None = None) -> None:
    """Configure, compile, install into ``output``.

    Args:
        cuda: compile the operators for GPUs too. folder: where objects are kept for the next
            build; None for a temporary one.
    Raises:
        RuntimeError: no CMake; a step of the build failed.
    """
    native, pair_style = source_directories()
    cmake = shutil.which("cmake", path=str(Path(sys.executable).parent)) or shutil.which("cmake")
    if cmake is None:
        raise RuntimeError("CMake was not found: pip install cmake ninja")
    with tempfile.TemporaryDirectory() as temporary:
        objects = folder or Path(temporary)
        configure = ["-S", native, "-B", objects, f"-DPHYSREP_LAMMPS_DIR={pair_style}"]
        configure += [
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-DPHYSREP_CUDA={'ON' if cuda else 'OFF'}",
        ]
        for step in (
            configure,
            ["--build", objects, "--parallel"],
            ["--install", objects, "--prefix", output],
        ):
            done = subprocess.run([cmake, *map(str, step)], check=False)
            if done.returncode:
                raise RuntimeError(f"cmake {step[0]} failed; its output is above")


if __name__ == "__main__":
    build(cuda="--cuda" in sys.argv[1:])
