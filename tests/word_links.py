"""Links in Word documents, which python-docx can't write."""

from typing import Any

from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

_LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"


def add_link(paragraph: Any, words: str, address: str) -> None:
    """Add a link at the end of a paragraph."""
    relation = paragraph.part.relate_to(address, _LINK, is_external=True)
    paragraph._p.append(
        parse_xml(f'<w:hyperlink {nsdecls("w", "r")} r:id="{relation}"><w:r><w:t>{words}</w:t></w:r></w:hyperlink>')
    )
