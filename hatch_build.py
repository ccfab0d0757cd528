"""Adds the sample publication's single files to the wheel, beside its drafts.

`sources` in pyproject.toml moves folders only, and a static `force-include` would leave a copy
that goes stale in an editable install; a hook can tell the two apart.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SampleFilesHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for name in ("newsletter.toml", "subscribers.example.csv", "words.txt"):
            build_data["force_include"][name] = f"newsletter/sample/{name}"
