"""The context of an edition: the publication's configuration, templates and pictures, and values for templates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from newsletter.config import Config, find_setting
from newsletter.config.validators import SUBJECT_PART
from newsletter.editions.correction_marks import CorrectionMark, Corrections, find_corrections, list_corrections
from newsletter.editions.date_words import format_date, format_event_time
from newsletter.editions.html_blocks import is_rich
from newsletter.editions.issue_pictures import IssuePictures, describe_picture
from newsletter.editions.link_targets import LinkTargets
from newsletter.editions.pictures import Picture, prepare_picture
from newsletter.editions.reader_links import find_preferences_link, list_unsubscribe_links
from newsletter.editions.scripts import has_italics
from newsletter.editions.sign_up_offer import FORWARDED, SignUpOffer, find_sign_up_link, make_sign_up_offer
from newsletter.editions.template_engine import fill_template
from newsletter.errors import ConfigError, Problem
from newsletter.field import FieldWriter, TextWithFields, fill_fields, write_default
from newsletter.issue.blocks import RichText, write_words
from newsletter.issue.image import find_image_faults, find_picture
from newsletter.issue.model import Issue
from newsletter.issue.richtext import parse
from newsletter.issue.sections import IssueSection, UpcomingEvent
from newsletter.issue.typography import typeset_issue, typeset_text
from newsletter.issue_name import parse_date, parse_numbers
from newsletter.translation import Translator
from newsletter.validation import Fault
from newsletter.workspace import Workspace

# Returns the address at which an edition finds a picture: beside it, within the mail, or on the web.
Placer = Callable[[Picture], str]

LABEL = "label.j2"
LOGO = "logo"
_LOGO_WIDTH, _LOGO_HEIGHT = 200, 72  # pixels
_KNOWN_BY = 25  # characters of a headline that a subject has to hold to say the same
_SEEN_AT_ONCE = 3  # sections: for more, there is a table of contents
LONGEST_SUBJECT = 70  # characters, about what inboxes on a desk show; phones show 30 to 40


def place_beside(picture: Picture) -> str:
    """Return a picture's file name: the Placer of editions with their pictures in the same folder."""
    return picture.name


