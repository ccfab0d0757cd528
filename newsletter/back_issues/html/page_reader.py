"""Reading of a page's tree into blocks: what is shown is kept in its order, how it is laid out is not."""

import re
from collections.abc import Callable
from typing import Any

from selectolax.lexbor import LexborNode

from newsletter.back_issues.html.block_sequence import BlockSequence
from newsletter.back_issues.html.page_furniture import is_share_link, name_website_part
from newsletter.back_issues.html.page_pictures import read_picture
from newsletter.back_issues.html.page_styles import is_hidden, read_style
from newsletter.back_issues.html.page_tree import COMMENT, TEXT, PageTree, iterate_nodes
from newsletter.back_issues.page_text.page_blocks import BREAK, Container, PageBlock, Run, Style
from newsletter.back_issues.page_text.page_links import resolve_address

_SKIPPED_NAMES = (
    "script style head title template noscript svg math canvas object embed applet audio video map nav dialog "
    "menu form input select textarea button option datalist meter progress rp iframe frameset noframes noembed"
)
_SKIPPED = frozenset(_SKIPPED_NAMES.split())
_ROLES = frozenset(
    ["navigation", "search", "banner", "contentinfo", "complementary", "menu", "menubar", "toolbar", "dialog", "alert"]
)
_BLOCKS_NAMES = (
    "address article aside body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 "
    "h6 header hgroup hr html legend li main ol p pre section summary table tbody td tfoot th thead tr ul "
    "blockquote caption search"
)
_BLOCKS = frozenset(_BLOCKS_NAMES.split())
_HEADING = re.compile("h[1-6]")
_BOLD = re.compile("bold|bolder|[6-9]00")
_LIGHT = re.compile("normal|lighter|[1-5]00")
_LIST_LEVEL = re.compile(r"level(\d)")
_MOST_LISTS = 2  # a list within a list is what a draft can hold
_MOST_QUOTES = 2


