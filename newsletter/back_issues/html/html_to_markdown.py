"""Conversion of HTML into the Markdown of drafts: saved pages, the bodies of mails, what Word documents become.

The tree is the one that browsers build, by Lexbor (selectolax). Its Markdown is written here, since what converters
write is not what drafts hold: layout tables, nested without end in mails, are tables there, and signs that drafts take
for markup go unmarked.
"""

import datetime
import json
import re
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from newsletter.back_issues.converted_text import ConvertedText
from newsletter.back_issues.html.page_charset import read_page_text
from newsletter.back_issues.html.page_reader import PageReader
from newsletter.back_issues.html.page_tree import PageTree, parse_page
from newsletter.back_issues.page_text.block_markdown import write_blocks
from newsletter.back_issues.page_text.bold_headings import mark_bold_headings
from newsletter.back_issues.page_text.contents_list import drop_contents
from newsletter.back_issues.page_text.page_blocks import PageBlock
from newsletter.back_issues.page_text.page_links import counts_clicks, find_host
from newsletter.back_issues.page_text.picture_data import take_picture_data
from newsletter.text import format_count, quote_text

_MOST_TOLD = 8
_LONGEST_TOLD = 60
_SITE_NAME = re.compile(r"\s+[-–—|·•:«»›]\s+.{1,80}|[|｜].{1,80}")
_MAIL_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page's tree and its blocks, with notes on what was left out."""

    tree: PageTree
    blocks: list[PageBlock]
    notes: tuple[str, ...]


def html_to_markdown(html: str, base: str | None = None) -> str:
    """Return what a page shows as Markdown. `base` is the page's own address. Raises UnreadableFile."""
    return write_blocks(read_html(html, base).blocks)


def convert_page(data: bytes) -> ConvertedText:
    """Convert a saved page. Raises UnreadableFile."""
    page = read_html(read_page_text(data))
    blocks, pictures = take_picture_data(page.blocks)
    return ConvertedText(write_blocks(blocks), find_title(page.tree), find_date(page.tree), page.notes, pictures)


def read_html(html: str, base: str | None = None, *, trust_tables: bool = False, whole: bool = False) -> ReadPage:
    """Read a page into blocks. `whole` is true for a mail or a document, in which nothing is a website's own.

    With `trust_tables`, a grid of short cells is a table of data even where nothing says so.
    """
    tree = parse_page(html, trust_tables=trust_tables)
    root = tree.root if whole else _find_main(tree)
    reader = PageReader(tree, _find_base(tree, base))
    blocks = drop_contents(reader.read_blocks(root, whole=whole or root is not tree.root))
    if not any(block.kind == "heading" for block in blocks):  # as in many mails
        blocks = mark_bold_headings(blocks)
    return ReadPage(tree, blocks, (*_note_left_out(reader.sequence.left_out), *_note_links(blocks, reader.lost_links)))


def _find_main(tree: PageTree) -> LexborNode:
    """Return the element that a page marks as its content, or the whole."""
    for selector in ("main, [role=main]", "article"):
        found = tree.parser.css(selector)
        if len(found) == 1 and found[0].mem_id not in tree.hidden:
            return found[0]
    return tree.root


def _find_base(tree: PageTree, base: str | None) -> str:
    """Return the address that a page's links begin with: what it says itself goes before where it was found."""
    for selector, name in (
        ("base[href]", "href"),
        ("link[rel=canonical]", "href"),
        ('meta[property="og:url"]', "content"),
    ):
        node = tree.parser.css_first(selector)
        address = (node.attributes.get(name) or "").strip() if node else ""
        if address.startswith(("https://", "http://")) and find_host(address):
            return address
    return base or ""


def find_title(tree: PageTree) -> str | None:
    """Return a page's title, by what it says to networks or to browsers."""
    meta = tree.parser.css_first('meta[property="og:title"], meta[name="twitter:title"]')
    title = tree.parser.css_first("head > title, title")
    for text in (meta.attributes.get("content") if meta else None, title.text() if title else None):
        if (words := " ".join((text or "").split())) and "*|" not in words:  # which a mailing program fills
            return _cut_site_name(words, tree)
    return None


def _cut_site_name(title: str, tree: PageTree) -> str:
    """Return a title without the website's name behind it, where a heading of the page has it so."""
    for node in tree.parser.css("h1, h2")[:20]:
        heading = " ".join(node.text().split())
        if heading and title.startswith(heading) and _SITE_NAME.fullmatch(title, len(heading)):
            return heading
    return title


_DATED = (
    'meta[property="article:published_time"]',
    'meta[name="date"]',
    'meta[name="dc.date" i]',
    'meta[name="dcterms.created" i]',
    'meta[itemprop="datePublished"]',
)


def find_date(tree: PageTree) -> datetime.date | None:
    """Return the day on which a page says that it was published."""
    for selector in _DATED:
        if (node := tree.parser.css_first(selector)) and (day := _read_day(node.attributes.get("content") or "")):
            return day
    for script in tree.parser.css('script[type="application/ld+json"]')[:10]:
        try:
            told = json.loads(script.text() or "")
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict) and isinstance(told.get("datePublished"), str):
            return _read_day(told["datePublished"])
    times = tree.parser.css("time[datetime]")
    return _read_day(times[0].attributes.get("datetime") or "") if len(times) == 1 else None


def _read_day(text: str) -> datetime.date | None:
    match = re.match(r"\s*(\d{4})-(\d{2})-(\d{2})", text)
    try:
        return datetime.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _note_left_out(left_out: list[str]) -> list[str]:
    told = list(dict.fromkeys(_MAIL_ADDRESS.sub("…", each) for each in left_out))  # a reader's is nobody's business
    if not told:
        return []
    words = "; ".join(
        quote_text(each if len(each) <= _LONGEST_TOLD else f"{each[: _LONGEST_TOLD - 1]}…")
        for each in told[:_MOST_TOLD]
    )
    more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return [f"Left out, as the mail's or website's own: {words}{more}."]


def _note_links(blocks: list[PageBlock], lost: list[str]) -> list[str]:
    notes = []
    runs = [
        run for block in blocks for line in (block.runs, *(cell for row in block.rows for cell in row)) for run in line
    ]
    counted = {run.style.href for run in runs if counts_clicks(run.style.href)}
    if counted:
        hosts = ", ".join(sorted({find_host(each) for each in counted})[:3])
        found = format_count(len(counted), "link leads", "links lead")
        notes.append(f"{found} through {hosts}, which counts clicks and may stop: put in the pages' own addresses.")
    if lost:
        found = format_count(len(lost), "link leads", "links lead")
        told = ", ".join(quote_text(each[:_LONGEST_TOLD]) for each in lost[:3])
        notes.append(f"{found} nowhere outside the page. Their words were kept: {told}.")
    return notes
