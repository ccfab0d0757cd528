"""Two publications in one workspace, by the command line: made, sent to the same readers, and what comes back."""

import json
import mailbox
import re
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import forked
import pytest
import smtp_server
from conftest import Publication, copy_sample
from postgres import Postgres
from scheduling import HOUR, MINUTE, set_moments
from several import fill, report

from newsletter.cli import cli
from newsletter.config.example import ABOUT
from newsletter.issue_name import IssueName
from newsletter.publication import OpenPublication
from newsletter.store import Busy, suppressions
from newsletter.subscribers.secret_keys import create_secret_keys, require_secret_keys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.workspace_search import find_workspace

READERS = [f"reader{number}@example.net" for number in range(4)]
MESSAGE_ID = re.compile(rb"(?im)^Message-ID: *(\S+)")


@dataclass(frozen=True)
class Two:
    """A workspace whose publications both have sent 2.10 to the same readers, and the copies by publication."""

    publication: Publication
    copies: dict[str, dict[str, bytes]]

    def opened(self, name: str) -> OpenPublication:
        return OpenPublication(find_workspace(self.publication.root, self.publication.environ, name))


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Two:
    publication = copy_sample(tmp_path_factory.mktemp("several") / "digest")
    create_secret_keys(publication.root)
    before = {path: path.read_bytes() for path in publication.root.rglob("*") if path.is_file()}
    made = publication.run("init", "--publication", "weekly", "--title", "The Weekly")
    assert made.returncode == 0, made.stderr
    assert {path: path.read_bytes() for path in before} == before, "making one changes nothing of the other"
    weekly = publication.root / "publications" / "weekly"
    config = weekly / "newsletter.toml"
    config.write_text(config.read_text().replace(ABOUT, "A week in brief."))
    (weekly / "drafts" / "1.1.yaml").unlink()
    for folder in (publication.root, weekly):
        fill(folder, READERS)
    copies: dict[str, dict[str, bytes]] = {}
    for name, where in (("main", ()), ("weekly", ("-P", "weekly"))):
        with smtp_server.running() as server:
            publication.through(server)
            done = publication.run(*where, "send", "2.10", "--yes")
            assert done.returncode == 0, done.stdout + done.stderr
            assert "4 on the list = 4 accepted" in done.stdout
            copies[name] = {reader: server.message(reader) for reader in READERS}
    return Two(publication, copies)


@pytest.fixture
def two(sent: Two, tmp_path: Path) -> Two:
    shutil.copytree(sent.publication.root, tmp_path / "digest")
    return Two(Publication(tmp_path / "digest", dict(sent.publication.environ)), sent.copies)


def test_the_new_publication_has_its_own_name_list_and_look(two: Two) -> None:
    config = two.opened("weekly").config
    assert (config.publication.title, config.subscriber_list.id) == ("The Weekly", "weekly.example.org")
    assert str(config.sender.from_.name) == "The Weekly"
    assert config.theme == two.opened("main").config.theme
    assert b"List-Id: The Weekly <weekly.example.org>" in two.copies["weekly"][READERS[0]].replace(b'"', b"")
    assert [path.name for path in (two.publication.root / "drafts").glob("*.sent.toml")] == ["2.10.sent.toml"]
    assert (two.publication.root / "publications/weekly/drafts/2.10.sent.toml").exists()
    assert (two.publication.root / ".newsletter/state.db").exists()
    assert not (two.publication.root / "publications/weekly/.newsletter").exists()


