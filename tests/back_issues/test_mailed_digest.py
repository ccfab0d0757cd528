"""A digest as mailing services wrap it: layout tables, a hidden preview, a logo, buttons, icons and an imprint."""

import shutil
from pathlib import Path

from conftest import Publication
from edition_contents import EditionContents

from newsletter.actions.import_back_issues import import_back_issues
from newsletter.issue.draft import load_issue
from newsletter.publication import OpenPublication

MAIL = b"""Subject: Re: Issue 12: Ports
Date: Wed, 31 Jan 2024 10:00:00 +0000
Content-Type: text/html; charset=windows-1252
Content-Transfer-Encoding: 8bit

<html><head><title>*|MC:SUBJECT|*</title><style>.preview{display:none !important}</style></head><body>
<!--[if !gte mso 9]><!----><span class="preview" style="max-height:0px; overflow:hidden">Preview&nbsp;&zwnj;</span>
<!--<![endif]--><table width="100%"><tr><td><table width="600"><tr><td style="padding:9px"><span style="font-size:24px">
<strong>Volume 2, Number 12</strong></span><br><br>Ports are <a href="https://example.org/ports">busy</a>. What\x92s
new \x96 and what isn\x92t:<br><br><strong>Headlines:</strong><ul><li>\x93Chips\x94 come first</li><li>Cables are next
</ul><strong>Details:</strong><ul><li>Detail <em>one</em> with a <a href="https://example.org/d1">link</a>.</li>
<li>Detail two, <a href="https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fd2&h=x">elsewhere</a>.</li></ul></td></tr>
</table><table><tr><td><a href="https://www.facebook.com/example"><img src="https://example.org/f.png" alt="Facebook"
width="24"></a></td></tr></table><table><tr><td><em>Copyright \xa9 2024 Example, All rights reserved.</em><br><br>
You can <a href="https://example.org/u?e=reader@example.org">unsubscribe from this list</a>, reader@example.org.</td>
</table></td></tr></table><img src="https://example.org/track/open.php?u=a" height="1" width="1"></body></html>
"""


def test_it_becomes_a_draft(publication: Publication, tmp_path: Path) -> None:
    shutil.rmtree(publication.root / "drafts")
    (publication.root / "drafts").mkdir()
    mail = tmp_path / "digest.eml"
    mail.write_bytes(MAIL)

    with OpenPublication.open(publication.root, publication.environ) as opened:
        [imported] = import_back_issues(opened, [mail])

    assert imported.error is None
    assert imported.draft
    assert imported.draft.name == "2.12.yaml"
    assert imported.problems == 0
    issue = load_issue(imported.draft)
    assert str(issue.date) == "2024-01-31"
    assert [item.headline.plain() for item in issue.items] == ["“Chips” come first", "Cables are next"]
    assert [link.href for item in issue.items for link in item.detail.links()] == [
        "https://example.org/d1",
        "https://example.org/d2",
    ]
    written = imported.draft.read_text()
    assert "Copyright" in written.split("volume")[0]  # named as left out
    assert "reader@" not in written
    contents = EditionContents.render(publication, issue, tmp_path)
    said = [
        "Ports are busy. What’s new – and what isn’t:",
        "“Chips” come first",
        "Cables are next",
        "Detail one with a link.",
    ]
    assert contents.find_unsaid([*said, "Detail two, elsewhere."]) == []
    assert contents.find_unlinked({f"https://example.org/{path}" for path in ("ports", "d1", "d2")}) == []
