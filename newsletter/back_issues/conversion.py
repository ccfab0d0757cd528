"""Conversion of a back issue's file into Markdown, by its kind."""

from newsletter.back_issues.converted_text import ConvertedText
from newsletter.back_issues.markdown.source_lines import is_markdown, mark_plain_text
from newsletter.back_issues.source_file import FileKind, SourceFile, decode_text


def convert_file(source: SourceFile) -> ConvertedText:
    """Return the text of a file as Markdown. Raises UnreadableFile.

    The converters of other forms than text are imported where they are used: each brings a library.
    """
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
            from newsletter.back_issues.pdf.pdf_document import convert_pdf

            return convert_pdf(source.data)


def convert_html(html: str) -> str:
    """Return the Markdown of a piece of HTML that stands within Markdown."""
    from newsletter.back_issues.html.html_to_markdown import read_html
    from newsletter.back_issues.page_text.block_markdown import write_blocks

    return write_blocks(read_html(html, whole=True).blocks)
