"""Conversion of a back issue's file into Markdown, by its kind."""

from newsletter.back_issues.converted_text import ConvertedText, UnreadableFile
from newsletter.back_issues.source_file import FileKind, SourceFile, decode_text


def convert_file(source: SourceFile) -> ConvertedText:
    """Return the text of a file as Markdown. Raises UnreadableFile.

    The converters of other forms than text are imported where they are used: each brings a library.
    """
    match source.kind:
        case FileKind.MARKDOWN | FileKind.TEXT:
            return ConvertedText(decode_text(source.data))
        case _:
            raise UnreadableFile(f"{source.kind.value.capitalize()} can't be read yet.")
