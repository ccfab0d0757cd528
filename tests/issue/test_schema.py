"""What the schema allows is what the model takes."""

import json

import yaml
from conftest import ROOT

from newsletter.issue.draft_schema import build_draft_schema
from newsletter.issue.model import Issue


def test_the_schema_names_the_models_fields() -> None:
    schema = json.loads(build_draft_schema())
    assert set(schema["properties"]) == set(Issue.model_fields) - {"path"}
    assert schema["required"] == ["date"]
    assert schema["additionalProperties"] is False
    assert all(
        "description" in field or "$ref" in str(field) for field in schema["$defs"]["Item"]["properties"].values()
    )


def test_the_sample_drafts_name_it() -> None:
    for path in (ROOT / "drafts").glob("*.yaml"):
        assert path.read_text().startswith("# yaml-language-server: $schema=draft.schema.json")
        assert set(yaml.safe_load(path.read_text())) <= set(json.loads(build_draft_schema())["properties"])


def test_the_schema_beside_the_samples_is_the_models() -> None:
    assert (ROOT / "drafts/draft.schema.json").read_text() == build_draft_schema()
