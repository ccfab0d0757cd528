"""Strategies of drafts: texts as people write them, with every block, and issues with every kind of section."""

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from newsletter.issue.inline_text import parse_headline
from newsletter.issue.richtext import parse

PICTURES = ("lead.jpg", "bay.png")
TAG = "press"  # of readers who get what is only for some

# Words as people write them, in four scripts and three directions of thought, and the marks that could be
# taken for markup by Markdown, HTML, Jinja, MJML, Typst or YAML.
_LATIN = st.text("abcdefgh ijklmnopq rstuvwxyz ÄÖÜßéñ'’.,;:!? 0123456789", min_size=1, max_size=60)
_MARKUP = st.text("<>&\"'#$*_[]{}()`@%~^|=+-/\\ xyz", min_size=1, max_size=24)
_HEBREW = st.text("אבגדהוזחטיכלמנסעפצקרשת ", min_size=1, max_size=30)
_ARABIC = st.text("ابتثجحخدذرزسشصضطظعغفقكلمنهوي ", min_size=1, max_size=30)
_JAPANESE = st.text("日本語文章宇宙開発協力政府は、。「」のをがカタカナひらがな", min_size=1, max_size=40)
_LONG = st.builds(lambda letter, count: letter * count, st.sampled_from("wil/.-"), st.integers(60, 300))
_ANY = st.one_of(_LATIN, _MARKUP, _HEBREW, _ARABIC, _JAPANESE, _LONG)
_ADDRESS = st.builds(
    lambda path, query: f"https://example.org/{path}?{query}",
    st.text("abc/._~-0123456789", min_size=1, max_size=120),
    st.text("abc=&+%20", max_size=40).map(lambda query: query.replace("%", "%25")),
)


def _escape(text: str) -> str:
    """Return Markdown that shows just this text."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


# Within the publication's website, and in an item to the first of them.
_SHORT_ADDRESS = st.sampled_from(["issue:2.9", "issue:2.9#3", "/about", "more/page.html?a=b"])


def _link(words: str, address: str) -> str:
    return f"[{_escape(words) or 'link'}](<{address}>)"


def _is_valid(markdown: str) -> bool:
    return not parse(markdown)[1] and bool(parse(markdown)[0].plain().strip())


# An address with no marks around it is a link too, whatever stands before it and behind it.
_BARE = st.builds(
    lambda before, address, after: f"{before}{address}{after}",
    st.sampled_from(["", "(", "“", "*", "**", "see: ", "見よ"]),
    st.one_of(
        _ADDRESS, st.sampled_from(["www.example.org", "http://example.org/a_(b)?c=d&e", "https://example.org/~x_y/"])
    ),
    st.sampled_from(["", ".", ",", ")", "”", "*", "**", "?!", ").", "。", " and"]),
)
words = _ANY.map(_escape).filter(str.strip)
headlines = words.filter(lambda text: not parse_headline(text)[1])
lines = _ANY.map(lambda text: " ".join(text.split())).filter(lambda text: text.isalnum())
rich = (
    st.lists(
        st.one_of(words, st.builds(_link, _ANY, st.one_of(_ADDRESS, _ADDRESS, _SHORT_ADDRESS)), _BARE),
        min_size=1,
        max_size=5,
    )
    .map(" ".join)
    .filter(_is_valid)
)
_STYLED = st.builds(
    lambda form, text: form.format(text),
    st.sampled_from(
        [
            "*{}*",
            "**{}**",
            "***{}*** and so on",
            "~~{}~~",
            "m^{}^",
            "H~{}~O",
            "[{}]{{lang=ja}}",
            "one {}\\\ntwo",
            "{}  \ntwo",
        ]
    ),
    st.text("abc123", min_size=1, max_size=8),
)
_CODE = st.text("ab <>&{}#$\\\n[]_*", min_size=1, max_size=60).filter(lambda text: text.strip() and "```" not in text)
_CELL = st.one_of(st.just(""), words, st.builds(_link, st.text("abc", min_size=1), _ADDRESS))


def _write_list(entries: list[str], marks: list[str], below: list[str]) -> str:
    """Return a list of entries, with another one below the first where there is one."""
    written = [f"{mark} {entry}" for mark, entry in zip(marks, entries, strict=False)]
    indent = " " * (len(marks[0]) + 1)
    written[1:1] = [f"{indent}- {entry}" for entry in below]
    return "\n".join(written)


def _write_table(header: list[str], rows: list[list[str]], alignments: list[str]) -> str:
    table = [header, alignments, *rows]
    return "\n".join("| " + " | ".join(cell or " " for cell in row) + " |" for row in table)


@st.composite
def tables(draw: st.DrawFn) -> str:
    columns = draw(st.integers(1, 4))
    row = st.lists(_CELL, min_size=columns, max_size=columns)
    header = draw(st.lists(words, min_size=columns, max_size=columns))
    alignments = st.lists(st.sampled_from(["---", ":--", "--:", ":-:"]), min_size=columns, max_size=columns)
    return _write_table(header, draw(st.lists(row, min_size=1, max_size=3)), draw(alignments))


_PICTURE = st.builds(
    lambda alt, file, caption: f'![{alt}]({file}{caption})',
    words, st.sampled_from(PICTURES), st.sampled_from(["", ' "By the harbour"', ' "*By* the harbour"']),
)  # fmt: skip
# Two notes, by a number and by a name.
_NOTED = st.builds(
    lambda *parts: "{}[^1] {}[^b].\n\n[^1]: {}\n\n[^b]: {}".format(*parts),
    words, words, rich, rich,
)  # fmt: skip
_ENTRIES = st.lists(rich, min_size=2, max_size=4)
blocks: st.SearchStrategy[str] = st.one_of(
    rich,
    _STYLED,
    words.map(lambda text: f"### {text}"),
    st.builds(
        lambda entries, below: _write_list(entries, ["-"] * 4, below),
        _ENTRIES, st.one_of(st.just([]), _ENTRIES),
    ),
    st.builds(
        lambda entries, below: _write_list(entries, ["1.", "2.", "3.", "4."], below),
        _ENTRIES, st.one_of(st.just([]), _ENTRIES),
    ),
    st.lists(rich, min_size=1, max_size=2).map(lambda parts: "\n>\n".join(f"> {part}" for part in parts)),
    _CODE.map(lambda text: f"```\n{text}\n```"),
    tables(),
    _PICTURE,
).filter(_is_valid)  # fmt: skip


@st.composite
def prose(draw: st.DrawFn) -> str:
    """Return a text of several blocks."""
    parts = draw(st.lists(st.one_of(blocks, blocks, blocks, st.just("---")), min_size=1, max_size=3))
    return "\n\n".join([*parts, *draw(st.lists(_NOTED, max_size=1))])


texts = prose().filter(_is_valid)


def _link_to_item(text: str) -> str:
    """Return a text with a paragraph before it that leads to the issue's first item."""
    return f"The [first](#1) of them.\n\n{text}"


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


