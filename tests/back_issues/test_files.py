"""Files of back issues: of every encoding, damaged, empty, too large, wrongly named, and hostile."""

import io
import os
import re
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from conftest import ROOT, Publication, Run
from PIL import Image

from newsletter.actions.import_back_issues import ImportedBackIssue, import_back_issues
from newsletter.back_issues import conversion, source_file
from newsletter.back_issues.conversion import convert_file
from newsletter.back_issues.converted_text import ConvertedText, UnreadableFile
from newsletter.back_issues.drafts import draft_writing
from newsletter.back_issues.drafts.composition import compose_back_issue
from newsletter.back_issues.picture_files import PictureFiles
from newsletter.back_issues.source_file import read_source_file
from newsletter.back_issues.structuring.structure import SourceContext, structure
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue
from newsletter.publication import OpenPublication

DIGEST = "Vol. 2.11 · June 15, 2023\n\nHeadlines:\n- {}\n\nDetails:\n- {}\n"
Import = Callable[..., ImportedBackIssue]


@pytest.fixture
def bring_in(publication: Publication, tmp_path: Path) -> Import:
    """Return a function that imports one file, made of a name and its contents."""

    def bring_in(name: str, contents: str | bytes, **given: object) -> ImportedBackIssue:
        path = tmp_path / "old" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        with OpenPublication.open(publication.root, publication.environ) as opened:
            (imported,) = import_back_issues(opened, [path], **given)  # type: ignore[arg-type]  # as the test has it
        return imported

    return bring_in


def _read(imported: ImportedBackIssue) -> Issue:
    assert imported.error is None, imported.error
    assert imported.draft
    assert imported.problems == 0
    return load_issue(imported.draft)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("name", ["x.md", "x.txt"])
def test_each_encoding_is_told_from_the_others(tmp_path: Path, encoding: str, name: str) -> None:
    (tmp_path / name).write_bytes(DIGEST.format("Crème brûlée – “now”", "It costs 3 € here.").encode(encoding))
    (item,) = structure(convert_file(read_source_file(tmp_path / name)), SourceContext()).items
    assert (item.headline, item.detail) == ("Crème brûlée – “now”", "It costs 3 € here.")


def _zip(name: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, "x")
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "contents", "words"),
    [
        ("empty.md", b"", "The file is empty."),
        ("blank.txt", b"\xef\xbb\xbf \r\n\n", "The file is empty."),
        ("nothing.md", b"---\nvolume: 2\nnumber: 12\ndate: 2023-07-01\n---\n<!-- soon -->\n", "Nothing that an issue"),
        ("really.md", b"%PDF-1.7\n1 0 obj", "The file is a PDF, whatever its name says. Rename it to end in .pdf."),
        ("really.txt", _zip("a.txt"), "The file is an archive (.zip, .odt), whatever its name says."),
        ("really2.md", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "a Word document of the kind before 2007 (.doc)"),
        ("photo.md", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "The file is a picture, whatever its name says."),
        ("binary.md", bytes(range(256)) * 40, "This is not a text file, whatever its name says."),
        ("undefined.md", b"Caf\x81\x8d\x8f is no text of any encoding\n" * 3, "Its characters can't be read"),
        ("letter.doc", b"\xd0\xcf\x11\xe0", "Files ending in .doc can't be read. Open it in the program"),
        ("2.12.yaml", b"volume: 2\n", "This is a draft already."),
        ("2.12", b"Headlines:\n- x\n", "Its name doesn't say what kind of file it is."),
        ("undated.md", b"Headlines:\n- One\n\nDetails:\n- The one.\n", "No date was found in it."),
        ("june.md", b"June 15, 2023\n\nHeadlines:\n- One\n\nDetails:\n- The one.\n", "No number was found in it."),
        (
            "12.md",
            b"June 15, 2023\n\nHeadlines:\n- One\n\nDetails:\n- The one.\n",
            "but of which volume was not",
        ),
    ],
)
def test_what_is_no_back_issue_is_answered_in_a_line(
    publication: Publication, bring_in: Import, name: str, contents: bytes, words: str
) -> None:
    before = sorted(publication.root.rglob("*"))
    error = bring_in(name, contents).error
    assert error
    assert words in f"{error.message} {error.next_step}"
    assert "\n" not in error.message + error.next_step
    assert sorted(publication.root.rglob("*")) == before


