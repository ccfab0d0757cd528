"""A publication and a draft with links of a test's own, none of which leads beyond loopback."""

import re
from collections.abc import Iterable

from conftest import Publication

from newsletter.issue.draft import Draft, read_draft

HEAD = """\
volume: 2
number: 11
date: 2023-06-14
items:
"""


def write_draft(publication: Publication, addresses: Iterable[str], name: str = "2.11", more: str = "") -> Draft:
    """Write a draft with an item for each address, and return it. Its standing note has no links."""
    links = [f"  - headline: News {n}\n    detail: >-\n      It [is]({a}) so.\n" for n, a in enumerate(addresses, 1)]
    path = publication.draft(name, HEAD.replace("11", name.partition(".")[2]) + "".join(links) + more)
    return read_draft(path)


def silence_note(publication: Publication, about: str = "About it.") -> None:
    """Replace the sample's standing note, which leads to example.org."""
    toml = publication.root / "newsletter.toml"
    text = re.sub(
        r'about = """.*?"""', lambda _: f'about = """{about}"""', toml.read_text(encoding="utf-8"), flags=re.S
    )
    toml.write_text(text, encoding="utf-8")
    publication.environ["NEWSLETTER_LINKS__ALLOW"] = "127.0.0.0/8"
