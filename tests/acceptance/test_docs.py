"""Every command in the README and in docs/ runs, and every file and function that a page names exists."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import smtp_server
from approvers import let_approve, make_approvers
from conftest import ROOT, Publication
from PIL import Image
from postgres import Postgres
from preview_server import previewing
from runners import git, make_forge
from running_workers import end, wait_until_ready
from service_server import served, serving

from newsletter.issue.blocks import Heading, ListBlock, Paragraph, PictureBlock, Quotation, TableBlock, ThematicBreak
from newsletter.issue.draft import read_draft
from newsletter.store import open_store

PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _commands(page: Path) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_the_pages_have_commands() -> None:
    assert sum(len(_commands(page)) for page in PAGES) > 25


def test_the_draft_that_the_page_about_blocks_writes_can_be_read(publication: Publication) -> None:
    text = (ROOT / "docs/editors/blocks.md").read_text(encoding="utf-8")
    detail, items, sections = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for name in ("chart.png", "ada.jpg", "harbor.jpg"):
        Image.new("RGB", (60, 40)).save(publication.root / "drafts" / name)
    begin = "volume: 2\nnumber: 11\ndate: 2023-06-14\n"
    own = f"  - headline: Blocks\n{detail}"
    draft = read_draft(publication.draft("2.11", f"{begin}{items}{own}{sections}"))
    assert draft.problems == ()
    assert draft.issue
    kinds = {type(block) for block in draft.issue.items[1].detail.blocks}
    assert kinds == {Paragraph, ListBlock, Heading, Quotation, TableBlock, PictureBlock, ThematicBreak}
    assert draft.issue.items[1].detail.footnotes


def test_no_command_of_a_page_wants_a_port_that_another_program_may_have() -> None:
    named = [
        command for page in PAGES for command in _commands(page) if re.search(r"(--port|:)[ =]?[0-9]{2,5}\b", command)
    ]
    assert [command for command in named if not re.search(r"\d\d:\d\d", command)] == []


# What an editor reads first is tried each time, the other pages by `make test-slow`.
_FIRST = ("README", "writing")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=() if page.stem in _FIRST else pytest.mark.slow)
        for page in PAGES
        if page.stem != "tutorial"  # which begins without a publication: test_tutorial.py
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_commands_of_a_page_run(
    publication: Publication, server: smtp_server.Server, page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    publication.through(server)
    shutil.copyfile(ROOT / "subscribers.example.csv", publication.root / "subscribers.example.csv")
    shutil.copyfile(ROOT / "tests/articles/pages/news.html", publication.root / "ferry-accord.html")
    for folder in ("new", "cur", "tmp"):
        (publication.root / "Maildir" / folder).mkdir(parents=True)
    if page.name == "another-machine.md":
        assert publication.run("keys", "new").returncode == 0
    if page.name in ("state.md", "another-machine.md"):
        open_store(publication.workspace.database).close()  # of which it speaks
    if page.name == "sign-up.md":
        publication.environ |= {
            "NEWSLETTER_SERVICE__URL": "https://news.example.org",
            "NEWSLETTER_LIST__SOURCE": "store",
        }
    if page.name == "several-languages.md":
        with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
            file.write('\n[languages.ja]\ntitle = "太平洋同盟ダイジェスト"\n')
    if page.name == "approval.md":
        ada = make_approvers(tmp_path)[0]
        let_approve(publication, [ada])
        publication.environ |= ada.environment
    if page.name == "preferences.md":
        _write_summary(publication)
    if page.name == "growth.md":
        served(publication)
    if page.name == "moving-in.md":
        with zipfile.ZipFile(publication.root / "audience_export.zip", "w") as archive:
            text = "Email Address,First Name,MEMBER_RATING,CONFIRM_TIME\nada@example.org,Ada,3,2021-02-03 04:05:06\n"
            archive.writestr("subscribed.csv", text)
    if page.name == "review.md":
        _commit_all(publication.root)
    if page.name == "back-issues.md":
        _write_back_issues(publication.root / "old")
    if page.name == "ci.md":
        forge = make_forge(tmp_path / "forge")
        forge.through(server)
        publication = forge.clone("laptop")
        forge.clone("runner").run("state", "init-branch", "--yes")  # which the first command of the page needs
    for command in _commands(page):
        if page.name == "ci.md" and command == "newsletter state init-branch":
            git(forge.remote, "branch", "--quiet", "-D", "newsletter-state")
        if command.startswith(("make ", "source ")):
            continue
        if command.startswith("newsletter preview"):
            _look(publication, command)
            continue
        if command.startswith("newsletter serve"):
            _serve(publication, command)
            continue
        if command.startswith("newsletter worker"):
            _work(publication, command, request.getfixturevalue("postgres"))
            continue
        done = _run(publication, command)
        assert done.returncode == 0, f"{page.name}: {command}\n{done.stdout}{done.stderr}"


def _commit_all(folder: Path) -> None:
    """Make a folder a git repository in which everything is committed."""
    me = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for args in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Begin")):
        subprocess.run(["git", *me, *args], cwd=folder, check=True)


def _write_summary(publication: Publication) -> None:
    """Write the summary that the page about preferences sends, and have a reader who wants it."""
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('\n[preferences]\nsummary = "once a month"\n')
    with (publication.root / "subscribers.csv").open("a", encoding="utf-8") as file:
        file.write("olive.summers@example.com,Olive Summers,summary\n")
    summary = (
        "kind: announcement\ndate: 2026-11-30\nitems:\n  - headline: A month in brief\n    detail: It was short.\n"
    )
    (publication.root / "drafts/november.yaml").write_text(summary, encoding="utf-8")


def _write_back_issues(folder: Path) -> None:
    """Write the files that the page about back issues speaks of."""
    folder.mkdir()
    text = "{}\n\nHeadlines:\n- One\n- Two\n\nDetails:\n- The first is done.\n- So is the second.\n"
    (folder / "digest-2.9.md").write_text(text.format("Vol. 2.9, May 18, 2023"))
    (folder / "vol1-no2.txt").write_text(text.format("July 13, 2022"))
    (folder / "vol1-no3.txt").write_text(text.format("July 27, 2022"))
    (folder / "undated.txt").write_text(text.format("An issue"))


def _run(publication: Publication, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as the page has it, by a shell where it needs one."""
    if command.startswith("newsletter ") and not set(command) & set("|&;<>$`*~#\\"):
        return publication.run(*shlex.split(command)[1:], stdin="y\n")
    return subprocess.run(
        ["bash", "-c", command], cwd=publication.root, input="y\n", text=True, capture_output=True, check=False,
        env={**publication.environment(), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
    )  # fmt: skip


def _look(publication: Publication, command: str) -> None:
    """Run a preview, see that it answers, and end it."""
    publication.environ["BROWSER"] = "true"
    with previewing(publication, *shlex.split(command)[2:], no_open=False) as preview:
        assert preview.ask("/2.10/email.html")[0] == 200
        assert preview.end() == 0


def _serve(publication: Publication, command: str) -> None:
    """Run the service, see that it answers, and end it; the page's earlier commands have made its keys."""
    publication.environ["NEWSLETTER_SERVICE__URL"] = "https://news.example.org"
    with serving(publication, *shlex.split(command)[2:], "--port", "0") as service:
        assert service.ask("/healthz")[0] == 200
        assert service.end() == 0


def _work(publication: Publication, command: str, postgres: Postgres) -> None:
    """Run a worker, see that it waits for what is to be done, and end it."""
    publication.environ["NEWSLETTER_STORE__URL"] = postgres.fresh()
    worker = publication.start(*shlex.split(command)[1:])
    wait_until_ready(worker)
    end(worker)
    assert worker.returncode == 0


def test_the_quick_start_is_two_commands_that_make_and_ci_know() -> None:
    start = ROOT.joinpath("README.md").read_text().split("## Quick start")[1].split("## ")[0]
    assert re.findall(r"^\$ (make .*)$", start, re.MULTILINE) == ["make demo", "make test"]
    for target in ("demo", "test"):
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
        assert f"make {target}" in ROOT.joinpath(".ci/run").read_text()


GUIDES = [*sorted((ROOT / "docs/editors").glob("*.md")), *sorted((ROOT / "docs/operators").glob("*.md"))]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_a_guide_begins_with_what_its_reader_came_for(page: Path) -> None:
    before, fence, _ = page.read_text().partition("\n```")
    assert fence
    assert len(before.split()) < 70


@pytest.mark.parametrize("page", sorted((ROOT / "docs/editors").glob("*.md")), ids=lambda page: page.name)
def test_an_editors_page_holds_nothing_for_operators(page: Path) -> None:
    text = re.sub(r"\]\([^)]*\)", "]", page.read_text())
    found = re.findall(
        r"cron\b|systemd|sudo|nginx|Caddy|PostgreSQL|SQLite|IMAP|STARTTLS|DKIM|DMARC|VERP|PIPELINING|BDAT|NEWSLETTER_\w+"
        r"|--json|--format|journalctl|/etc/\S+|/opt/\S+|/srv/\S+|/var/\S+|RFC \d+",
        text,
    )
    assert found == []


def test_the_index_links_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text()
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    index += (ROOT / "docs/decisions/README.md").read_text().replace("](", "](decisions/")
    assert [str(page) for page in pages if f"({page})" not in index and page.name != "index.md"] == []


def test_links_between_pages_lead_somewhere() -> None:
    lost = []
    for page in PAGES:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
        for target, _, section in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(#([^)\s]+))?\)", text):
            other = (page.parent / target) if target else page
            if not other.exists() or (section and section not in _sections(other)):
                lost.append(f"{page.relative_to(ROOT)}: {target}#{section}")
    assert lost == []


def _sections(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_pages_that_the_program_names_exist() -> None:
    sources = [ROOT / "newsletter.toml", *ROOT.glob("newsletter/**/*.py"), *ROOT.glob("templates/*")]
    named = {(source, page) for source in sources if source.suffix not in (".png", ".jpg", ".ttf")
             for page in re.findall(r"(?<![\w/.])docs/[\w/-]+\.md", source.read_text(encoding="utf-8"))}  # fmt: skip
    assert {page for _, page in named} >= {"docs/operators/service.md"}
    assert [f"{source}: {page}" for source, page in named if not (ROOT / page).exists()] == []


def test_every_command_of_the_program_is_documented() -> None:
    said = "".join(page.read_text() for page in PAGES)
    for command in (
        "init", "preview", "draft new", "draft list", "draft check", "draft fmt", "draft import", "draft schema",
        "cite", "export all", "export pdf",
        "export site", "export web", "export html", "templates list", "templates eject", "approve", "send", "status",
        "cancel", "retry", "report", "limits", "reconcile", "outbox run", "outbox list", "outbox cancel",
        "dkim key", "keys new", "keys rotate", "serve", "worker", "inbox read", "inbox undo", "subscribers check",
        "signup snippet",
        "subscribers list", "subscribers show", "subscribers add", "subscribers remove", "subscribers forget",
        "subscribers stats", "subscribers import", "subscribers export", "subscribers suppress",
        "subscribers unsuppress", "subscribers reconfirm",
        "state backup", "state restore", "state move", "state init-branch", "state take", "state give", "keys age",
    ):  # fmt: skip
        assert f"newsletter {command}" in said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = re.sub(r"```console.*?```", "", page.read_text(), flags=re.DOTALL)
    paths = re.findall(r"(?<![\w/.<@-])(?:newsletter|tests|tools|benchmarks|examples|docs)/[\w./-]*\w/?", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_architecture_has_the_rooms_in_the_order_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    lines = re.findall(r"^\| (`newsletter/\w.*?`) \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    named = [sorted(re.findall(r"`newsletter/(\w+)(?:/|\.py)`", line)) for line in lines]
    assert named == [sorted(layer.split(" | ")) for layer in layers]


def test_the_architecture_names_code_that_exists() -> None:
    rows = re.findall(
        r"^\|[^|]*\| (`[^|]*`) \| \[`([\w./]+)`\]\(\.\./([\w./]+)\) \|$",
        (ROOT / "docs/architecture.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) > 40
    lost = [
        f"{file}: {name}"
        for code, file, link in rows
        for name in re.findall(r"`([\w.]+)`", code)
        if file != link or not (ROOT / file).exists() or name not in _names_in(ROOT / file)
    ]
    assert lost == []


def _names_in(file: Path) -> set[str]:
    """Return the functions, classes and constants that a file defines, and each class's methods as `Class.method`."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            functions = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}.{function.name}" for function in functions}
    return found


def test_contributing_says_what_each_make_target_does() -> None:
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    table = re.findall(r"^\| (`.*?`) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    named = {target for line in table for target in re.findall(r"`([\w-]+)`", line)} - {"make"}
    assert named == set(targets.split())