@dataclass(frozen=True)
class EditionContext:
    """A publication's configuration, the folders of its templates and typefaces, and what is known of its issues.

    `corrections` are those of issues, and `translations` the languages of issues' translations, by the issues' names.
    `has_form`: web pages are for the service, and have a form to join.
    """

    config: Config
    config_path: Path  # newsletter.toml, for problems in it
    template_path: tuple[Path, ...]
    fonts: Path
    corrections: Corrections = field(default_factory=dict, compare=False)
    translations: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False)
    has_form: bool = False

    @classmethod
    def from_workspace(cls, workspace: Workspace) -> "EditionContext":
        templates = workspace.own_template_path()
        corrections = find_corrections(workspace)
        translations = workspace.list_translations()
        return cls(workspace.config, workspace.config_path, templates, workspace.fonts, corrections, translations)

    def in_language(self, language: str) -> Self:
        """Return the context for editions in a language, "" for the publication's own. Raises KeyError for others."""
        config = self.config.in_language(language)
        return self if config is self.config else replace(self, config=config)

    @cached_property
    def translator(self) -> Translator:
        """Return the words that the editions say themselves, in the publication's language."""
        return self.config.translator

    @cached_property
    def about(self) -> RichText:
        """Return the publication's closing note. Raises ConfigError for what is wrong in it."""
        text, faults = parse(self.config.publication.about)
        if not faults and any(text.pictures()):
            faults = [
                Fault(
                    code="picture",
                    message="a picture can't stand here, since it belongs to no draft",
                    next_step="Take it out, or name a logo under [theme].",
                )
            ]
        if faults:
            translation = self.config.own.translations.get(self.config.publication.language)
            is_own = self.config is self.config.own or translation is None or translation.about is None
            table = "publication" if is_own else f"languages.{self.config.publication.language}"
            raise self._explain_faults("The publication's standing note can't be used.", table, "about", faults)
        return typeset_text(text, self.config.publication.language) if self.config.typography.quotes else text

    def typeset(self, issue: Issue) -> Issue:
        """Return the issue as editions show it: with typographic quotes and dashes where `[typography]` asks for them.

        A title of the headlines that the draft leaves out is in the publication's language. Every edition begins with
        it, and so does all that is said of one; the draft and its hash stay as written.
        """
        if self.config.typography.quotes:
            issue = typeset_issue(issue, self.config.publication.language)
        return issue.with_default_title(self.translator.translate("Headlines"))

    @cached_property
    def logo_path(self) -> Path | None:
        """Return the logo in the publication's templates/. Raises ConfigError when it is no picture to be shown."""
        logo = self.config.theme.logo
        if logo is None:
            return None
        own, *others = self.template_path[:-1]
        folder = next((folder for folder in (own, *others) if find_picture(folder, logo).is_file()), own)
        if faults := list(find_image_faults(folder, logo)):
            raise self._explain_faults("The logo can't be used.", "theme", "logo", faults)
        return find_picture(folder, logo)

    def _explain_faults(self, message: str, table: str, key: str, faults: Sequence[Fault]) -> ConfigError:
        """Return the error for a setting whose faults only show when it is used."""
        path, line = find_setting(self.config_path, table, key)
        problems = [
            Problem(
                path=path,
                line=line,
                code=fault.code,
                message=f"[{table}] {key}: {fault.message}",
                next_step=fault.next_step.replace("here and in the draft", "here and there"),
            )
            for fault in faults
        ]
        return ConfigError(message, problems=problems)

    def link_targets(self, issue: Issue) -> LinkTargets:
        """Return where the addresses lead that the issue writes short."""
        translated = {name for name, languages in self.translations.items() if issue.language in languages}
        return LinkTargets(self.config.publication, issue, translated)

    def pictures_of(self, issue: Issue) -> IssuePictures:
        """Return the issue's pictures, to be prepared for screens or for print."""
        return IssuePictures(issue, self.config.theme.width, self.config.theme.paper)

    def pictures_for_screens(self, issue: Issue) -> dict[str, Picture]:
        """Return the pictures that the email and the web page show, by the name of each one's file in the draft."""
        return dict(self.pictures_of(issue).for_screens())

    def pictures_for_print(self, issue: Issue) -> dict[str, Picture]:
        """Return the pictures that the PDF shows, by the name of each one's file in the draft."""
        return dict(self.pictures_of(issue).for_print())

    def lead_picture(self, issue: Issue) -> Picture | None:
        """Return the issue's lead image for screens."""
        return self.pictures_for_screens(issue)[issue.image.file] if issue.image else None

    def lead_picture_for_print(self, issue: Issue) -> Picture | None:
        """Return the issue's lead image for the PDF."""
        return self.pictures_for_print(issue)[issue.image.file] if issue.image else None

    def logo(self) -> Picture | None:
        """Return the logo on the masthead's colour."""
        masthead = self.config.theme.masthead
        return prepare_picture(self.logo_path, LOGO, 2 * _LOGO_WIDTH, masthead) if self.logo_path else None

    def pictures(self, issue: Issue) -> list[Picture]:
        """Return the pictures that the email and the web page show, each once: the logo, then the issue's own."""
        logo = self.logo()
        # By name, since two ways to write a file's name may lead to the same file.
        named = {picture.name: picture for picture in self.pictures_for_screens(issue).values()}
        return [*([logo] if logo else []), *named.values()]

    def label(self, issue: Issue) -> str:
        """Return what stands beside the issue's date, such as Vol. 2.10; nothing for one without a number.

        Raises TemplateError.
        """
        corrected = issue.corrects or ""
        date = parse_date(corrected)
        words = {
            "issue": issue,
            "corrected_number": corrected if parse_numbers(corrected) else "",
            "corrected_date": format_date(date, self.config.publication.language) if date else "",
        }
        return fill_template(
            LABEL, self.template_path, words, autoescape=False, filters={}, translator=self.translator
        ).strip()

    def correction_marks(self, issue: Issue) -> list[CorrectionMark]:
        """Return what the issue's page and PDF say about its corrections, the oldest first."""
        publication = self.config.publication
        return [
            CorrectionMark(
                day=each.date,
                date=self._isolate(self._format_date(each)),
                words=self.title(each),
                page=f"{each.edition_name}.html",
                address=publication.address(f"{each.edition_name}.html"),
            )
            for each in list_corrections(self.corrections, issue)
        ]

    def title(self, issue: Issue) -> str:
        """Return what the issue is called on the web: by its own subject, unless that differs by reader."""
        issue = self.typeset(issue)
        if issue.title:
            return issue.title
        if issue.subject and all(isinstance(piece, str) for piece in issue.subject):
            return fill_fields(issue.subject)
        return issue.lead_words.plain()

    def subject(self, issue: Issue, fields: FieldWriter = write_default) -> str:
        """Return the mail's subject: the issue's own, or the pattern of `[email] subject` filled."""
        return fill_fields(self.subject_pieces(issue), fields)

    def subject_pieces(self, issue: Issue) -> TextWithFields:
        """Return the mail's subject as words and fields."""
        issue = self.typeset(issue)
        if issue.subject:
            return issue.subject
        parts: dict[str, TextWithFields] = {
            "headline": issue.lead_words.pieces(),
            "title": (self.config.publication.title,),
            "number": (issue.name,),
            "date": (self._format_date(issue),),
        }
        # Each match gives two pieces: the words before it, and the part's name.
        pieces = SUBJECT_PART.split(self.config.email.subject or self._choose_pattern(issue))
        return tuple(
            piece
            for number, words in enumerate(pieces)
            for piece in (parts[words] if number % 2 else (words,))
            if piece != ""
        )

    def _choose_pattern(self, issue: Issue) -> str:
        """Return the headline first, since a phone shows no more; title and number if From lacks them and they fit."""
        whole = f"{issue.lead_words.plain()} · {self.config.publication.title} {issue.name}"
        fits = not self.names_publication and len(whole) <= LONGEST_SUBJECT
        return "{headline} · {title} {number}" if fits else "{headline}"

    @property
    def names_publication(self) -> bool:
        """Whether the sender's name, which an inbox shows beside the subject, holds the publication's title."""
        words = self.config.sender.from_.name.casefold().split()
        return set(self.config.publication.title.casefold().split()) <= set(words)

    def preheader(self, issue: Issue, fields: FieldWriter = write_default) -> str:
        """Return what an inbox shows after the subject: the issue's own, or the headlines that the subject lacks.

        Without any, the first detail's beginning goes on from its headline.
        """
        issue = self.typeset(issue)
        if issue.preheader:
            return fill_fields(issue.preheader, fields)
        subject = self.subject(issue).casefold()
        titles = [section.title for section in issue.sections if section.title]
        headlines = [item.headline for item in issue.all_items] or titles
        others = [headline for headline in headlines if headline.plain().casefold()[:_KNOWN_BY] not in subject]
        if others:
            return " · ".join(headline.plain(fields) for headline in others)
        texts = [issue.all_items[0].detail] if issue.all_items else issue.texts()
        return next((write_words(spans, fields) for text in texts for spans in text.paragraphs), "")

    def list_contents(self, issue: Issue) -> tuple[IssueSection, ...]:
        """Return the sections that a table of contents lists; none where there is to be no such table."""
        titled = tuple(section for section in issue.sections if section.title)
        wanted = issue.contents == "yes" or (issue.contents == "auto" and len(titled) > _SEEN_AT_ONCE)
        return titled if wanted else ()

    @property
    def sign_up(self) -> SignUpOffer | None:
        """Return the offer to join on web pages; None where readers can't by themselves."""
        return make_sign_up_offer(self.config, has_form=self.has_form)

    def unsubscribe_link(self, fields: FieldWriter = write_default) -> str:
        """Return the address for unsubscribing: the service's page, or else a mail."""
        return list_unsubscribe_links(self.config, fields)[0]

    def template_values(self, issue: Issue, fields: FieldWriter = write_default) -> dict[str, Any]:
        """Return the values that every template can use, by name."""
        issue = self.typeset(issue)
        publication = self.config.publication
        return {
            "publication": publication,
            "sender": self.config.sender,
            "theme": self.config.theme,
            "layout": self.config.layout,
            "about": self.about,
            "issue": issue,
            "has_italics": has_italics(publication.language),
            "is_rich": is_rich(issue, self.about) or self.config.layout.headlines != "list",
            "contents": self.list_contents(issue),
            "corrections": self.correction_marks(issue),
            "label": self._isolate(self.label(issue)),
            "date": self._isolate(self._format_date(issue)),
            "when": self.format_event_time,
            "title": self.title(issue),
            "subject": self.subject(issue, fields),
            "preheader": self.preheader(issue, fields),
            "unsubscribe": self.unsubscribe_link(fields),
            "preferences": find_preferences_link(self.config, fields),
            "subscribe": find_sign_up_link(self.config, FORWARDED),
            "sign_up": self.sign_up,
            "web_page": publication.address(f"{issue.edition_name}.html"),
            "web_pdf": publication.address(f"{issue.edition_name}.pdf"),
        }

    def _isolate(self, text: str) -> str:
        """Return text with marks that keep its direction within a right-to-left line (UAX 9)."""
        return f"\u2068{text}\u2069" if text and self.config.publication.direction == "rtl" else text

    def _format_date(self, issue: Issue) -> str:
        return format_date(issue.date, self.config.publication.language)

    def format_event_time(self, event: UpcomingEvent) -> str:
        """Return when an event is, in the words of the publication's language."""
        return self._isolate(format_event_time(event, self.config.publication.language))

    def picture_values(self, issue: Issue, place: Placer) -> dict[str, Any]:
        """Return the values by which a template shows pictures.

        `image` is the lead image, and `picture(file)` any other: its address, and the width and height at which it is
        shown.
        """
        prepared, pictures = self.pictures_for_screens(issue), self.pictures_of(issue)

        def show(file: str) -> dict[str, Any]:
            picture = prepared[file]
            return describe_picture(place(picture), picture, pictures.fit(file, picture))

        lead = show(issue.image.file) if issue.image else None
        return {"image": lead, "logo": self.place_logo(place), "picture": show}

    def place_logo(self, place: Placer) -> dict[str, Any] | None:
        """Return the logo for a template: its address, and the width and height at which it is shown."""
        logo = self.logo()
        return describe_picture(place(logo), logo, logo.fit_into(_LOGO_WIDTH, _LOGO_HEIGHT)) if logo else None