class PageReader:
    """A reader of one page's tree, with the state of what is open at the place it has come to."""

    def __init__(self, tree: PageTree, base: str) -> None:
        self._tree = tree
        self._base = base
        self._style = Style()
        self._pre = 0
        self._lists: list[tuple[str, int, list[int]]] = []  # of each open list: its kind, its group, its last number
        self._groups = 0
        self.lost_links: list[str] = []
        self.sequence = BlockSequence()

    def read_blocks(self, root: LexborNode, *, whole: bool) -> list[PageBlock]:
        """Return the blocks of an element. `whole` is true for a part of a page that is the issue alone."""
        undo: list[Callable[[], None]] = []
        skipped: int | None = None
        for node, begins in iterate_nodes(root):
            if skipped is not None:
                if not begins and node.mem_id == skipped:
                    skipped = None
                continue
            tag = node.tag or ""
            if tag == TEXT:
                if begins:
                    self._read_words(node.text_content or "")
            elif tag == COMMENT:
                continue
            elif not begins:
                undo.pop()()
            elif self._skips(node, tag, whole):
                skipped = node.mem_id
            else:
                undo.append(self._begin(node, tag))
        return self.sequence.finish()

    def _skips(self, node: LexborNode, tag: str, whole: bool) -> bool:
        if tag in _SKIPPED or node.mem_id in self._tree.hidden or node.mem_id in self._tree.footnote_returns:
            return True
        attributes = node.attributes
        if is_hidden(attributes, read_style(attributes.get("style") or "")):
            return True
        if (attributes.get("role") or "").lower() in _ROLES or (not whole and tag in ("footer", "aside")):
            return True
        if part := name_website_part(tag, attributes):
            heading = node.css_first("h1, h2, h3, h4, h5, h6")  # what readers said, and their names, are not told
            self.sequence.left_out.append(" ".join((heading.text() if heading else part).split()))
            return True
        if tag == "a" and node.mem_id in self._tree.footnote_marks:
            self.sequence.add(Run("*", self._style._replace(href=""), self._tree.footnote_marks[node.mem_id]))
            return True
        if tag == "a" and (href := attributes.get("href")):
            address = href if href.startswith("mailto:?") else resolve_address(href, self._base)
            return bool(address) and is_share_link(address, _find_label(node))
        return False

    def _read_words(self, text: str) -> None:
        if self._pre:
            self.sequence.add_code(text)
        else:
            self.sequence.add(Run(text, self._style))

    def _begin(self, node: LexborNode, tag: str) -> Callable[[], None]:
        """Open an element, and return what closes it."""
        attributes = node.attributes
        style = read_style(attributes.get("style") or "")
        outer = self._style
        self._style = self._restyle(tag, attributes, style)
        closing: list[Callable[[], None]] = []
        if node.mem_id in self._tree.footnotes:
            closing.append(self.sequence.open(Container("note", f"[^{self._tree.footnotes[node.mem_id]}]: ")))
        if tag in _BLOCKS or style.get("display") == "block":
            self.sequence.end_paragraph()
            closing.append(self.sequence.end_paragraph)
        if (handler := _HANDLERS.get(tag)) is not None and not (tag == "li" and node.mem_id in self._tree.footnotes):
            closing += handler(self, node, attributes) or ()
        elif _HEADING.fullmatch(tag):
            closing.append(self.sequence.open_heading(int(tag[1])))
        elif "mso-list" in style and (level := _LIST_LEVEL.search(style["mso-list"])):
            closing.append(self._open_entry(f"word{level[1]}", int(level[1]), "- "))

        def close() -> None:
            for each in reversed(closing):
                each()
            self._style = outer

        return close

    def _restyle(self, tag: str, attributes: dict[str, Any], style: dict[str, str]) -> Style:
        now = self._style
        if tag in ("b", "strong"):
            now = now._replace(strong=True)
        elif tag in ("i", "em", "cite", "dfn", "var"):
            now = now._replace(emphasis=True)
        elif tag in ("s", "strike", "del"):
            now = now._replace(strike=True)
        elif tag in ("sup", "sub"):
            now = now._replace(script="^" if tag == "sup" else "~")
        elif tag in ("code", "kbd", "samp", "tt"):
            now = now._replace(code=True)
        elif tag == "a" and (href := attributes.get("href")):
            address = resolve_address(href, self._base)
            if not address and not href.startswith(("#", "javascript:", "tel:", "sms:")) and href.strip():
                self.lost_links.append(href)
            now = now._replace(href=address)
        if not style:
            return now
        weight = style.get("font-weight", "")
        if tag not in ("h1", "h2", "h3", "h4", "h5", "h6", "th"):
            if _BOLD.fullmatch(weight):
                now = now._replace(strong=True)
            elif _LIGHT.fullmatch(weight):
                now = now._replace(strong=False)
        if style.get("font-style") in ("italic", "oblique"):
            now = now._replace(emphasis=True)
        elif style.get("font-style") == "normal":
            now = now._replace(emphasis=False)
        if "line-through" in style.get("text-decoration", "") + style.get("text-decoration-line", ""):
            now = now._replace(strike=True)
        return now

    def _open_entry(self, name: str, level: int, marker: str) -> Callable[[], None]:
        """Open an entry of a list at a level that counts from 1; deeper ones stand at the deepest that drafts have."""
        level = min(level, _MOST_LISTS)
        return self.sequence.open_entry(Container("entry", marker, hash(name)), level)

    def _begin_list(self, node: LexborNode, attributes: dict[str, Any]) -> list[Callable[[], None]]:
        self._groups += 1
        start = str(attributes.get("start") or "1")
        first = int(start) if start.isascii() and start.isdigit() and len(start) < 3 else 1
        self._lists.append((node.tag or "", self._groups, [first - 1]))
        return [lambda: self._lists.pop() and None]

    def _begin_entry(self, _node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        kind, group, last = self._lists[-1] if self._lists else ("ul", 0, [0])
        last[0] += 1
        deep = len(self._lists) > _MOST_LISTS
        marker = f"{last[0]}. " if kind == "ol" and not deep else "- "
        if deep:
            group = self._lists[_MOST_LISTS - 1][1]
        return [self._open_entry(f"list{group}", max(1, len(self._lists)), marker)]

    def _begin_quote(self, _node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        if self.sequence.count("quote") >= _MOST_QUOTES:
            return []
        return [self.sequence.open(Container("quote", "> "))]

    def _begin_table(self, node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        return [self.sequence.open_table()] if node.mem_id in self._tree.data_tables else []

    def _begin_row(self, _node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        self.sequence.begin_row()
        return [self.sequence.begin_row]

    def _begin_cell(self, _node: LexborNode, attributes: dict[str, Any]) -> list[Callable[[], None]]:
        span = str(attributes.get("colspan") or "1")
        self.sequence.begin_cell(int(span) if span in ("2", "3", "4", "5", "6", "7", "8", "9") else 1)
        return []

    def _begin_code(self, _node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        self._pre += 1

        def close() -> None:
            self._pre -= 1
            if not self._pre:
                self.sequence.end_code()

        return [close]

    def _end_line(self, _node: LexborNode, _attributes: dict[str, Any]) -> None:
        if self._pre:
            self.sequence.add_code("\n")
        else:
            self.sequence.add(Run(BREAK, self._style))

    def _draw_rule(self, _node: LexborNode, _attributes: dict[str, Any]) -> None:
        self.sequence.add_block(PageBlock("rule"))

    def _show_picture(self, _node: LexborNode, attributes: dict[str, Any]) -> None:
        picture = read_picture(attributes, self._base)
        if picture is None:
            return
        if picture.is_inline or (self._style.href and picture.is_small):
            self.sequence.add(Run(picture.alt, self._style))
        else:
            self.sequence.add_picture(picture.source, picture.alt, self._style)

    def _begin_caption(self, _node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        return [self.sequence.open_caption()]

    def _begin_figure(self, _node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        return [self.sequence.open_figure()]

    def _begin_term(self, _node: LexborNode, _attributes: dict[str, Any]) -> None:
        self._style = self._style._replace(strong=True)

    def _quote_words(self, _node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        self.sequence.add(Run("“", self._style))
        return [lambda: self.sequence.add(Run("”", self._style))]

    def _begin_reading(self, _node: LexborNode, _attributes: dict[str, Any]) -> list[Callable[[], None]]:
        self.sequence.add(Run("（", self._style))
        return [lambda: self.sequence.add(Run("）", self._style))]


def _find_label(node: LexborNode) -> str:
    """Return a link's words, or those of the picture in it."""
    picture = node.css_first("img[alt]")
    return node.text().strip() or ((picture.attributes.get("alt") or "") if picture else "")


_Handler = Callable[[PageReader, LexborNode, dict[str, Any]], list[Callable[[], None]] | None]
_HANDLERS: dict[str, _Handler] = {
    "ul": PageReader._begin_list,
    "ol": PageReader._begin_list,
    "li": PageReader._begin_entry,
    "blockquote": PageReader._begin_quote,
    "table": PageReader._begin_table,
    "tr": PageReader._begin_row,
    "td": PageReader._begin_cell,
    "th": PageReader._begin_cell,
    "pre": PageReader._begin_code,
    "br": PageReader._end_line,
    "hr": PageReader._draw_rule,
    "img": PageReader._show_picture,
    "figure": PageReader._begin_figure,
    "figcaption": PageReader._begin_caption,
    "dt": PageReader._begin_term,
    "q": PageReader._quote_words,
    "rt": PageReader._begin_reading,
}
