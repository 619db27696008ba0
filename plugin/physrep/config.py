"""Typed settings: unknown keys, wrong types and impossible values are explained errors."""

import difflib
import warnings
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from physrep.errors import UserError


class ConfigError(UserError):
    """A setting that physrep cannot use; the message names it and says what to do."""


class RenamedSettingWarning(FutureWarning):
    """A setting was given under an earlier name, which is still read."""


class StrictModel(BaseModel):
    """Base of every settings class: no unknown keys, no silent type changes, no later edits.

    The string below a setting describes it, in the reference page and in the JSON schema. Where it
    has a unit, the string begins with it: ``[eV/A]``; ``[1]`` for a plain ratio.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True
    )
    renamed: ClassVar[dict[str, str]] = {}  # earlier name -> name

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_names(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not cls.renamed.keys() & values.keys():
            return values
        for old in cls.renamed.keys() & values.keys():
            new = cls.renamed[old]
            if new in values:
                raise ValueError(f"'{old}' is the earlier name of '{new}'; give '{new}' alone")
            warnings.warn(
                f"the setting '{old}' is called '{new}' now; please rename it",
                RenamedSettingWarning,
                stacklevel=2,
            )
        return {cls.renamed.get(key, key): value for key, value in values.items()}

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Check ``values`` and return the settings.

        Raises:
            ConfigError: naming each wrong key with the value received and the nearest known key.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [_explain(cls, problem) for problem in error.errors()]
            raise ConfigError("; ".join(lines)) from None


def _explain(cls: type[BaseModel], problem: Any) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = sorted(_fields_at(cls, problem["loc"][:-1]))
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
        return f"unknown key '{path}': {advice}"
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(problem["input"], dict):  # several settings together; the message has the values
        return f"{path}: {message}" if path else message
    return f"{path or cls.__name__} = {problem['input']!r}: {message}"


def _fields_at(cls: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    """Known keys of the settings class found by walking ``location`` down from ``cls``."""
    for part in location:
        field = cls.model_fields.get(str(part))
        if field is None:
            continue
        annotation = field.annotation
        options = getattr(annotation, "__args__", None) or (annotation,)
        nested = [t for t in options if isinstance(t, type) and issubclass(t, BaseModel)]
        if nested:
            cls = nested[0]
    return set(cls.model_fields)