def test_a_text_that_no_draft_could_hold_is_refused(bring_in: Import) -> None:
    error = bring_in("2.12.md", "- a bullet of thirty-two letters.\n" * 60_000).error
    assert error
    assert error.message == "It holds 2.0 MB of text; a draft has 1 MB at most."


def test_a_pipe_and_a_folder_are_no_files(publication: Publication, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    with OpenPublication.open(publication.root, publication.environ) as opened:
        made = list(import_back_issues(opened, [tmp_path / "pipe.md", tmp_path / "folder.md", tmp_path / "not.md"]))
    messages = [each.error.message for each in made if each.error]
    assert messages == ["This is no file.", "This is a folder.", "There is no such file."]


def _compose(name: str, text: str, folder: Path) -> Issue:
    """Return the issue of a text, by way of its draft."""
    path = folder / name
    path.write_text(text)
    issue = structure(convert_file(read_source_file(path)), SourceContext(file_name=name))
    draft = folder / "2.11.yaml"
    draft.write_text(compose_back_issue(issue, date(2023, 6, 15)))
    return load_issue(draft)


HOSTILE = [
    "a: b",
    "- dash",
    "'single' \"double\" # no comment",
    "!!python/object:os.system [x] {y: z}",
    "&anchor *alias",
    "%YAML 1.1",
    "> folded",
    "| literal",
    "{{ name }}",
    "Dear *|FNAME|*, %%name%% {% if x %} <% y %> [FIRST NAME]",
    "<script>alert(1)</script> &lt;b&gt; &amp;amp;",
    "![x](y.jpg) [z]: http://example.org",
    "1. one 2) two #3 ### four",
    "<<<<<<< HEAD",
    "TK or TODO: \\ backslash \\* \\\\",
    "*** ___ --- === ``` ~~~ | a | b |",
    "`code with ``ticks`",
    "[^1] x^2^ H~2~O ==mark== ~~gone~~",
    "• nested ◦ signs «NAME» ①②",
    "http://example.org/a_b_c?d={{ email }}&e=*|X|*",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["headline", "detail"])
def test_a_text_with_signs_of_yaml_and_other_programs_stays_text(tmp_path: Path, text: str, place: str) -> None:
    """In plain text every sign stands for itself."""
    words = (text, "Something harmless.") if place == "headline" else ("Something", f"So: {text}")
    issue = _compose("x.txt", DIGEST.format(*words), tmp_path)
    (item,) = issue.items
    assert [item.headline.plain(), " ".join(item.detail.plain().split())] == list(words)
    assert issue.fields() == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_such_a_text_in_markdown_becomes_a_draft_without_fields(tmp_path: Path, text: str) -> None:
    assert _compose("x.md", DIGEST.format(f"One {text}", f"Two {text}"), tmp_path).fields() == ()


def test_fields_of_other_programs_are_named(bring_in: Import) -> None:
    made = bring_in("x.md", DIGEST.format("Hello", "Dear *|FNAME|* and {{ name }}"))
    assert made.undecided == ("This was a field of another program, and is text now: *|FNAME|*; {{ name }}",)


def test_what_a_terminal_obeys_is_nowhere(bring_in: Import) -> None:
    sequences = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x07\x9b31m \u202eright\u202c \ue000 \x0bnext"
    made = bring_in("x.md", DIGEST.format(f"One {sequences}", "Two") + f"\n![a {sequences}](b{sequences}.jpg)\n")
    assert made.draft
    text = made.draft.read_text()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ue000-\uf8ff]", text)
    assert "Characters that nobody can read, such as a terminal's, were left out." in made.undecided


