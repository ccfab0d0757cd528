"""`newsletter review --untrusted`: of what a stranger sent, nothing is run, nothing outside is read, all is bounded."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Publication
from PIL import Image

from newsletter.editions.template_engine import fill_template, sandbox_templates
from newsletter.errors import TemplateError
from newsletter.review import untrusted_copy, untrusted_rendering
from newsletter.review.draft_rendering import render_drafts
from newsletter.review.untrusted_copy import TooMuch, copy_workspace
from newsletter.review.untrusted_rendering import UntrustedWorkspace, render_untrusted

SECRET = "quince-marmalade"
QUICKLY = ("--no-pictures", "--untrusted")
FINE = "volume: 2\nnumber: 11\ndate: 2023-06-14\nitems:\n  - headline: Ports\n    detail: They open in three months.\n"


def _list_words(folder: Path) -> Iterator[bytes]:
    yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _plant(publication: Publication, outside: Path) -> Path:
    """Fill a workspace with what strangers try; return the file that is written if any of it is run."""
    root, ran = publication.root, outside / "ran"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET, encoding="utf-8")
    (outside / "secret.yaml").write_text(FINE.replace("three months", SECRET), encoding="utf-8")
    Image.new("RGB", (800, 600)).save(outside / "secret.png")
    templates, fonts = root / "templates", root / "fonts"
    templates.mkdir(exist_ok=True)
    fonts.mkdir(exist_ok=True)
    run = f"touch {ran}"
    for name in ("email.mjml.j2", "email.txt.j2", "web.html.j2", "label.j2"):
        (templates / name).write_text(
            "{{ self.__init__.__globals__.__builtins__.__import__('os').system('" + run + "') }}", encoding="utf-8"
        )
    (templates / "logo.png").symlink_to(outside / "secret.png")
    (fonts / "font.ttf").symlink_to(outside / "secret.txt")
    (root / "words.txt").unlink()
    (root / "words.txt").symlink_to(outside / "secret.txt")
    (root / "drafts/photo.png").symlink_to(outside / "secret.png")
    (root / "drafts/2.12.yaml").symlink_to(outside / "secret.yaml")
    os.mkfifo(root / "drafts/pipe.png")
    settings = root / "newsletter.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("spelling = true", 'words = "../outside/secret.txt"').replace("[store]", "[inbox]")
    settings.write_text(
        f'{text}\n[command]\nprogram = ["sh", "-c", "{run}"]\n[store]\nurl = "sqlite:///../outside/new.db"\n'
        '[dkim]\nkey_file = "../outside/secret.txt"\nselector = "a"\n',
        encoding="utf-8",
    )
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    for setting in ("core.fsmonitor", "core.hooksPath", "diff.external", "core.pager"):
        subprocess.run(["git", "config", setting, run], cwd=root, check=True)
    return ran


def test_nothing_of_a_stranger_is_run_and_nothing_outside_is_read(publication: Publication, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    ran = _plant(publication, outside)
    publication.draft("2.11", FINE + "note: 'Dear {{ name | reader }} #read(\"/etc/passwd\")'\n")
    done = publication.run("review", "2.11", *QUICKLY)
    assert "is refused" not in done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    folder = publication.root / "build/review/2.11"
    assert (folder / "2.11.pdf").read_bytes().startswith(b"%PDF")
    words = b"".join(_list_words(folder)) + done.stdout.encode() + done.stderr.encode()
    assert SECRET.encode() not in words
    assert b"root:x:" not in words
    assert b"was rendered by the program's own templates" in words
    assert sorted(path.name for path in outside.iterdir()) == ["secret.png", "secret.txt", "secret.yaml"]
    assert not ran.exists()
    (draft,) = render_untrusted(publication.workspace, publication.root / "drafts/2.12.yaml").drafts
    assert "it is a link, or no plain file" in draft.findings[0].problem.message


def test_links_pipes_and_all_but_texts_and_pictures_stay_behind(publication: Publication, tmp_path: Path) -> None:
    _plant(publication, tmp_path / "outside")
    (publication.root / "drafts/2.10.yaml").write_bytes(b"#" * 3_000_000)
    copy_workspace(publication.workspace, tmp_path / "copy")
    copied = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    beside = {f"drafts/{name}" for name in ("1.4.yaml", "2.10.yaml", "2.10-lead.jpg", "3.7.yaml")}
    assert copied == {"newsletter.toml", *beside}
    assert (tmp_path / "copy/drafts/2.10.yaml").stat().st_size < 2_000_000
    moved = publication.root / "moved"
    (publication.root / "drafts").rename(moved)
    (publication.root / "drafts").symlink_to(moved)
    copy_workspace(publication.workspace, tmp_path / "other")
    assert not (tmp_path / "other/drafts").exists()


def test_more_files_than_are_copied_are_told(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted_copy, "_MOST_BYTES", 50_000)
    with pytest.raises(TooMuch):
        copy_workspace(publication.workspace, tmp_path / "copy")
    found = render_untrusted(publication.workspace, publication.root / "drafts/2.10.yaml").drafts[0].findings
    assert [each.note for each in found] == [False]
    assert "50,000 bytes" in found[0].problem.message


def test_no_setting_names_a_file_or_a_program(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_PUBLICATION__TITLE", SECRET)
    settings = publication.root / "newsletter.toml"
    text = settings.read_text(encoding="utf-8").replace("spelling = true", 'spelling = false\nwords = "/etc/passwd"')
    trusted = publication.workspace.config
    settings.write_text(f'{text}\n[command]\nprogram = ["sh"]\n', encoding="utf-8")
    config = UntrustedWorkspace.of(publication.workspace).config
    assert (config.publication.title, config.sender.from_) == (trusted.publication.title, trusted.sender.from_)
    assert (config.prose.words, config.prose.spelling) == ("words.txt", False)
    assert config.theme.logo is None
    assert (config.subscriber_list.source, config.send.backend, [*config.backends]) == ("csv", "smtp", ["smtp"])


def test_templates_reach_no_inner_part_of_an_object(tmp_path: Path) -> None:
    def fill(text: str) -> str:
        (tmp_path / "page.j2").write_text(text, encoding="utf-8")
        return fill_template("page.j2", (tmp_path,), {"words": ["a"]}, autoescape=True, filters={})

    inner = "{{ words.__class__.__mro__ }}"
    assert "object" in fill(inner)
    with sandbox_templates():
        assert fill("{{ words[0] }}") == "a"
        for text in (inner, "{{ words.append('b') }}", "{{ '{0.__class__}'.format(words) }}"):
            with pytest.raises(TemplateError, match=r"page\.j2"):
                fill(text)
    assert "object" in fill(inner)


@pytest.mark.slow
def test_what_takes_too_long_is_a_problem(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted_rendering, "_SECONDS", 1)
    (draft,) = render_untrusted(publication.workspace, publication.root / "drafts/2.10.yaml").drafts
    assert draft.rendered is None
    assert "this can't be rendered as a stranger's draft: " in draft.findings[0].problem.message


@pytest.mark.slow
def test_broken_drafts_and_settings_are_told_at_their_places(publication: Publication) -> None:
    publication.draft("2.11", FINE + "colour: red\n")
    path = publication.root / "drafts/2.11.yaml"
    (draft,) = render_untrusted(publication.workspace, path).drafts
    assert [each.problem.place for each in draft.findings] == [f"{path}:7:1"]
    settings = publication.root / "newsletter.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('title = "', 'title = ["', 1), encoding="utf-8")
    (draft,) = render_untrusted(publication.workspace, path).drafts
    assert [each.problem.path for each in draft.findings] == [settings]


@pytest.mark.slow
def test_an_honest_draft_looks_as_it_does_to_its_editors(publication: Publication) -> None:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('\n[languages.de]\ntitle = "Bündnis"\n')
    publication.draft("2.11", FINE + "image: {file: 2.10-lead.jpg, alt: Boats}\n")
    publication.draft("2.11.de", FINE.replace("Ports", "Häfen").replace("They open in three months", "Sie öffnen"))
    for name in ("2.10", "2.11"):
        path = publication.root / f"drafts/{name}.yaml"
        rendered = render_untrusted(publication.workspace, path)
        assert rendered.publication == "Pacific Alliance Digest"
        assert rendered.drafts == render_drafts(publication.workspace, path)
