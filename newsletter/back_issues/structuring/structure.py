"""Structure of a back issue: its Markdown becomes an issue's title, items, sections and notes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from newsletter.back_issues.back_issue import BackIssue
from newsletter.back_issues.converted_text import ConvertedText
from newsletter.back_issues.drafts.draft_blocks import BlockPreparer, FindPicture
from newsletter.back_issues.drafts.draft_words import WordsWriter
from newsletter.back_issues.drafts.draft_writing import DraftWriter
from newsletter.back_issues.markdown.front_matter import split_front_matter
from newsletter.back_issues.markdown.markdown_reading import read_markdown
from newsletter.back_issues.markdown.source_cleaning import clean_markdown, remove_controls, tell_fields
from newsletter.back_issues.markdown.source_lines import mark_lines
from newsletter.back_issues.markdown.source_text import (
    Comments,
    SourceBlocks,
    SourceHeading,
    spans_of,
    words_of,
)
from newsletter.back_issues.structuring.digest_form import DigestParts, find_digest
from newsletter.back_issues.structuring.issue_head import IssueHead, read_head
from newsletter.back_issues.structuring.issue_label import IssueLabel, find_label, make_slug, read_file_name, read_label
from newsletter.back_issues.structuring.item_pairing import pair_items
from newsletter.back_issues.structuring.section_form import find_sections, write_blocks, write_sections

_TITLE_KEYS = ("title", "headline", "subject")
_DATE_KEYS = ("date", "published", "pubdate", "publishdate", "publication_date", "issue_date")
_NUMBER_KEYS = ("number", "issue", "edition", "issue_number", "issuenumber", "no")
_VOLUME_KEYS = ("volume", "vol")
_LAST_NUMBER = re.compile(r"[^\W\d]\W+#?([0-9]{1,5})\W*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What is known of a back issue besides its text.

    `given` is what an editor says of its number and date, before all that the text says. `masthead` and `standing` are
    the publication's title and standing paragraphs, which each edition writes itself; `base` is its web site, by which
    relative links are made whole. `find_picture` gives the name beside the draft of a picture that will be there.
    `convert_html` makes Markdown of HTML within Markdown.
    """

    file_name: str = ""
    given: IssueLabel = field(default_factory=IssueLabel)
    masthead: str = ""
    standing: tuple[str, ...] = ()
    base: str | None = None
    find_picture: FindPicture = field(default=lambda _source: None)
    convert_html: Callable[[str], str] = field(default=lambda html: html)


def structure(converted: ConvertedText, context: SourceContext) -> BackIssue:
    """Return the issue that a text holds. What can't be decided becomes remarks on it."""
    comments = Comments()
    for note in converted.notes:
        comments.add(note)
    values, body, unreadable = split_front_matter(remove_controls(converted.markdown, comments))
    if unreadable:
        comments.add(f"The front matter can't be read: {unreadable}")
    tell_fields(body, comments)
    text = read_markdown(mark_lines(clean_markdown(body, comments)), comments, context.convert_html)
    writer = DraftWriter(
        comments,
        WordsWriter(comments, context.base),
        BlockPreparer(comments, context.find_picture),
        text.footnotes,
    )
    title = _take(values, _TITLE_KEYS) or _cut_masthead(converted.title or "", context.masthead)
    source = _Source(context, writer, comments, title)
    digest = find_digest(text.blocks, comments)
    found = _write_digest(digest, source) if digest else _write_weekly(text.blocks, source)
    if lone := writer.write_lone_notes():
        found = replace(found, issue=replace(found.issue, note="\n\n".join(filter(None, (found.issue.note, lone)))))
    return _add_label(found, converted, values, source)


@dataclass(frozen=True, slots=True)
class _Source:
    """What each part of an issue is written with: its context and title, the writer, and the remarks."""

    context: SourceContext
    writer: DraftWriter
    comments: Comments
    title: str

    def read_head(self, blocks: SourceBlocks) -> IssueHead:
        """Read the blocks before the headlines or sections."""
        return read_head(blocks, self.context.masthead, self.title, self.writer, self.comments)


@dataclass(frozen=True, slots=True)
class _FoundParts:
    """An issue without its label, and what its head said."""

    issue: BackIssue
    head: IssueHead


def _write_digest(digest: DigestParts, source: _Source) -> _FoundParts:
    writer, comments = source.writer, source.comments
    head = source.read_head(digest.head)
    standing = {folded for text in source.context.standing if (folded := _fold(text))}
    closing = tuple(block for block in digest.closing if _fold(words_of(spans_of(block))) not in standing)
    is_plain = digest.title.casefold() in ("", "headlines")
    issue = BackIssue(
        headlines_title="" if is_plain else writer.write_line(digest.title),
        intro=writer.write_prose(tuple(head.intro)),
        picture=head.picture,
        items=pair_items(digest.headlines, digest.details, writer, comments),
        sections=write_sections(digest.sections, writer, comments) if digest.sections else (),
        note=writer.write_prose(closing),
    )
    return _FoundParts(issue, head)


