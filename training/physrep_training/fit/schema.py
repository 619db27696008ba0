"""All settings of a fit: as JSON schema for editors and as a page."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from physrep.config import StrictModel
from physrep.models import BASELINES, MODELS
from physrep_training.fit.fit_config import FitConfig

UNIT = re.compile(r"^\[([^\]]+)\] ")  # at the start of a description; see StrictModel
TYPE_NAMES = {
    "str": "text",
    "Path": "file",
    "int": "whole number",
    "float": "number",
    "bool": "true, false",
    "dict": "settings",
    "list": "list",
}
LIMITS = {"gt": "> {:g}", "ge": ">= {:g}", "lt": "< {:g}", "le": "<= {:g}"}


def settings_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a config file, with the settings of every model."""
    schema = FitConfig.model_json_schema()
    definitions = schema["$defs"]
    for name in model_names():
        model = MODELS[name][1].model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(model.pop("$defs", {}))
        model["properties"] = {"name": {"const": name}, **model["properties"]}
        model["required"] = ["name", *model.get("required", [])]
        definitions[f"model {name}"] = model
    schema["properties"]["model"] = {
        "description": schema["properties"]["model"]["description"],
        "oneOf": [{"$ref": f"#/$defs/model {name}"} for name in model_names()],
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


class Setting(NamedTuple):
    """One row of the reference page."""

    name: str
    type: str
    default: str
    unit: str
    meaning: str


class Section(NamedTuple):
    """Settings under one key of the config file."""

    key: str  # data.split; empty for the top level
    about: str
    settings: list[Setting]


def sections() -> list[Section]:
    """Every section of a config file in the order of the file, then the models."""
    models = [_section(f"model, with name {name}", MODELS[name][1]) for name in model_names()]
    return [*_sections("", FitConfig), *models]


def model_names() -> list[str]:
    """Our models, then the baselines, in an order that does not depend on when they registered."""
    return [*(name for name in MODELS if name not in BASELINES), *BASELINES]


def _sections(
    key: str, cls: type[StrictModel], purpose: str = "", given: dict[str, Any] | None = None
) -> Iterator[Section]:
    section = _section(key, cls, purpose, given)
    if section.settings:
        yield section
    for name, field in cls.model_fields.items():
        nested = _settings_class(field)
        if nested is not None:
            default = field.default
            defaults = default.model_dump() if isinstance(default, BaseModel) else {}
            path = f"{key}.{name}" if key else name
            yield from _sections(path, nested, field.description or "", defaults)


def _section(
    key: str, cls: type[StrictModel], purpose: str = "", given: dict[str, Any] | None = None
) -> Section:
    """purpose: of the section, where its class serves several; given: defaults of this section."""
    settings = [
        describe(name, field, (given or {}).get(name, field.default))
        for name, field in cls.model_fields.items()
        if _settings_class(field) is None
    ]
    about = _one_line(cls.__doc__ or "")
    if not about.startswith(purpose.rstrip(".")):
        about = f"{purpose} {about}"
    return Section(key, about, settings)


def describe(name: str, field: FieldInfo, default: Any) -> Setting:
    """The row of one setting; its unit and meaning come from its description."""
    description = _one_line(field.description or "")
    unit = UNIT.match(description)
    return Setting(
        name,
        _type_name(field.annotation) + _limits(field.metadata),
        "required" if default is PydanticUndefined else _as_yaml(default),
        unit.group(1) if unit else "",
        UNIT.sub("", description),
    )


def reference_page() -> str:
    """The page of all settings, in Markdown; docs/reference/configuration.md holds it."""
    lines = [
        "# Configuration",
        "",
        "<!-- Written by `physrep schema --markdown`; change the settings classes instead. -->",
        "",
        "All settings of `physrep fit CONFIG [key=value ...]`. A config file is YAML; a setting "
        "`epochs` of the section `run` is `run: {epochs: 20}` in the file and `run.epochs=20` on "
        "the command line. `physrep init` writes a config for your data; `physrep schema -o "
        "physrep.schema.json` writes a JSON schema, with which editors complete and check "
        "settings. Unknown keys are errors.",
        "",
    ]
    for section in sections():
        lines += [f"## {section.key or 'top level'}", "", section.about.replace("``", "`"), ""]
        lines += ["| setting | type | default | unit | meaning |", "|---|---|---|---|---|"]
        lines += [
            f"| `{s.name}` | {s.type} | {s.default} | {s.unit} | {s.meaning} |".replace("``", "`")
            for s in section.settings
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _settings_class(field: FieldInfo) -> type[StrictModel] | None:
    options = (field.annotation, *get_args(field.annotation))
    classes = [o for o in options if isinstance(o, type) and issubclass(o, StrictModel)]
    return classes[0] if classes else None


def _type_name(annotation: Any) -> str:
    """The type as a config file writes it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_type_name(arguments[0])}"
    if hasattr(annotation, "__metadata__"):  # Annotated
        bounds = [bound for info in annotation.__metadata__ for bound in info.metadata]
        return _type_name(arguments[0]) + _limits(bounds)
    if origin is Union or type(None) in arguments:
        return " or ".join(_type_name(a) for a in arguments if a is not type(None))
    return TYPE_NAMES[(origin or annotation).__name__]


def _limits(bounds: Sequence[Any]) -> str:
    limits = [
        text.format(getattr(bound, name))
        for bound in bounds
        for name, text in LIMITS.items()
        if getattr(bound, name, None) is not None
    ]
    return f" ({', '.join(limits)})" if limits else ""


def _as_yaml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