def test_status_and_drafts_are_shown_of_all_or_of_one(two: Two) -> None:
    run = two.publication.run
    shown = run("status").stdout
    assert [line for line in shown.splitlines() if line in ("main", "weekly")] == ["main", "weekly"]
    assert len(re.findall(r"^2\.10\tsent", shown, re.MULTILINE)) == 2
    found = json.loads(run("status", "--json").stdout)
    shown_of = [(one["publication"], one["issue"], one["list"]) for one in found]
    assert shown_of == [("main", "2.10", 4), ("weekly", "2.10", 4)]
    assert found[0]["campaign"] != found[1]["campaign"]
    assert "publication" not in json.loads(run("-P", "weekly", "status", "--json").stdout)[0]
    drafts = json.loads(run("draft", "list", "--json").stdout)
    assert {one["publication"] for one in drafts} == {"main", "weekly"}
    assert [one["issue"] for one in json.loads(run("draft", "list", "--json", "-P", "weekly").stdout)][-1] == "2.10"
    assert run("report", "2.10", "--publication=weekly").returncode == 0
    unknown = run("-P", "monthly", "status")
    assert unknown.returncode == 2
    assert "There are: main, weekly." in unknown.stderr


def test_tokens_and_message_ids_are_each_publications_own(two: Two) -> None:
    ids = {name: {MESSAGE_ID.findall(message)[0] for message in copies.values()} for name, copies in two.copies.items()}
    assert len(ids["main"] | ids["weekly"]) == 2 * len(READERS)


@pytest.fixture
def box(two: Two) -> mailbox.Maildir:
    two.publication.environ["NEWSLETTER_INBOX__SOURCE"] = "Maildir"
    return mailbox.Maildir(two.publication.root / "Maildir")


def _causes(two: Two, name: str) -> dict[str, list[str]]:
    with closing(two.opened(name)) as opened, opened.store.reading() as connection:
        return {
            reader: sorted(map(str, causes))
            for reader in READERS
            if (causes := suppressions.list_causes(connection, reader))
        }


def _events(two: Two, name: str) -> int:
    with closing(two.opened(name)) as opened:
        (status,) = json.loads(two.publication.run("-P", name, "status", "--json").stdout)
        assert opened.store.publication == name
    return sum(status["since"].values())


@pytest.mark.parametrize("how", ["--leave", "--move"])
def test_each_mail_of_a_shared_mailbox_belongs_to_one(two: Two, box: mailbox.Maildir, how: str) -> None:
    for name, reader in (("main", READERS[0]), ("weekly", READERS[1]), ("weekly", READERS[2])):
        kind = "bounce" if reader != READERS[2] else "complaint"
        box.add(report(two.copies[name][reader], reader, kind))
    both = two.publication.run("inbox", "read", how)
    assert both.returncode == 0, both.stdout + both.stderr
    assert (_events(two, "weekly"), _events(two, "main")) == (2, 1)
    assert READERS[0] in _causes(two, "main")
    for where in ((), ("-P", "weekly")):  # whoever reads it again
        again = two.publication.run(*where, "inbox", "read", how)
        assert (again.returncode, _events(two, "weekly"), _events(two, "main")) == (0, 2, 1)
    assert len(box.keys()) == (3 if how == "--leave" else 0)


def test_the_outbox_runs_over_all_publications(two: Two) -> None:
    run, weekly = two.publication.run, two.publication.root / "publications" / "weekly"
    for folder in (two.publication.root, weekly):
        shutil.copyfile(folder / "drafts" / "2.10.yaml", folder / "drafts" / "2.12.yaml")
        draft = folder / "drafts" / "2.12.yaml"
        draft.write_text(draft.read_text().replace("number: 10", "number: 12"))
    with smtp_server.running() as server:
        two.publication.through(server)
        for where in ((), ("-P", "weekly")):
            put = run(*where, "send", "2.12", "--at", "in 90 minutes", "--yes")
            assert put.returncode == 0, put.stdout + put.stderr
        for name in ("main", "weekly"):
            with closing(two.opened(name)) as opened:
                set_moments(opened.store, datetime.now(UTC) - MINUTE, datetime.now(UTC) + HOUR, "2.12")
        listed = json.loads(run("outbox", "list", "--json").stdout)
        assert [(one["publication"], one["issue"]) for one in listed] == [("main", "2.12"), ("weekly", "2.12")]
        (weekly / "newsletter.toml").rename(weekly / "kept")
        (weekly / "newsletter.toml").write_text("[publication\n")
        broken = run("outbox", "run")
        assert broken.returncode == 1
        assert "weekly" in broken.stdout
        assert server.copies() == dict.fromkeys(READERS, 1), "the other one is sent all the same"
        (weekly / "kept").replace(weekly / "newsletter.toml")
        done = run("outbox", "run")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "weekly: 2.12 leaves to 4 readers" in done.stdout
        assert server.copies() == dict.fromkeys(READERS, 2)


