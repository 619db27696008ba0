"""Calculators of ASE by the name of their class."""

import importlib
from typing import Any

from ase.calculators.calculator import Calculator

from physrep.config import ConfigError

ASE_PREFIX = "ase:"


def named_calculator(model: str, **settings: Any) -> Calculator:
    """A calculator from ``ase:MODULE:CLASS``, as ``ase:tblite.ase:TBLite``.

    Args:
        settings: arguments of the class; by default it is made without.

    Raises:
        ConfigError: no such module or class, or it does not take these arguments.
    """
    module_name, _, class_name = model.removeprefix(ASE_PREFIX).partition(":")
    try:
        made: Any = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"model = {model!r}: {error}; give ase:MODULE:CLASS, e.g. ase:ase.calculators.lj:"
            "LennardJones"
        ) from None
    try:
        return made(**settings)
    except (TypeError, ValueError) as error:
        given = " ".join(f"{name}={value}" for name, value in settings.items()) or "no arguments"
        raise ConfigError(
            f"model = {model!r} with {given}: {error}; give the arguments that it takes"
        ) from None
