"""Pages that readers open by a link: each in every state and language, rendered before anybody asks for it.

They are made from a template that a publication may restyle. One that is broken, or has lost what readers need, leaves
the last good pages in use; where there have been none yet, the program's own template is used.
"""

import base64
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.editions import EditionContext
from newsletter.editions.html import make_filters
from newsletter.editions.html_blocks import make_page_writer
from newsletter.editions.pictures import Picture
from newsletter.editions.shipped_look import use_shipped_look
from newsletter.editions.template_engine import fill_template, find_template, refuse_open_blocks, template_error
from newsletter.errors import TemplateError
from newsletter.web.public.error_line import error_line
from newsletter.web.public.page_forms import find_form_fields, has_submit_button
from newsletter.workspace import Workspace

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageDesign:
    """What a page is made from, and what it can't do without. `called` names it in the log.

    `needed` are by state the actions for which it must have a button, `offered` those that the program's own page has
    where a restyled one does not know the state, and `fields` the names of controls that its form must have.
    """

    template: str
    called: str
    states: Sequence[str]
    needed: Mapping[str, str] = field(default_factory=dict)
    offered: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Iterable[str]] = field(default_factory=dict)


class ReaderPages:
    """A page for readers in each of its states. It is the same for all who open it in that state and language."""

    def __init__(self, design: PageDesign, workspace: Workspace) -> None:
        self._design = design
        self._logged = ""
        self._made_from: object = None
        self._pages: Mapping[str, Mapping[str, bytes]] = {}
        self.languages: tuple[str, ...] = ()  # the publication's own first
        self.renew(workspace)

    def __getitem__(self, state: str) -> bytes:
        return self._pages[""][state]

    def find(self, state: str, language: str) -> bytes:
        """Return the page in a language, or in the publication's own: for "", and for one that is declared no more."""
        return self._pages.get(language, self._pages[""])[state]

    def renew(self, workspace: Workspace) -> None:
        """Render the pages from the templates as they are now. A broken template leaves the last good pages in use.

        Nothing is rendered while settings, templates and what the pages are told are as they were.
        """
        try:
            found, failure = self._find_values(), ""
            made_from = (list_page_files(workspace), workspace.config, dict(found))
            if made_from == self._made_from:
                return
            self._made_from = None
            context = EditionContext.from_workspace(workspace)
            self._pages = self._render_languages(context, found)
            self.languages = context.config.languages
            self._check_pages(found)
            self._made_from = made_from
        except Exception as error:  # noqa: BLE001  # readers can still do what they came for
            failure = error_line(error)
            if not self._pages:
                context = use_shipped_look(EditionContext.from_workspace(workspace))
                self._pages = self._render_languages(context, {})
                self.languages = context.config.languages
        if failure and failure != self._logged:
            _LOG.error("%s stays as it was: %s", self._design.called, failure)
        self._logged = failure

    def _find_values(self) -> Mapping[str, object]:
        """Return what a page is told of the moment, for `_values`; what it raises leaves the last pages in use."""
        return {}

    def _values(self, context: EditionContext, found: Mapping[str, object]) -> Mapping[str, object]:
        """Return the page's own values, by name, in the context's language.

        `found` is empty for the program's own page, which takes the place of a broken one.
        """
        del context
        return found

    def _check_pages(self, found: Mapping[str, object]) -> None:
        """Look at pages that were rendered well, and log what readers will miss in them."""

    def _render_languages(self, context: EditionContext, found: Mapping[str, object]) -> dict[str, dict[str, bytes]]:
        """Render the page in each state and language, the publication's own as "". Raises what `_render` does."""
        languages = ("", *context.config.translations)
        return {language: self._render(context.in_language(language), found) for language in languages}

    def _render(self, context: EditionContext, found: Mapping[str, object]) -> dict[str, bytes]:
        """Render the page in each state. Raises TemplateError, and ConfigError for the logo or the standing note."""
        design = self._design
        words = {
            "publication": context.config.publication,
            "theme": context.config.theme,
            "logo": context.place_logo(embed_picture),
            **self._values(context, found),
        }
        pages = {}
        for state in design.states:
            offered = design.offered.get(state)
            try:
                html = fill_page_template(context, design.template, context.template_path, words, state)
                refuse_open_blocks(html, design.template, context.template_path)
            except TemplateError:
                if not offered:
                    raise
                html = ""
            if offered and not has_submit_button(html, offered):
                html = fill_page_template(context, design.template, context.template_path[-1:], words, state)
            if lost := self._find_lost(context, state, html):
                raise template_error(find_template(design.template, context.template_path), 0, lost)
            pages[state] = html.encode()
        return pages

    def _list_fields(self, context: EditionContext, state: str) -> Iterable[str]:
        """Return the names of controls that the page's form must have in a state."""
        del context
        return self._design.fields.get(state, ())

    def _find_lost(self, context: EditionContext, state: str, html: str) -> str:
        """Return what a page has lost without which it is of no use, in words; empty when it has all."""
        action = self._design.needed.get(state)
        if action and not has_submit_button(html, action):
            return f'its page "{state}" has no <form method="post"> with <button name="action" value="{action}">'
        there = find_form_fields(html)
        lacking = [name for name in self._list_fields(context, state) if name not in there]
        if lacking:
            return f'its page "{state}" has no <form method="post"> with <input name="{lacking[0]}">'
        return ""


def list_page_files(workspace: Workspace) -> list[tuple[str, int, int]]:
    """Return the size and time of each file that pages are made from, but for the program's own."""
    own = [path for folder in workspace.own_template_folders for path in sorted(folder.rglob("*"))]
    states = ((str(path), path.stat()) for path in (*workspace.config_paths, *own) if path.is_file())
    return [(name, state.st_mtime_ns, state.st_size) for name, state in states]


def fill_page_template(
    context: EditionContext, name: str, template_path: Sequence[Path], words: Mapping[str, object], state: str
) -> str:
    """Return a page in one of its states. Raises TemplateError."""
    filters = make_filters(make_page_writer(context.config.publication.language))
    return fill_template(
        name,
        tuple(template_path),
        {**words, "state": str(state)},
        autoescape=True,
        filters=filters,
        translator=context.translator,
    )


def embed_picture(picture: Picture) -> str:
    """Return a picture as a data: address, so that the page needs no other file."""
    return f"data:image/{picture.kind};base64,{base64.b64encode(picture.data).decode('ascii')}"
