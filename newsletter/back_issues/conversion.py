"""Conversion of a back issue's file into Markdown, by its kind."""

from newsletter.back_issues.converted_text import ConvertedText, UnreadableFile
from newsletter.back_issues.markdown.source_lines import is_markdown, mark_plain_text
from newsletter.back_issues.source_file import FileKind, SourceFile, decode_text
from newsletter.limited_process import LimitReached, run_limited

SMALL = 50_000  # bytes; no file of this size keeps a reader busy for more than some seconds
MOST_SECONDS = 60  # of computing
_TEXTS = (FileKind.MARKDOWN, FileKind.TEXT)


def convert_file(source: SourceFile) -> ConvertedText:
    """Return the text of a file as Markdown, of a large page, mail or document in a process of limited time and memory.

    Raises UnreadableFile.
    """
    if source.kind is FileKind.PDF or source.kind in _TEXTS or len(source.data) <= SMALL:
        return _convert(source)
    try:
        return run_limited(_convert, source, seconds=MOST_SECONDS)
    except LimitReached as error:
        raise UnreadableFile(
            "The file takes more time or memory to read than any text needs.",
            next_step="Copy its text into a .txt file.",
        ) from error


def _convert(source: SourceFile) -> ConvertedText:
    """Convert a file here. The converters of other forms than text are imported where they are used, with a library."""
    match source.kind:
        case FileKind.MARKDOWN:
            return ConvertedText(decode_text(source.data))
        case FileKind.TEXT:
            text = decode_text(source.data)
            return ConvertedText(text if is_markdown(text) else mark_plain_text(text))
        case FileKind.HTML:
            from newsletter.back_issues.html.html_to_markdown import convert_page

            return convert_page(source.data)
        case FileKind.MAIL:
            from newsletter.back_issues.mail_message import convert_mail

            return convert_mail(source.data)
        case FileKind.WORD:
            from newsletter.back_issues.word_document import convert_word_document

            return convert_word_document(source.data)
        case FileKind.PDF:
            from newsletter.back_issues.pdf.pdf_document import convert_pdf_apart

            return convert_pdf_apart(source.data)


def convert_html(html: str) -> str:
    """Return the Markdown of a piece of HTML that stands within Markdown."""
    from newsletter.back_issues.html.html_to_markdown import read_html
    from newsletter.back_issues.page_text.block_markdown import write_blocks

    return write_blocks(read_html(html, whole=True).blocks)
