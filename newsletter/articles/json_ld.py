"""What a page's JSON-LD says of the article (schema.org's NewsArticle and its like, as search engines want it)."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from newsletter.articles.article import Claims

_LARGEST = 1_000_000
_MOST_NODES = 5000
_ARTICLE = re.compile(
    r"\w*Article|BlogPosting|LiveBlogPosting|SocialMediaPosting|Report|Review|CreativeWork|Book|Chapter"
)
_PAGE = ("WebPage", "ItemPage", "AboutPage", "Webpage")
# Other articles than the page's own.
_ELSEWHERE = (
    "itemListElement",
    "hasPart",
    "comment",
    "mentions",
    "citation",
    "isBasedOn",
    "relatedLink",
    "workExample",
)

Node = Mapping[str, Any]


def read_json_ld(root: Any) -> Claims:
    """Read what all blocks of JSON-LD in a page claim; nothing where there is none that can be read."""
    nodes = list(_iterate_nodes([block for text in _iterate_blocks(root) if (block := _parse(text)) is not None]))
    by_id = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str) and len(node) > 1}
    article = next((node for node in nodes if _has_type(node, _ARTICLE.fullmatch)), None)
    page = next((node for node in nodes if _has_type(node, _PAGE.__contains__)), None)
    told = [node for node in (article, page) if node is not None]
    sites = [node for node in nodes if _has_type(node, ("WebSite", "NewsMediaOrganization").__contains__)]
    part_of = [_resolve(value, by_id) for node in told for value in _as_list(node.get("isPartOf"))]
    publishers = [_resolve(value, by_id) for node in told for value in _as_list(node.get("publisher"))]
    outlets = [_read_name(node) for node in (*publishers, *part_of, *sites)]
    return Claims(
        titles=_keep(
            text for node in told for key in ("headline", "name", "alternativeHeadline") for text in _texts(node, key)
        ),
        outlets=_keep(outlets),
        authors=tuple(_iterate_authors(told, by_id)),
        dates=_keep(
            text
            for key in ("datePublished", "dateCreated", "uploadDate")
            for node in told
            for text in _texts(node, key)
        ),
        addresses=_keep(_iterate_addresses(told)),
        languages=_keep(text for node in told for text in _texts(node, "inLanguage")),
    )


def _iterate_blocks(root: Any) -> Iterator[str]:
    for script in root.iter("script"):
        if "ld+json" in (script.get("type") or "").lower() and script.text and len(script.text) <= _LARGEST:
            yield script.text


def _parse(text: str) -> Any:
    """Return what a block holds, forgiving what browsers forgive: comments around it, and commas before its end."""
    text = re.sub(
        r"\A\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:-->|(?://|/\*)?\s*\]\]>(?:\s*\*/)?)\s*\Z",
        "",
        text,
    )
    for attempt in (text, re.sub(r",(\s*[}\]])", r"\1", text)):
        try:
            return json.loads(attempt.strip().rstrip(";"), strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _iterate_nodes(blocks: Sequence[Any]) -> Iterator[Node]:
    """Yield the objects of all blocks, outer ones first, without those that are about other articles."""
    waiting: deque[Any] = deque(blocks)
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        value = waiting.popleft()
        if isinstance(value, list):
            waiting.extend(value[:500])
        elif isinstance(value, dict):
            yield value
            waiting.extend(
                child for key, child in value.items() if key not in _ELSEWHERE and isinstance(child, dict | list)
            )


def _has_type(node: Node, matches: Any) -> bool:
    names = (str(name).rpartition("/")[2] for name in _as_list(node.get("@type")))
    return any(matches(name) for name in names)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _resolve(value: Any, by_id: Mapping[str, Node]) -> Any:
    """Return the object that a reference by @id means; anything else as it is."""
    if isinstance(value, dict) and "name" not in value and isinstance(value.get("@id"), str):
        return by_id.get(value["@id"], value)
    return value


def _read_name(value: Any) -> str:
    """Return the name of a person, an organisation or a site; empty where there is none."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    name = next(iter(_texts(value, "name")), "")
    if not name:
        parts = [next(iter(_texts(value, key)), "") for key in ("givenName", "additionalName", "familyName")]
        name = " ".join(part for part in parts if part)
    return name


def _iterate_authors(told: Sequence[Node], by_id: Mapping[str, Node]) -> Iterator[tuple[str, ...]]:
    for key in ("author", "creator"):
        for node in told:
            names = _keep(_read_name(_resolve(value, by_id)) for value in _as_list(node.get(key))[:100])
            if names:
                yield names


def _iterate_addresses(told: Sequence[Node]) -> Iterator[str]:
    for node in told:
        for key in ("mainEntityOfPage", "url"):
            for value in _as_list(node.get(key)):
                address = value.get("@id") or value.get("url") if isinstance(value, dict) else value
                if isinstance(address, str):
                    yield address


def _texts(node: Node, key: str) -> list[str]:
    values = (value.get("@value") if isinstance(value, dict) else value for value in _as_list(node.get(key)))
    return [value for value in values if isinstance(value, str)]


def _keep(texts: Any) -> tuple[str, ...]:
    return tuple(text for text in texts if text and text.strip())
