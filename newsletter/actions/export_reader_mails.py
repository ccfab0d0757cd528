"""The mails that single readers get, as files for an editor to look at: to confirm, to welcome and so on."""

from pathlib import Path

from newsletter.editions import EditionContext, place_beside
from newsletter.field import SAMPLE_TOKEN
from newsletter.files import write_shared
from newsletter.publication import OpenPublication
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.notice_rendering import render_notice_html, render_notice_text
from newsletter.transactional.notices import Notice, NoticeLinks, make_notice

_ANYWHERE = "https://service.example.org"  # in links, where the publication has no service yet


def export_reader_mails(publication: OpenPublication, folder: Path | None = None) -> list[Path]:
    """Write each kind in each language as HTML and text, into build/reader-mails if None; return the files.

    Their links open nothing. All are made before any is written. Raises TemplateError and ConfigError.
    """
    folder = folder or publication.workspace.build_folder / "reader-mails"
    files: dict[str, bytes] = {}
    for language in ("", *publication.config.translations):
        context = publication.edition_context.in_language(language)
        for kind in MailKind:
            name = f"{kind}.{language}" if language else kind.value
            files |= _render(context, _make_sample(context, kind), name)
    for name, data in files.items():
        write_shared(folder / name, data)
    return [folder / name for name in files]


def _make_sample(context: EditionContext, kind: MailKind) -> Notice:
    url = context.config.service.url or _ANYWHERE
    links = NoticeLinks(
        action=f"{url}/confirm/{SAMPLE_TOKEN}",
        unsubscribe=[f"{url}/u/{SAMPLE_TOKEN}"],
        preferences=f"{url}/p/{SAMPLE_TOKEN}",
    )
    return make_notice(context.config, kind, links)


def _render(context: EditionContext, notice: Notice, name: str) -> dict[str, bytes]:
    logo = context.logo()
    return {
        f"{name}.html": render_notice_html(context, notice, place_beside).encode(),
        f"{name}.txt": render_notice_text(context, notice).encode(),
        **({logo.name: logo.data} if logo else {}),
    }
