"""The JSON Schema of a draft, for completion in text editors."""

import json
from functools import cache

from newsletter.issue.model import Issue

SCHEMA_NAME = "draft.schema.json"


def build_draft_schema() -> str:
    """Return the schema as text, made from the model, so that both always agree."""
    schema = Issue.model_json_schema()
    schema["properties"].pop("path", None)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


@cache
def list_draft_keys() -> frozenset[str]:
    """Return every key that a draft or a part of it may have."""
    schema = Issue.model_json_schema()
    models = [schema, *schema.get("$defs", {}).values()]
    return frozenset(key for model in models for key in model.get("properties", {})) - {"path"}
