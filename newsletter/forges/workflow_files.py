"""The files by which a forge's runners review an issue on a pull request, and send it when that is merged."""

import re
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

# What stands bare in YAML, in a shell's quotes and in a pattern of paths.
_PLAIN = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._/-]*")


class Forge(StrEnum):
    """What a repository is kept on, as far as its runners and its comments go."""

    GITHUB = "github"
    GITLAB = "gitlab"
    FORGEJO = "forgejo"


_PLACES: Mapping[Forge, Mapping[str, str]] = MappingProxyType(
    {
        Forge.GITHUB: {
            "newsletter-review.yml": ".github/workflows/newsletter-review.yml",
            "newsletter-send.yml": ".github/workflows/newsletter-send.yml",
        },
        Forge.FORGEJO: {
            "newsletter-review.yml": ".forgejo/workflows/newsletter-review.yml",
            "newsletter-send.yml": ".forgejo/workflows/newsletter-send.yml",
        },
        # Of the second a repository has one alone, which may be there already.
        Forge.GITLAB: {"newsletter.yml": ".gitlab/newsletter.yml", "gitlab-ci.yml": ".gitlab-ci.yml"},
    }
)


def is_plain(name: str) -> bool:
    """Return whether a branch or a folder has a name that the files can have in them as it is."""
    return _PLAIN.fullmatch(name) is not None


def write_workflows(forge: Forge, *, version: str, branch: str, folder: str) -> dict[str, str]:
    """Return the texts of a forge's files, by their paths below the repository's top.

    The runners install `version` of the program, send from `branch`, and work in `folder` of the repository, "." for
    its top. Raises ValueError for a branch or a folder that is not plain.
    """
    for name in (branch, folder):
        if not is_plain(name):
            raise ValueError(name)
    texts = {}
    for name, place in _PLACES[forge].items():
        text = files(__package__).joinpath("workflows", forge, name).read_text(encoding="utf-8")
        for mark, value in (("@VERSION@", version), ("@BRANCH@", branch), ("@FOLDER@", folder)):
            text = text.replace(mark, value)
        texts[place] = text
    return texts