def _write_weekly(blocks: SourceBlocks, source: _Source) -> _FoundParts:
    """Return an issue of sections. A first heading alone on its level, or one with the label, is the title."""
    start = find_sections(blocks)
    before = blocks[:start]
    if start < len(blocks) and _is_issue_title(blocks, start):
        before, blocks = (*before, blocks[start]), blocks[start + 1 :]
        start = find_sections(blocks)
        before += blocks[:start]
    head = source.read_head(before)
    if start < len(blocks):
        sections = write_sections(blocks[start:], source.writer, source.comments)
        intro = source.writer.write_prose(tuple(head.intro))
        return _FoundParts(BackIssue(intro=intro, picture=head.picture, sections=sections), head)
    texts = write_blocks(tuple(head.intro), source.writer)
    if len(texts) == 1 and not texts[0].text:
        return _FoundParts(BackIssue(picture=head.picture, items=texts[0].items), head)
    return _FoundParts(BackIssue(picture=head.picture, sections=tuple(texts)), head)


def _is_issue_title(blocks: SourceBlocks, at: int) -> bool:
    heading = blocks[at]
    if not isinstance(heading, SourceHeading):
        return False
    levels = [block.level for block in blocks if isinstance(block, SourceHeading)]
    label = read_label(words_of(heading.spans))
    alone = levels.count(heading.level) == 1 and min(levels) == heading.level and len(levels) > 1
    return alone or label.number is not None or label.date is not None


def _add_label(found: _FoundParts, converted: ConvertedText, values: Mapping[str, str], source: _Source) -> BackIssue:
    """Return the issue with its name, date and title: from the front matter, then the text, then the file's name."""
    context, writer, comments = source.context, source.writer, source.comments
    items = found.issue.items
    is_headline = bool(items) and _fold(found.head.title) == _fold(items[0].headline)  # an issue is called so by itself
    title = "" if is_headline else found.head.title
    given = IssueLabel(
        volume=_read_number(_take(values, _VOLUME_KEYS)),
        number=_read_number(_take(values, _NUMBER_KEYS)),
        date=read_label(_take(values, _DATE_KEYS)).date or converted.date,
    )
    if given.number is None and (both := read_label(f"Vol. {_take(values, _NUMBER_KEYS)}")).number:
        given = replace(given, volume=both.volume, number=both.number)
    in_title = read_label(title)
    last = _LAST_NUMBER.search(find_label(title)[1]) if not in_title.number else None
    if last and not found.head.label.number:
        in_title = replace(in_title, number=int(last[1]))
    label = (
        context.given.fill(given)
        .fill(found.head.label)
        .fill(in_title)
        .fill(read_file_name(PurePath(context.file_name).stem))
    )
    if label.is_month:
        comments.add("Only the month is known, so the date is its first day.")
    if label.date is None and found.head.is_ambiguous:
        comments.add("The date may be read in two ways, day or month first.")
    slug = _take(values, ("slug",)) or PurePath(context.file_name).stem
    known = (*_TITLE_KEYS[:2], *_DATE_KEYS, *_NUMBER_KEYS, *_VOLUME_KEYS, "slug", "layout", "permalink")
    if others := [f"{key}: {value}" for key, value in values.items() if value and key not in known]:
        comments.add(f"The front matter said besides: {'; '.join(others)}")
    return replace(
        found.issue,
        volume=label.volume,
        number=label.number,
        date=label.date,
        slug=make_slug(slug) or make_slug(title),
        title=writer.write_line(title) if title and _says_more(title, context.masthead) else "",
        comments=comments.collect(),
    )


def _take(values: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((values[key] for key in keys if values.get(key)), "")


def _read_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and int(text) else None


def _cut_masthead(title: str, masthead: str) -> str:
    """Return a title without the publication's, which pages and mails write before or behind it."""
    if not masthead:
        return title
    name, mark = re.escape(masthead), r"[-–—|·•:]"
    return re.sub(rf"\A{name}\s*{mark}\s+(?=\S)|(?<=\S)\s+{mark}\s*{name}\Z", "", title, flags=re.IGNORECASE)


def _says_more(title: str, masthead: str) -> bool:
    """Return whether a title says more than the publication's title, a volume, a number and a date."""
    rest = _LAST_NUMBER.sub("", find_label(title)[1])
    return not set(_fold(rest).split()) <= set(_fold(masthead).split())


def _fold(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
