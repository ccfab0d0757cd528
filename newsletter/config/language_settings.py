"""The tables [languages.ja] and their like: a publication's other languages, each with what differs in it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, ValidationError
from pydantic_core import InitErrorDetails

from newsletter.config import validators
from newsletter.config.preference_settings import check_topics
from newsletter.config.section import Section
from newsletter.config.validators import OneLine
from newsletter.text import without_invisible
from newsletter.translation import describe_language, is_known_language, suggest_language
from newsletter.validation import Fault, faults_error

if TYPE_CHECKING:
    from newsletter.config.settings import Config

_Table = TypeVar("_Table", bound=Section)


class LanguageSettings(Section):
    """The table of one language. What it leaves out is as in the publication's own language.

    `sender` is the name in From, whose address stays; `subject` is the pattern of [email], `consent` that of [signup],
    `topics` and `summary` are words of [preferences].
    """

    title: OneLine | None = None
    about: Annotated[str, AfterValidator(without_invisible)] | None = None
    sender: OneLine | None = None
    postal_address: OneLine | None = None
    subject: Annotated[str, AfterValidator(validators.check_subject_pattern)] | None = None
    consent: OneLine | None = None
    words: Annotated[Mapping[str, OneLine], AfterValidator(validators.check_words)] = {}
    topics: Annotated[Mapping[str, OneLine], AfterValidator(check_topics)] = {}
    summary: OneLine | None = None


def check_languages(languages: Mapping[str, LanguageSettings], own: str) -> Mapping[str, LanguageSettings]:
    """Return the tables of languages by their tags (BCP 47); each fault has its own place."""
    faults = [(tag, fault) for tag in languages if (fault := _find_fault(tag, languages, own))]
    if faults:
        details = [InitErrorDetails(type=faults_error(fault), loc=(tag,), input=tag) for tag, fault in faults]
        raise ValidationError.from_exception_data("languages", details)
    return languages


def find_declared(named: Mapping[str, str | None], languages: Sequence[str]) -> dict[str, str | None]:
    """Return the languages that keys of a table name, as they are declared; each fault has its own place."""
    known = {tag.lower(): tag for tag in languages}
    faults = [
        InitErrorDetails(
            type=faults_error(
                Fault(
                    code="language",
                    message=f"{key!r} is {tag}, which is not one of the publication's languages",
                    next_step=f"They are: {', '.join(languages)}. Another one has its own table: [languages.{tag}]",
                )
            ),
            loc=(key,),
            input=tag,
        )
        for key, tag in named.items()
        if tag is not None and tag.lower() not in known
    ]
    if faults:
        raise ValidationError.from_exception_data("list", faults)
    return {key: tag and known[tag.lower()] for key, tag in named.items()}


def _find_fault(tag: str, languages: Mapping[str, LanguageSettings], own: str) -> Fault | None:
    is_tag = validators.is_language(tag)
    if not is_tag or not is_known_language(tag):
        return Fault(
            code="language",
            message=f"there is no language {tag!r}" if is_tag else f"{tag!r} is not a language tag",
            next_step=f"{_suggest_table(tag)}Tags are such as de, pt-BR and ja, as in [languages.ja].",
        )
    if tag.lower() == own.lower():
        return Fault(
            code="language",
            message=f"{tag!r} is the publication's own language already",
            next_step="Take the table out. What it says belongs in [publication], [sender], [email] and [words].",
        )
    if any(other.lower() == tag.lower() for other in languages if other < tag):
        return Fault(code="language", message=f"{tag!r} is declared twice", next_step="Make one table of the two.")
    return None


def _suggest_table(text: str) -> str:
    tag = suggest_language(text)
    return f"Write [languages.{tag}], which is {describe_language(tag)}. " if tag else ""


def put_language_over(config: "Config", tag: str) -> "Config":
    """Return the settings with those of one of its languages over them. Raises KeyError for any other language."""
    if tag.lower() in ("", config.publication.language.lower()):
        return config
    by_tag = {each.lower(): (each, table) for each, table in config.translations.items()}
    tag, own = by_tag[tag.lower()]
    sender = config.sender.from_
    if own.sender:
        sender = sender.model_copy(update={"name": own.sender})
    return config.model_copy(
        update={
            "publication": _update(config.publication, language=tag, title=own.title, about=own.about),
            "sender": _update(config.sender, from_=sender, postal_address=own.postal_address),
            "email": _update(config.email, subject=own.subject),
            # Words in another language are no consent of who reads this one: the catalogue has some.
            "signup": config.signup.model_copy(update={"consent": own.consent}),
            "preferences": _update(
                config.preferences,
                # A tag that the language has no words for is offered in the publication's own.
                topics={**config.preferences.topics, **_select_known(own.topics, config.preferences.topics)},
                summary=own.summary if config.preferences.summary else None,
            ),
            "words": own.words,
        }
    )


def _select_known(words: Mapping[str, str], topics: Mapping[str, str]) -> dict[str, str]:
    """Return the words of topics that are offered: a language can't offer another one."""
    return {tag: words[tag] for tag in words if tag in topics}


def _update(table: _Table, **settings: object) -> _Table:
    """Return a table with those of the settings that are not None."""
    return table.model_copy(update={name: value for name, value in settings.items() if value is not None})