def _picture(path: Path, colour: str = "#406080") -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), colour).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "source",
    [
        "../secret.png",
        "..%2Fsecret.png",
        "/etc/passwd",
        "sub/../../secret.png",
        "link.png",
        "http://127.0.0.1/x.png",
        "//127.0.0.1/x.png",
        "file:///tmp/secret.png",
        "text.png",
        "absent.png",
        "x%00.png",
        "notes.txt",
    ],
)
def test_a_picture_that_is_not_beside_the_text_is_not_taken(tmp_path: Path, source: str) -> None:
    _picture(tmp_path / "secret.png")
    old = tmp_path / "old"
    old.mkdir()
    (old / "link.png").symlink_to(tmp_path / "secret.png")
    (old / "text.png").write_text("no picture")
    (old / "notes.txt").write_text("no picture")
    _picture(old / "here/right.png")
    pictures = PictureFiles(old, tmp_path / "drafts", "x")
    assert pictures.find_picture(source) is None
    assert pictures.wanted == {}
    assert pictures.find_picture("here/right.png") == "right.png"


def test_a_picture_that_is_not_there_is_named_in_the_draft(bring_in: Import) -> None:
    made = bring_in("x.md", f"![It shows this](../secret.png)\n\n{DIGEST.format('One', 'Two')}")
    assert _read(made).image is None
    assert made.undecided == (
        "Pictures that are not here, or that no edition can show: ../secret.png, which shows: It shows this",
    )


def test_a_picture_is_written_over_nothing(publication: Publication, bring_in: Import, tmp_path: Path) -> None:
    drafts = publication.root / "drafts"
    mine = _picture(tmp_path / "old/pictures/bay & sea.png", "#112233")
    theirs = _picture(drafts / "bay-sea.png", "#445566")
    text = "![The bay](<pictures/bay & sea.png>)\n\nVol. 2.{}, June 15, 2023\n\n## News\n\nIt is blue.\n"
    first, second = (_read(bring_in(f"{number}.md", text.format(number))).image for number in (11, 12))
    assert first
    assert second
    assert (drafts / "bay-sea.png").read_bytes() == theirs
    assert (drafts / first.file).read_bytes() == mine
    assert first.file == "11-bay-sea.png"
    assert second.file == "12-bay-sea.png"


SAVED = """<title>{title} Vol. 2.11 – The Institute</title><link rel="canonical" href="https://example.org/d/2-11/">
<nav><a href="/">Home</a></nav><main><article><h1>{title} Vol. 2.11</h1>
<p class="meta">Posted on <time datetime="2023-06-15">June 15, 2023</time> by <a href="/m">Mia Lund</a> in Digest</p>
<figure><img src="Digest%202.11_files/crane.png" alt="A crane"><figcaption>At dusk. (Photo: Jun Ito)</figcaption>
</figure>
<p><strong>Headlines from the Easter Talks</strong></p>
<p>• Crane drivers settle<br>• Quay is cleared</p><p>&nbsp;</p>
<p>• The drivers <a href="../../cranes">settled</a> for more.<br>• The Commission cleared the quay.</p>
<div id="comments"><h2>1 Comment</h2><ol><li>Nice!</li></ol></div></article></main>"""


def test_a_page_that_a_browser_saved_whole(bring_in: Import, publication: Publication, tmp_path: Path) -> None:
    """The pictures are in a folder beside it, though the page says at which address it was."""
    _picture(tmp_path / "old/Digest 2.11_files/crane.png")
    with OpenPublication.open(publication.root, publication.environ) as opened:
        title = opened.workspace.config.publication.title
    made = bring_in("Digest 2.11.html", SAVED.format(title=title))
    issue = _read(made)
    headlines = [item.headline if isinstance(item.headline, str) else item.headline.plain() for item in issue.items]
    assert headlines == ["Crane drivers settle", "Quay is cleared"]
    assert [link.href for words in issue.texts() for link in words.links()] == ["https://example.org/cranes"]
    assert issue.image
    assert (issue.image.file, issue.headlines_title) == ("crane.png", "Headlines from the Easter Talks")
    assert (issue.title, issue.intro, issue.sections) == (None, None, ())
    assert sorted(made.undecided) == [
        "Left out, as the mail's or website's own: '1 Comment'.",
        "Left out, as the website's own: Posted on June 15, 2023 by Mia Lund in Digest",
    ]