_LINK = _optional(_ADDRESS)
images = st.fixed_dictionaries(
    {
        "file": st.sampled_from(PICTURES), "alt": lines, "caption": _optional(rich), "credit": _optional(rich),
        "link": _LINK,
    }
)  # fmt: skip
items = st.fixed_dictionaries(
    {
        "headline": headlines, "detail": st.one_of(texts, texts, texts.map(_link_to_item)),
        "link": _LINK, "image": _optional(images),
        "only_for": st.sampled_from([None, None, None, [TAG]]),
    }
)  # fmt: skip
_FIGURE = st.fixed_dictionaries({"number": lines, "text": texts, "link": _LINK})
_EVENT = st.fixed_dictionaries(
    {
        "date": st.dates().filter(lambda day: day.year > 1000).map(str),
        "time": _optional(st.sampled_from(["9:30", "14:00"])), "title": headlines, "place": _optional(lines),
        "link": _LINK,
    }
).filter(lambda event: event["date"] < "3000")  # fmt: skip
_PERSON = st.fixed_dictionaries(
    {"name": lines, "role": _optional(lines), "text": _optional(texts), "image": _optional(images), "link": _LINK}
)
_PARTS: dict[str, st.SearchStrategy[Any]] = {
    "image": images,
    "text": texts,
    "figures": st.lists(_FIGURE, min_size=1, max_size=2),
    "quote": st.fixed_dictionaries({"text": texts, "by": _optional(lines), "link": _LINK}),
    "items": st.lists(items, min_size=1, max_size=2),
    "events": st.lists(_EVENT, min_size=1, max_size=2),
    "people": st.lists(_PERSON, min_size=1, max_size=2),
    "button": st.fixed_dictionaries({"text": lines, "link": _ADDRESS}),
}


def _show_something(draft: dict[str, Any]) -> dict[str, Any]:
    """Return the draft with its first item or section for every reader, without which it is refused."""
    first = (draft["items"] or draft["sections"])[0]
    for part in (first, *(first.get("items") or ())):
        part["only_for"] = None
    return draft


_SHARED = {"title": _optional(headlines), "only_for": st.sampled_from([None, None, None, [TAG]])}
_ONE_PART_OR_SEVERAL = st.one_of(
    st.one_of([st.fixed_dictionaries({name: part, **_SHARED}) for name, part in _PARTS.items()]),
    st.fixed_dictionaries({name: _optional(part) for name, part in _PARTS.items()} | _SHARED).filter(
        lambda section: any(section[name] for name in _PARTS)
    ),
)


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    """Return a section; a strategy of its own, since one that is nested deep is slow to describe."""
    return draw(_ONE_PART_OR_SEVERAL)


_DRAFT = (
    st.fixed_dictionaries(
        {
            "intro": _optional(texts),
            "image": _optional(images),
            "contents": st.sampled_from([None, "yes", "no"]),
            "items": st.lists(items, max_size=2),
            "sections": st.lists(sections(), max_size=4),
            "note": _optional(texts),
        }
    )
    .filter(lambda draft: draft["items"] or draft["sections"])
    .map(_show_something)
)


@st.composite
def drafts(draw: st.DrawFn) -> dict[str, Any]:
    """Return a draft as its keys and values, to be written by `write_draft`."""
    return draw(_DRAFT)


def write_draft(path: Path, draft: dict[str, Any]) -> None:
    """Write a draft as YAML: a line in double quotes, a text of several lines below `|`, nothing for what is None."""
    whole = {"volume": "2", "number": "1", "date": "2024-01-02", **draft}
    path.write_text(_write_yaml(_drop_empty(whole), "") + "\n")


def _write_yaml(value: Any, indent: str) -> str:
    """Return a value as YAML, to stand behind a key or a hyphen; `indent` is that of the key."""
    if isinstance(value, dict):
        pairs = (f"{key}: {_write_yaml(each, indent + '  ')}" for key, each in value.items())
        return "".join(f"\n{indent}{pair}" for pair in pairs)
    if isinstance(value, list):
        return "".join(f"\n{indent}- {_write_yaml(each, indent + '  ').lstrip()}" for each in value)
    if "\n" not in value:
        return json.dumps(value, ensure_ascii=False)
    return "|2-" + "".join(f"\n{indent}{line}" if line else "\n" for line in value.split("\n"))


def _drop_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop_empty(each) for key, each in value.items() if each not in (None, [])}
    return [_drop_empty(each) for each in value] if isinstance(value, list) else value
