"""The archive has what was sent and nothing else, follows the drafts, and is never handed out half."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from service_server import Service, made, served, serving
from smtp_server import Server

from newsletter.store import Store, open_store
from newsletter.web.public.archive import Archive, ArchiveFile, ArchiveNotReady

FOLDER = Path(".newsletter", "site")


@pytest.fixture
def store(publication: Publication) -> Iterator[Store]:
    served(publication)
    with closing(open_store(publication.workspace.database)) as opened:
        yield opened


def _record(publication: Publication, *names: str) -> None:
    for name in names:
        publication.workspace.record(name).write_text("", encoding="utf-8")


def _renewed(publication: Publication, store: Store) -> Archive:
    archive = Archive(publication.workspace, store)
    archive.renew(publication.workspace)
    return archive


def _data(archive: Archive, name: str) -> bytes:
    found = archive.find(name)
    assert isinstance(found, ArchiveFile)
    return found.data


def test_a_translation_is_not_counted_as_an_issue(
    publication: Publication, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write("\n[languages.de]\n")
    publication.draft("2.10.de", (publication.root / "drafts/2.10.yaml").read_text(encoding="utf-8"))
    _record(publication, "2.10")
    with caplog.at_level("INFO"):
        _renewed(publication, store)
    assert "The archive has 1 issue; made again: 2.10, 2.10.de" in caplog.text


def test_it_has_what_was_sent(publication: Publication, store: Store) -> None:
    archive = _renewed(publication, store)
    assert b"All issues" in _data(archive, "index.html")
    assert archive.find("2.10.html") is None
    _record(publication, "2.10")
    publication.workspace.record("3.7").write_text('due_at = "2099-01-01T00:00:00Z"\n')  # only in the outbox
    archive.renew(publication.workspace)
    assert b"2.10.html" in _data(archive, "index.html")
    assert _data(archive, "2.10.pdf").startswith(b"%PDF")
    for name in ("3.7.html", "1.4.html", ".newsletter-site.json", "../keys.toml", "../../newsletter.toml", "", "."):
        assert archive.find(name) is None
    assert not (publication.root / FOLDER / "3.7.html").exists()


def test_a_campaign_that_began_is_enough(digest: Publication) -> None:
    served(digest)
    assert digest.run("send", "2.10", "--yes").returncode == 0
    digest.workspace.record("2.10").unlink()
    with closing(open_store(digest.workspace.database)) as store:
        assert _renewed(digest, store).find("2.10.html")


@pytest.mark.slow
def test_what_nobody_has_is_not_in_it(digest: Publication) -> None:
    served(digest)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        digest.environ["NEWSLETTER_SMTP__PORT"] = str(nobody.getsockname()[1])
        assert digest.run("send", "2.10", "--yes").returncode == 1
    with closing(open_store(digest.workspace.database)) as store:
        archive = _renewed(digest, store)
        assert archive.find("2.10.html") is None
        assert b"2.10.html" not in _data(archive, "index.html")
        assert digest.run("cancel", "2.10", "--yes").returncode == 0
        archive.renew(digest.workspace)
        assert archive.find("2.10.html") is None
    # Elsewhere there is its record alone.
    digest.environ["NEWSLETTER_STORE__URL"] = "sqlite:///elsewhere.db"
    with closing(open_store(digest.workspace.database)) as store:
        assert _renewed(digest, store).find("2.10.html") is None
    assert "no issue to publish yet" in digest.run("export", "site", "--sent-only").stderr
    # Of a sending that has begun and not ended, the record can't say whom it has reached since.
    record = digest.workspace.record("2.10")
    record.write_text(re.sub("(?m)^(finished|cancelled)_at.*\n", "", record.read_text()))
    assert digest.run("export", "site", "--sent-only").returncode == 0
    del digest.environ["NEWSLETTER_STORE__URL"]
    with closing(open_store(digest.workspace.database)) as store:
        assert _renewed(digest, store).find("2.10.html") is None  # this one knows better


@pytest.mark.slow
def test_one_reader_is_enough(digest: Publication, server: Server) -> None:
    served(digest)
    (digest.root / "subscribers.csv").write_text("email\nann@example.org\nben@example.com\n")
    server.refuse = {"ben@example.com": "450 4.2.1 later"}
    digest.run("send", "2.10", "--yes")
    assert set(server.copies()) == {"ann@example.org"}
    assert digest.run("cancel", "2.10", "--yes").returncode == 0
    with closing(open_store(digest.workspace.database)) as store:
        assert _renewed(digest, store).find("2.10.html")
    assert digest.run("export", "site", "--sent-only").returncode == 0


def test_what_is_in_the_way_is_said_until_it_is_gone(
    publication: Publication, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    _record(publication, "2.10")
    folder = publication.root / FOLDER
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("mine")
    archive = _renewed(publication, store)
    archive.renew(publication.workspace)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("There is no archive yet: ")
    assert "holds index.html, which this program did not write" in told
    assert f"Move what it did not write out of {FOLDER}." in told
    assert " -o" not in told
    with pytest.raises(ArchiveNotReady, match="There is no archive here"):
        archive.find("index.html")
    (folder / "index.html").unlink()
    archive.renew(publication.workspace)
    assert b"2.10.html" in _data(archive, "index.html")


def test_a_sent_issue_without_its_draft(
    publication: Publication, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    _renewed(publication, store)
    assert "No issue has been sent yet" in caplog.text
    _record(publication, "2.10")
    publication.workspace.find_draft("2.10").unlink()
    caplog.clear()
    _renewed(publication, store)
    assert "No issue that has been sent has its draft here" in caplog.text
    assert "yet" not in caplog.text


def test_it_follows_drafts_and_templates(publication: Publication, store: Store) -> None:
    _record(publication, "2.10", "1.4")
    archive = _renewed(publication, store)
    draft = publication.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("headline: >-\n", "headline: >-\n      Corrected.\n", 1))
    before = _data(archive, "1.4.pdf")
    archive.renew(publication.workspace)
    assert b"Corrected." in _data(archive, "2.10.html")
    assert b"Corrected." in _data(archive, "feed.xml")
    assert _data(archive, "1.4.pdf") == before
    templates = publication.root / "templates"
    templates.mkdir()
    (templates / "index.html.j2").write_text("<p>My own list</p>")
    archive.renew(publication.workspace)
    assert _data(archive, "index.html") == b"<p>My own list</p>"
    publication.workspace.record("1.4").unlink()
    publication.workspace.find_draft("1.4").unlink()
    archive.renew(publication.workspace)
    assert archive.find("1.4.html") is None


@pytest.mark.parametrize("broken", ["draft", "template", "config"])
def test_what_is_broken_leaves_the_last_good_one(
    publication: Publication, store: Store, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    _record(publication, "2.10")
    archive = _renewed(publication, store)
    good = _data(archive, "2.10.html")
    path = {
        "draft": publication.workspace.find_draft("2.10"),
        "template": publication.root / "templates/web.html.j2",
        "config": publication.root / "newsletter.toml",
    }[broken]
    path.parent.mkdir(exist_ok=True)
    text = path.read_text() if path.exists() else None
    path.write_text("{{ unknown }} [")
    for _ in range(3):
        archive.renew(publication.workspace)
    assert [record.levelname for record in caplog.records] == ["ERROR"]  # once, and not at each look
    assert path.name in caplog.text
    assert _data(archive, "2.10.html") == good
    # A service that starts now has it too.
    assert _data(_renewed(publication, store), "2.10.html") == good if broken != "config" else True
    if text is None:
        path.unlink()
    else:
        path.write_text(text.replace("Pacific Alliance Digest", "Atlantic Digest"))
    archive.renew(publication.workspace)
    assert archive.find("2.10.html")


def test_an_issue_without_its_pdf_is_shown_all_the_same_and_logged(
    publication: Publication, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    draft = publication.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("Dear {{", "\u16a0 Dear {{"))
    _record(publication, "2.10", "3.7")
    archive = _renewed(publication, store)
    assert "\u16a0 Dear" in _data(archive, "2.10.html").decode()
    assert archive.find("2.10.pdf") is None
    assert _data(archive, "3.7.pdf").startswith(b"%PDF")
    assert "2.10 has no PDF of its present text" in caplog.text
    assert "U+16A0" in caplog.text


def test_a_file_that_is_not_as_it_was_written_is_not_handed_out(publication: Publication, store: Store) -> None:
    _record(publication, "2.10")
    archive = _renewed(publication, store)
    path = publication.root / FOLDER / "2.10.pdf"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(ArchiveNotReady):
        archive.find("2.10.pdf")
    path.unlink()
    path.symlink_to(publication.root / "newsletter.toml")
    with pytest.raises(ArchiveNotReady):
        archive.find("2.10.pdf")
    path.unlink()
    archive.renew(publication.workspace)
    assert _data(archive, "2.10.pdf") == whole


def test_before_there_is_one_readers_can_leave(publication: Publication, store: Store) -> None:
    _record(publication, "2.10")
    with pytest.raises(ArchiveNotReady):
        Archive(publication.workspace, store).find("index.html")


def test_files_come_with_what_clients_ask_for(service: Service) -> None:
    service.says("The archive has 1 issue")
    kinds = {
        "/": "text/html; charset=utf-8", "/2.10.html": "text/html; charset=utf-8", "/2.10.pdf": "application/pdf",
        "/2.10-lead.jpg": "image/jpeg", "/feed.xml": "application/atom+xml; charset=utf-8",
        "/sitemap.xml": "application/xml; charset=utf-8",
    }  # fmt: skip
    for path, kind in kinds.items():
        status, headers, body = service.ask(path)
        assert (status, headers["content-type"], len(body)) == (200, kind, int(headers["content-length"]))
        for asked in (
            {"If-None-Match": headers["etag"]},
            {"If-None-Match": f'"x", W/{headers["etag"]}'},
            {"If-None-Match": "*"},
            {"If-Modified-Since": headers["last-modified"]},
        ):
            status, again, body = service.ask(path, headers=asked)
            assert (status, body, again["etag"]) == (304, b"", headers["etag"])
        for asked in (
            {"If-None-Match": '"x"', "If-Modified-Since": headers["last-modified"]},
            {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
            {"If-Modified-Since": "yesterday"},
        ):
            assert service.ask(path, headers=asked)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/.newsletter-site.json", "/../keys.toml", "/..%2fkeys.toml", "/%2e%2e%2fkeys.toml", "/..%5ckeys.toml",
        "/state.db", "/newsletter.toml", "/subscribers.csv", "//etc/passwd", "/2.10.html%00.pdf", "/3.7.html",
        "/site/index.html", "/2.10.html/", "/INDEX.HTML",
    ],
)  # fmt: skip
def test_there_is_no_way_to_other_files(service: Service, path: str) -> None:
    service.says("The archive has 1 issue")
    status, _, body = service.ask(path)
    assert (status, body) == (404, b"There is no such page.\n")


def test_a_start_finds_what_an_earlier_one_made(tmp_path: Path) -> None:
    publication = made(tmp_path / "digest")
    with serving(publication) as first:
        first.says("made again: 2.10")
    with serving(publication) as second:
        assert second.ask("/2.10.pdf")[0] == 200
        second.says("made again: none")