def test_a_name_behind_the_command_is_moved_before_it() -> None:
    with cli.make_context("newsletter", ["send", "2.10", "-P", "weekly", "--yes"]) as context:
        assert context.params["publication"] == "weekly"
    with cli.make_context("newsletter", ["send", "--", "-P", "weekly"]) as context:
        assert context.params["publication"] is None


def test_the_shell_completes_the_names(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two.publication.root)
    (option,) = [parameter for parameter in cli.params if parameter.name == "publication"]
    with cli.make_context("newsletter", [], resilient_parsing=True) as context:
        assert [found.value for found in option.shell_complete(context, "w")] == ["weekly"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("init",), "Name a folder for a new workspace"),
        (("init", "--publication", "Our Weekly"), "can't name a publication"),
        (("init", "--publication", "weekly"), "is there already"),
        (("init", "elsewhere", "--publication", "weekly"), "Name a folder for a new workspace"),
    ],
)
def test_a_publication_that_can_not_be_made_is_refused(two: Two, args: tuple[str, ...], words: str) -> None:
    done = two.publication.run(*args)
    assert done.returncode in (1, 2)
    assert words in done.stderr


def test_a_folder_below_publications_makes_another_one_of_the_workspace(two: Two) -> None:
    assert two.publication.run("init", "publications/brief", "--title", "In Brief").returncode == 0
    assert two.opened("brief").config.subscriber_list.id == "brief.example.org"


def test_the_same_list_id_or_the_same_id_with_another_is_refused(two: Two) -> None:
    run, config = two.publication.run, two.publication.root / "publications/weekly/newsletter.toml"
    text = config.read_text()
    config.write_text(text.replace('id = "weekly.example.org"', 'id = "digest.example.org"'))
    done = run("-P", "weekly", "status")
    assert done.returncode == 2
    assert "is that of another publication" in done.stderr
    assert 'id = "main"' in done.stderr
    config.write_text(text.replace('id = "weekly.example.org"', 'id = "brief.example.org"'))
    done = run("-P", "weekly", "send", "2.10", "--yes")
    assert done.returncode == 2
    assert "has the list id weekly.example.org, and newsletter.toml says brief.example.org" in done.stderr
    assert run("-P", "weekly", "state", "adopt", "--yes").returncode == 0
    assert run("-P", "weekly", "status").returncode == 0


def test_no_two_mails_share_a_lock(two: Two) -> None:
    with (
        closing(two.opened("main")) as main,
        closing(two.opened("weekly")) as weekly,
        main.store.sole("2.10"),
        main.store.sole("weekly-2.10"),
        weekly.store.sole("2.10"),
        pytest.raises(Busy),
        two.opened("weekly").store.sole("2.10"),
    ):
        raise AssertionError("the publication's own lock is held")


