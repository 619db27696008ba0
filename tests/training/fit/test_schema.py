"""Every setting is described, with its unit; reference page and JSON schema are complete."""

import json

from repository import REPOSITORY

from physrep.cli.main import main
from physrep.models import MODELS
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.schema import reference_page, sections, settings_schema


def test_every_setting_has_a_meaning_and_every_number_a_unit():
    for section in sections():
        assert section.about
        for setting in section.settings:
            name = f"{section.key}.{setting.name}"
            assert setting.meaning.endswith("."), name
            if setting.type.startswith("number"):
                assert setting.unit, f"{name} has no unit; [1] for a ratio"


def test_the_reference_page_is_current(capsys):
    page = REPOSITORY / "docs" / "reference" / "configuration.md"
    advice = "run physrep schema --markdown -o docs/reference/configuration.md"
    assert page.read_text() == reference_page(), advice
    assert main(["schema", "--markdown"]) == 0
    assert capsys.readouterr().out == reference_page()
    for line in page.read_text().splitlines():
        assert not line.startswith("|") or line.count("|") == 6, line


def references(value) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_the_schema_knows_every_setting_of_every_model(tmp_path):
    assert main(["schema", "-o", str(tmp_path / "schema.json")]) == 0
    schema = json.loads((tmp_path / "schema.json").read_text())
    assert schema == settings_schema()
    assert list(schema["properties"]) == list(FitConfig.model_fields)
    assert schema["required"] == ["name", "model", "data"]
    for name, (_, settings_class) in MODELS.items():
        model = schema["$defs"][f"model {name}"]
        assert list(model["properties"]) == ["name", *settings_class.model_fields]
        assert model["properties"]["name"] == {"const": name}
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    run = schema["$defs"]["RunConfig"]
    assert run["additionalProperties"] is False
    assert run["properties"]["epochs"]["exclusiveMinimum"] == 0
    assert run["properties"]["epochs"]["description"].startswith("[epochs] ")
