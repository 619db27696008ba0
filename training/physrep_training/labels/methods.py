"""Methods by the words of the command line: gfn2, gfn1, pyscf, cp2k, ase:MODULE:CLASS."""

import ast
import difflib
from collections.abc import Sequence
from typing import Any

from physrep.config import ConfigError
from physrep_training.labels.level import LabelMethod

KNOWN = ("gfn2", "gfn1", "pyscf", "cp2k", "ase:MODULE:CLASS")


def method_of(name: str, words: Sequence[str] = ()) -> LabelMethod:
    """A method with its settings.

    Args:
        name: one of KNOWN; words: ``key=value``, settings of the method.

    Raises:
        ConfigError: an unknown method or setting, or a value that is none.
        ModuleNotFoundError: the program of the method is not installed.
    """
    texts = _pairs(words)
    if name.startswith("ase:"):
        from physrep_training.labels.ase_method import AseMethod

        if name.count(":") != 2:
            raise ConfigError(f"--method {name}: give ase:MODULE:CLASS, as ase:tblite.ase:TBLite")
        return AseMethod(name, {key: _literal(text) for key, text in texts.items()})
    if name in ("gfn1", "gfn2"):
        from physrep_training.labels.tblite_method import NAMES, TbliteMethod, TbliteSettings

        return TbliteMethod(NAMES[name], TbliteSettings.parse(dict(texts)))
    if name == "pyscf":
        from physrep_training.labels.pyscf_method import PyscfMethod, PyscfSettings

        return PyscfMethod(PyscfSettings.parse(dict(texts)))
    if name == "cp2k":
        from physrep_training.labels.cp2k_method import Cp2kMethod, Cp2kSettings

        return Cp2kMethod(Cp2kSettings.parse(dict(texts)))
    near = difflib.get_close_matches(name, KNOWN, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ConfigError(f"--method {name}: not known; {hint}known: {', '.join(KNOWN)}")


def _pairs(words: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"{word!r}: give settings of the method as key=value")
        if key in pairs:
            raise ConfigError(f"{key}={value}: {key} is given twice; give it once")
        pairs[key] = value
    return pairs


def _literal(text: str) -> Any:
    """A number, true or false, a list, as Python writes them; else the text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
