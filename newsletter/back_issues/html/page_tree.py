"""The tree of an HTML page as browsers build it, and what is to be known of it before its words are read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from newsletter.back_issues.converted_text import UnreadableFile
from newsletter.back_issues.html.page_styles import find_hidden, read_style

MOST_NESTED = 3000  # elements within each other: the parser's time grows with their square, and no page has 200
MOST_TAGS = 1_000_000
TEXT, COMMENT = "-text", "-comment"
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Elements that end by themselves, so that a start without an end nests nothing.
_SELF_ENDING_NAMES = (
    "area base br col colgroup dd dt embed hr img input li link meta option p param rb rp rt source tbody td "
    "tfoot th thead tr track wbr"
)
_SELF_ENDING = frozenset(_SELF_ENDING_NAMES.split())
_NO_DATA = frozenset(["table", "h1", "h2", "h3", "h4", "h5", "h6", "img", "ul", "ol", "blockquote", "hr", "form"])
_LONGEST_CELL = 200
_NEAR = 4  # elements around a footnote's mark among which the one is whose name the note leads back to


@dataclass(slots=True)
class TableFacts:
    """What tells a table of data from one that lays a page out."""

    headers: int = 0
    rows: list[int] = field(default_factory=list)
    obstacles: int = 0
    longest: int = 0
    bordered: bool = False
    is_layout: bool = False

    def is_data(self, *, trusting: bool) -> bool:
        """Return whether the table is one of data. With `trusting`, a grid is one even without headers and lines."""
        if self.is_layout or self.obstacles or not self.rows or max(self.rows) < 2:
            return False
        if self.headers:
            return True
        return (self.bordered or trusting) and len(self.rows) > 1 and self.longest <= _LONGEST_CELL


@dataclass(slots=True)
class _Jump:
    """A link within the page, with the names that are close around it."""

    node: LexborNode
    target: str
    names: tuple[str, ...]
    block: int


@dataclass(slots=True)
class PageTree:
    """A page's elements, with those that browsers hide, its tables and its footnotes. Nodes are named by `mem_id`."""

    parser: LexborHTMLParser
    root: LexborNode
    hidden: frozenset[int]
    data_tables: frozenset[int]
    footnote_marks: dict[int, str]  # the label of each mark
    footnotes: dict[int, str]  # the label of each note
    footnote_returns: frozenset[int]