def test_the_publications_name_is_no_part_of_a_mails_title(bring_in: Import, publication: Publication) -> None:
    with OpenPublication.open(publication.root, publication.environ) as opened:
        title = opened.workspace.config.publication.title
    mail = (
        f"Subject: Pilots are few - {title}\nDate: Thu, 15 Jun 2023 08:00:00 +0200\nContent-Type: text/html\n\n"
        f'<img src="https://example.org/m.png" width="564" alt="{title}"><p>Vol. 2, Issue 11</p>'
        "<h2>Headlines</h2><ul><li>One</ul><h2>Details</h2><ul><li>The one.</ul>"
    )
    made = bring_in("x.eml", mail)
    assert _read(made).title == "Pilots are few"
    assert made.undecided == ()


def test_the_same_picture_is_taken_once(publication: Publication, bring_in: Import, tmp_path: Path) -> None:
    _picture(tmp_path / "old/bay.png")
    text = "Vol. 2.{}, June 15, 2023\n\n## News\n\nIt is blue.\n\n![The bay](bay.png)\n"
    for number in (11, 12):
        assert _read(bring_in(f"{number}.md", text.format(number))).pictures == (publication.root / "drafts/bay.png",)
    assert [path.name for path in (publication.root / "drafts").glob("*bay*")] == ["bay.png"]


@pytest.mark.parametrize(
    ("numbering", "name", "head", "becomes"),
    [
        ("volume", "a.md", "Volume II, Number 11\nJune 15, 2023", "2.11"),
        ("volume", "2.11.md", "15 June 2023", "2.11"),
        ("volume", "vol2-no11_2023-06-15.md", "Good morning", "2.11"),
        ("number", "a.md", "Issue #611 · 15.06.2023", "611"),
        ("number", "edition-611.md", "2023-06-15", "611"),
        ("number", "a.md", "Vol. 2.11, 2023/06/15", "2.11"),
        ("date", "a.md", "Issue 611, June 15th, 2023", "2023-06-15"),
        ("date", "2023-06-15-digest.md", "Good morning", "2023-06-15"),
        ("none", "2023-06-15-Spring Fair!.md", "Good morning", "spring-fair"),
        ("none", "a.md", "---\nslug: summer-fair\ndate: 2023-06-15\n---\n", "summer-fair"),
        ("date", "a.md", "15 juin 2023", "2023-06-15"),
        ("date", "a.md", "2023年6月15日", "2023-06-15"),
        ("date", "a.md", '+++\ndate = 2023-06-15T10:00:00+02:00\ntitle = "x"\n+++\n', "2023-06-15"),
    ],
)
def test_a_draft_is_named_by_the_publications_numbering(
    publication: Publication, bring_in: Import, numbering: str, name: str, head: str, becomes: str
) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__NUMBERING"] = numbering
    made = bring_in(name, f"{head}\n\nHeadlines:\n- One\n\nDetails:\n- The one.\n")
    assert made.error is None, made.error
    assert made.draft
    assert made.draft.name == f"{becomes}.yaml"
    assert load_issue(made.draft).date == date(2023, 6, 15)


def test_a_date_that_can_be_read_in_two_ways_is_not_guessed(bring_in: Import) -> None:
    made = bring_in("2.11.md", "07/05/2023\n\nHeadlines:\n- One\n\nDetails:\n- The one.\n")
    assert made.error
    assert made.error.message == "No date was found in it."
    given = bring_in("2.11.md", "07/05/2023\n\nHeadlines:\n- One\n\nDetails:\n- The one.\n", date=date(2023, 7, 5))
    assert _read(given).date == date(2023, 7, 5)
    assert given.undecided == ()


def test_a_month_alone_is_its_first_day_and_said_so(bring_in: Import) -> None:
    made = bring_in("x.md", "Vol. 2.11, June 2023\n\nHeadlines:\n- One\n\nDetails:\n- The one.\n")
    assert _read(made).date == date(2023, 6, 1)
    assert made.undecided == ("Only the month is known, so the date is its first day.",)


