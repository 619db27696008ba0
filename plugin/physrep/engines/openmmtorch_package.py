"""The package openmmtorch: imported so that it works, or explained."""

import logging
from contextlib import suppress
from functools import cache
from types import ModuleType

import torch

OPENMMTORCH_TORCH = "2.9."  # what the openmmtorch 1.5 wheel was built against


@cache
def import_openmmtorch() -> ModuleType:
    """The openmmtorch package, working whichever of openmm and torch was imported first.

    Raises:
        ImportError: it or what it needs does not load; says what to install.
    """
    if not torch.__version__.startswith(OPENMMTORCH_TORCH):  # it would fail in the first force
        raise ImportError(
            f"OpenMM's TorchForce works with torch {OPENMMTORCH_TORCH}* and torch "
            f"{torch.__version__} is installed: use physrep.engines.openmm.python_force, or "
            "pip install 'physrep[openmmtorch]' in an environment for that torch"
        )
    root = logging.getLogger()
    root.addFilter(_is_no_simtk_notice)
    try:
        import openmmtorch  # after torch, whose libraries it needs

        _load_missing_plugins()
    except ImportError as error:
        raise ImportError(
            f"OpenMM's TorchForce does not load ({error}): pip install 'physrep[openmmtorch]' (see "
            "'physrep doctor'), or use physrep.engines.openmm.python_force"
        ) from None
    finally:
        root.removeFilter(_is_no_simtk_notice)
    return openmmtorch


def _load_missing_plugins() -> None:
    """Load openmmtorch's kernels where ``import openmm`` came before torch and could not."""
    from openmm import OpenMMException, Platform

    for failure in Platform.getPluginLoadFailures():
        if "OpenMMTorch" in failure:
            library = failure.removeprefix("Error loading library ").partition(": ")[0]
            with suppress(OpenMMException):  # a platform that is not here (OpenCL, CUDA)
                Platform.loadPluginLibrary(library)


def _is_no_simtk_notice(record: logging.LogRecord) -> bool:
    """openmmtorch 1.5 imports OpenMM by its old name, and OpenMM tells the user to stop that."""
    return "importing 'simtk.openmm' is deprecated" not in record.getMessage()