def iterate_nodes(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Yield each node below and with the root twice, where it begins (true) and ends (false), however deep it lies."""
    node: LexborNode | None = root
    opened: list[LexborNode] = []
    while node is not None:
        yield node, True
        child = node.first_child
        if child is not None:
            opened.append(node)
            node = child
            continue
        yield node, False
        following = node.next if opened else None
        while following is None and opened:
            parent = opened.pop()
            yield parent, False
            following = parent.next if opened else None
        node = following


def parse_page(html: str, *, trust_tables: bool = False) -> PageTree:
    """Parse a page. Raises UnreadableFile for one that is nested so deeply that reading it would take for ever."""
    _refuse_endless(html)
    parser = LexborHTMLParser(html)
    root = parser.body or parser.root
    if root is None:
        raise UnreadableFile("No page is in the file.")
    tables, jumps, names = _survey(root)
    data = frozenset(node for node, facts in tables.items() if facts.is_data(trusting=trust_tables))
    marks, notes, returns = _pair_footnotes(jumps, names)
    return PageTree(parser, root, find_hidden(parser), data, marks, notes, returns)


def _refuse_endless(html: str) -> None:
    depth = tags = 0
    for match in _TAG.finditer(html):
        tags += 1
        if match[2].lower() in _SELF_ENDING:
            continue
        depth = max(0, depth - 1) if match[1] else depth + 1
        if depth > MOST_NESTED:
            raise UnreadableFile(f"Its HTML has more than {MOST_NESTED:,} elements within each other.")
    if tags > MOST_TAGS:
        raise UnreadableFile(f"Its HTML has {tags:,} tags; {MOST_TAGS:,} are the most.")


def _survey(root: LexborNode) -> tuple[dict[int, TableFacts], list[_Jump], dict[str, int]]:
    """Return the facts of each table, the links within the page, and the block that each name stands in."""
    tables: dict[int, TableFacts] = {}
    open_tables: list[TableFacts] = []
    open_cells: list[int] = []
    jumps: list[_Jump] = []
    names: dict[str, int] = {}
    near: list[tuple[str, ...]] = []  # the names of each element that is open
    blocks: list[int] = []
    for node, begins in iterate_nodes(root):
        tag = node.tag or ""
        if tag == TEXT:
            if begins and open_cells:
                open_cells[-1] += len((node.text_content or "").strip())
            continue
        if tag == COMMENT:
            continue
        if not begins:
            near.pop()
            if tag in _NAMED_BLOCKS:
                blocks.pop()
            if tag == "table":
                open_tables.pop()
            elif tag in ("td", "th") and open_tables and open_cells:
                facts = open_tables[-1]
                facts.longest = max(facts.longest, open_cells.pop())
            continue
        attributes = node.attributes
        if tag in _NAMED_BLOCKS:
            blocks.append(node.mem_id)
        own = tuple(name for key in ("id", "name") if (name := attributes.get(key)))
        near.append(own)
        for name in own:
            names.setdefault(name, blocks[-1] if tag == "a" and blocks else node.mem_id)
        if tag == "a" and (href := attributes.get("href") or "").startswith("#") and len(href) > 1:
            around = tuple(name for each in near[-_NEAR:] for name in each)
            jumps.append(_Jump(node, href[1:], around, blocks[-1] if blocks else 0))
        if open_tables and tag in _NO_DATA:
            open_tables[-1].obstacles += 1
        if tag == "table":
            tables[node.mem_id] = _begin_table(attributes)
            open_tables.append(tables[node.mem_id])
        elif tag == "tr" and open_tables:
            open_tables[-1].rows.append(0)
        elif tag in ("td", "th") and open_tables:
            open_cells.append(0)
            facts = open_tables[-1]
            facts.headers += tag == "th"
            if facts.rows:
                facts.rows[-1] += 1
    return tables, jumps, names


_NAMED_BLOCKS = frozenset(["p", "li", "div", "dd", "td", "section", "aside"])


def _begin_table(attributes: dict[str, str | None]) -> TableFacts:
    style = read_style(attributes.get("style") or "")
    border = attributes.get("border") or "0"
    return TableFacts(
        is_layout=(attributes.get("role") or "").lower() in ("presentation", "none"),
        bordered=border.strip() not in ("", "0", "0px") or "solid" in style.get("border", ""),
    )


def _pair_footnotes(jumps: list[_Jump], names: dict[str, int]) -> tuple[dict[int, str], dict[int, str], frozenset[int]]:
    """Find footnotes: a link leads to a place below it, from which another leads back to where the first one is."""
    marks: dict[int, str] = {}
    notes: dict[int, str] = {}
    returns: set[int] = set()
    back: dict[tuple[str, int], LexborNode] = {}
    for jump in jumps:
        for name in jump.names:
            back.setdefault((name, hash(jump.target)), jump.node)
        if jump.block:
            back.setdefault((f"\0{jump.block}", hash(jump.target)), jump.node)
    for jump in jumps:
        place = names.get(jump.target)
        if place is None or jump.node.mem_id in returns or place in notes:
            continue
        for name in jump.names:
            other = back.get((jump.target, hash(name))) or back.get((f"\0{place}", hash(name)))
            if other is not None and other.mem_id != jump.node.mem_id:
                label = str(len(notes) + 1)
                marks[jump.node.mem_id], notes[place] = label, label
                returns.add(other.mem_id)
                break
    return marks, notes, frozenset(returns)