def test_several_files_are_reported_in_a_table(run: Run, digest: Publication) -> None:
    old = digest.root / "old"
    old.mkdir()
    (old / "a.md").write_text(DIGEST.format("One", "The one."))
    (old / "b.md").write_text(DIGEST.format("One", "The one.").replace("2.11", "2.12").replace("- The", "- x\n- The"))
    (old / "c.md").write_text("")
    (old / "d.md").write_text(DIGEST.format("Another", "The other."))
    done = run("draft", "import", "old/a.md", "old/b.md", "old/c.md", "old/d.md")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[:2] == ["File\tDraft\tUndecided", "old/a.md\tdrafts/2.11.yaml\tnothing"]
    assert lines[2].startswith("old/b.md\tdrafts/2.12.yaml\tThere are 1 headline and 2 details")
    assert "old/c.md: The file is empty." in lines
    assert (
        "old/d.md: 'drafts/2.11.yaml' is there already, and was not changed. "
        "To import a file again, move its draft away first." in lines
    )
    assert run("draft", "check", "2.11").exit_code == 0


def test_what_helps_with_several_files_is_said_once(run: Run, digest: Publication) -> None:
    for name in "abc":
        (digest.root / f"{name}.md").write_text(DIGEST.format(f"One {name}", "The one."))
    done = run("draft", "import", "a.md", "b.md", "c.md", "none.md")
    assert done.output.splitlines()[2:] == [
        "b.md: 'drafts/2.11.yaml' is there already, and was not changed.",
        "c.md: 'drafts/2.11.yaml' is there already, and was not changed. "
        "To import a file again, move its draft away first.",
        "none.md: There is no such file.",
    ]


def test_a_remark_in_the_table_ends_with_a_whole_word(run: Run, digest: Publication) -> None:
    (digest.root / "a.md").write_text(f"---\nmood: {'calm ' * 40}\n---\n{DIGEST.format('One', 'The one.')}")
    japanese = DIGEST.format("Two", "The two.").replace("2.11", "2.12")
    (digest.root / "b.md").write_text(f"---\nmood: {'港' * 90}\n---\n{japanese}")
    table = run("draft", "import", "a.md", "b.md").output.splitlines()
    first, second = (line.split("\t")[2] for line in table[1:3])
    assert first == f"The front matter said besides: mood: {' '.join(['calm'] * 8)} …"
    assert second == f"The front matter said besides: mood: {'港' * 43}…"


def test_headlines_without_bullets_are_lines_or_paragraphs_as_there_are_details(tmp_path: Path) -> None:
    headlines, details = "A long headline that is\nwrapped\n\nAnother", "The one.\n\nThe\nother."
    text = f"Vol. 2.11\n\nHEADLINES\n\n{headlines}\n\nDETAILS\n\n{details}\n\nABOUT\nUs.\n"
    issue = _compose("x.txt", text, tmp_path)
    assert [item.headline.plain() for item in issue.items] == ["A long headline that is wrapped", "Another"]
    assert [item.detail.plain() for item in issue.items] == ["The one.", "The other."]


@pytest.mark.parametrize("title", ["## Highlights from the summit", "Highlights from the summit"])
def test_headlines_under_a_title_of_their_own_go_with_the_details(tmp_path: Path, title: str) -> None:
    text = f"Vol. 2.11\n\nGood morning.\n\n{title}\n\n- One\n- Two\n\n## Details\n\n- The one.\n- The other.\n"
    issue = _compose("x.md", text, tmp_path)
    assert [item.headline.plain() for item in issue.items] == ["One", "Two"]
    assert [item.detail.plain() for item in issue.items] == ["The one.", "The other."]
    assert issue.headlines_title == "Highlights from the summit"
    assert issue.intro
    assert issue.intro.plain() == "Good morning."


@pytest.mark.parametrize("name", ["x.md", "x.txt"])
@pytest.mark.parametrize("line", ["-------", "=======", "_______"])
def test_a_line_below_a_title_is_no_detail(tmp_path: Path, name: str, line: str) -> None:
    text = f"Vol. 2.11\n\nHEADLINES\n{line}\n\n1. One\n2. Two\n\nDETAILS\n{line}\n\n1. The one.\n\n2. The other.\n"
    issue = _compose(name, text, tmp_path)
    assert [item.headline.plain() for item in issue.items] == ["One", "Two"]
    assert [item.detail.plain() for item in issue.items] == ["The one.", "The other."]