def test_one_site_has_each_publications_archive_and_a_list(two: Two) -> None:
    run, root = two.publication.run, two.publication.root
    done = run("export", "site", "--all", "--sent-only", "-o", "public")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {str(path.relative_to(root / "public")) for path in (root / "public").rglob("*.html")}
    assert made == {"index.html", "2.10.html", "weekly/index.html", "weekly/2.10.html", "publications/index.html"}
    page = (root / "public/publications/index.html").read_text()
    assert re.findall(r'<h2><a href="([^"]*)">([^<]*)</a>', page) == [
        ("../", "Pacific Alliance Digest"),
        ("../weekly/", "The Weekly"),
    ]
    times = {path: path.stat().st_mtime_ns for path in (root / "public").rglob("*.*") if path.is_file()}
    again = run("-P", "weekly", "export", "site", "--all", "--sent-only", "-o", "public")
    assert again.stdout.count("Nothing new, 1 unchanged") == 2
    kept = {path: path.stat().st_mtime_ns for path in times if path.name != ".newsletter-site.json"}
    assert kept == {path: times[path] for path in kept}
    (root / "publications/weekly/newsletter.toml").write_text("[publication\n")
    broken = run("export", "site", "--all", "--sent-only", "-o", "public")
    assert broken.returncode == 1
    assert "can't be read" in broken.stderr
    assert (root / "public/weekly/2.10.html").exists()
    assert run("export", "pdf", "--all").returncode == 2


def _start(publication: Publication) -> forked.Run:
    return publication.start("send", "2.10", "--yes")


@pytest.mark.slow
def test_two_folders_with_one_database_send_at_the_same_time_and_share_a_bounce(
    postgres: Postgres, tmp_path: Path
) -> None:
    """Each from a folder of its own with keys of its own, as on two machines."""
    url, readers = postgres.fresh(), [f"reader{number:03}@example.net" for number in range(60)]
    both = [copy_sample(tmp_path / name) for name in ("one", "other")]
    for publication, name in zip(both, ("main", "europe"), strict=True):
        create_secret_keys(publication.root)
        fill(publication.root, readers)
        publication.environ["NEWSLETTER_STORE__URL"] = url
        if name != "main":
            config = publication.root / "newsletter.toml"
            text = config.read_text().replace("[publication]\n", f'[publication]\nid = "{name}"\n')
            config.write_text(text)
    with smtp_server.running() as server:
        for publication in both:
            publication.through(server)
        assert both[0].run("subscribers", "suppress", "nobody@example.net").returncode == 0
        refused = both[1].run("send", "2.10", "--yes")
        assert refused.returncode == 2
        assert "The list id digest.example.org is that of another publication" in refused.stderr
        config.write_text(text.replace('id = "digest.example.org"', 'id = "europe.example.org"'))
        runs = [_start(publication) for publication in both]
        for run in runs:
            said = run.communicate(timeout=120)
            assert run.returncode == 0, said
    assert server.copies() == dict.fromkeys(readers, 2)
    for name in (b"digest.example.org", b"europe.example.org"):
        of_one = {reader for reader, data in server.stored if b"<%b>" % name in data.partition(b"\r\n\r\n")[0]}
        assert of_one == set(readers), "each reader has one of each"
    campaigns = [json.loads(publication.run("status", "2.10", "--json").stdout)[0] for publication in both]
    assert [one["readers"]["accepted"] for one in campaigns] == [60, 60]
    assert campaigns[0]["campaign"] != campaigns[1]["campaign"]
    signers = [
        TokenSigner(require_secret_keys(each.workspace), each.workspace.config.subscriber_list.id) for each in both
    ]
    token = signers[0].write(IssueName("2.10"), readers[0])
    assert signers[0].read(token)
    assert signers[1].read(token) is None
    other, gone = both[1], readers[0]
    copy = next(data for reader, data in server.stored if reader == gone and b"<europe.example.org>" in data)
    other.environ["NEWSLETTER_INBOX__SOURCE"] = "Maildir"
    mailbox.Maildir(other.root / "Maildir").add(report(copy, gone))
    read = other.run("inbox", "read")
    assert read.returncode == 0, read.stdout + read.stderr
    with smtp_server.running() as server:
        for publication in both:
            publication.through(server)
            done = publication.run("send", "1.4", "--yes", "--despite-problems")
            assert done.returncode == 0, done.stdout + done.stderr
    assert server.copies() == dict.fromkeys(readers[1:], 2), "a bounce that one folder was told of counts for both"
