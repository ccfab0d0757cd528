"""The JSON Schema of a draft, for completion in text editors."""

import json

from newsletter.issue.model import Issue

SCHEMA_NAME = "draft.schema.json"


def build_draft_schema() -> str:
    """Return the schema as text, made from the model, so that both always agree."""
    schema = Issue.model_json_schema()
    schema["properties"].pop("path", None)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