def test_a_bold_line_behind_the_details_begins_a_section(tmp_path: Path) -> None:
    details = "1)  The one.\n2)  The other.\n\n    o   a sub-bullet\n    o   another\n"
    rest = "**In other news**\n\n*   Small one\n*   Small two\n\nBest,\nMia\n"
    text = f"Vol. 2.11\n\n**Headlines**\n\n1)  One\n2)  Two\n\n**Details**\n\n{details}\n{rest}"
    issue = _compose("x.md", text, tmp_path)
    assert [item.headline.plain() for item in issue.items] == ["One", "Two"]
    assert issue.items[1].detail.plain().split() == ["The", "other.", "a", "sub-bullet", "another"]
    [section] = issue.sections
    assert section.title
    assert section.title.plain() == "In other news"
    assert "strong=True" not in repr(section.title)
    assert section.text
    assert "Small two" in section.text.plain()


def test_bullets_with_a_lead_are_items_and_links_alone_stay_a_list(tmp_path: Path) -> None:
    text = (
        "Vol. 2.11\n\n## Read\n\n- **[One](https://example.org/1)** – what it says.\n"
        "- [Two](https://example.org/2): more of it.\n"
        "- **Three.** Words with [a link](https://example.org/3).\n- [Four](https://example.org/4) by Ada, her talk\n\n"
        "## Links\n\n- [Five](https://example.org/5)\n- [Six]({{ six }})\n"
    )
    read, links = _compose("x.md", text, tmp_path).sections
    assert [item.headline.plain() for item in read.items] == ["One", "Two", "Three", "Four"]
    found = [[link.href for link in item.detail.links()] or (item.link and item.link.href) for item in read.items]
    assert found == [
        "https://example.org/1",
        "https://example.org/2",
        ["https://example.org/3"],
        ["https://example.org/4"],
    ]
    assert links.text
    assert links.text.plain().split() == ["Five", "Six"]
    assert [link.href for link in links.text.links()] == ["https://example.org/5"]


def test_a_number_and_a_date_can_be_given_for_one_file(run: Run, digest: Publication) -> None:
    (digest.root / "x.txt").write_text("Headlines:\n- One\n\nDetails:\n- The one.\n")
    refused = run("draft", "import", "x.txt")
    assert refused.exit_code == 1
    assert "--date 2023-05-31" in refused.output
    done = run("draft", "import", "x.txt", "--number", "2.11", "--date", "2023-06-15")
    assert done.exit_code == 0
    assert (digest.root / "drafts/2.11.yaml").exists()


def test_what_a_long_text_costs_is_that_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text is read back a few times, however many there are."""
    read = 0
    parse = draft_writing.parse

    def count(text: str) -> object:
        nonlocal read
        read += len(text)
        return parse(text)

    monkeypatch.setattr(draft_writing, "parse", count)
    costs = []
    for number in (50, 150):
        read = 0
        lines = "\n".join(f"- A headline of the {each}" for each in range(number))
        details = "\n".join(f"- A detail with [a link](https://example.org/{each}) is here." for each in range(number))
        text = f"Vol. 2.{number}, June 15, 2023\n\nHeadlines:\n{lines}\n\nDetails:\n{details}\n"
        assert len(structure(ConvertedText(text), SourceContext()).items) == number
        costs.append(read / len(text))
    assert max(costs) < 3
    assert costs[1] < 1.2 * costs[0]


def test_the_limit_is_said_in_the_docs() -> None:
    page = (ROOT / "docs/editors/back-issues.md").read_text()
    assert f"A file may have {source_file.MAX_BYTES // 1_000_000} MB" in page
    assert f"text alone {source_file.MAX_TEXT_BYTES // 1_000_000} MB" in page


def test_a_page_that_keeps_its_parser_busy_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attribute of an element is compared with all before it."""
    monkeypatch.setattr(conversion, "MOST_SECONDS", 1)
    attributes = " ".join(f"a{number}=b" for number in range(200_000))
    (tmp_path / "x.html").write_text(f"<ul><li {attributes}>words</ul>", encoding="utf-8")

    with pytest.raises(UnreadableFile, match="more time or memory"):
        convert_file(read_source_file(tmp_path / "x.html"))
