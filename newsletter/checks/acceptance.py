"""Problems that are accepted: by a comment in a template, or by mjml.toml for what MJML writes by itself."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files

from newsletter.checks.checked_email import CheckedEmail, TemplateSource
from newsletter.checks.mail_clients import list_known_features
from newsletter.errors import Problem
from newsletter.text import quote_text, suggest_nearest

_COMMENT = re.compile(r"\{#[-+]?\s*accept(?=[\s:])(?P<body>.*?)[-+]?#\}", re.DOTALL)
_FORM = "Write it as {# accept css-gap: why the mail does well without it #}."


def check_accept_comments(email: CheckedEmail) -> Iterator[Problem]:
    """Find comments that would accept a problem, and don't say which or why."""
    for source in email.sources:
        for _, _, problem in _parse_comments(source):
            if problem:
                yield problem


def list_accepted_features(sources: Iterable[TemplateSource]) -> Mapping[str, str]:
    """Return the reasons in the templates' comments, by feature."""
    reasons: dict[str, str] = {}
    for source in sources:
        for slug, reason, problem in _parse_comments(source):
            if not problem:
                reasons.setdefault(slug, reason)
    return reasons


@cache
def read_mjml_reasons() -> Mapping[tuple[str, str], str]:
    """Return why it does no harm that MJML writes a feature, by feature and client."""
    text = files(__package__).joinpath("mjml.toml").read_text(encoding="utf-8")
    return {
        (entry["feature"], client): " ".join(entry["reason"].split())
        for entry in tomllib.loads(text)["made"]
        for client in entry["clients"]
    }


def _parse_comments(source: TemplateSource) -> Iterator[tuple[str, str, Problem | None]]:
    """Yield each feature that a comment accepts, with the reason or with what is wrong about it."""
    for match in _COMMENT.finditer(source.text):
        names, _, reason = match["body"].partition(":")
        for slug in [name.strip() for name in names.split(",")]:
            message, next_step = "", _FORM
            if not slug:
                message = "this accepts something, and does not say what"
            elif slug not in list_known_features():
                message = f"{quote_text(slug)} is no feature that can be accepted"
                next_step = suggest_nearest(slug, sorted(list_known_features())) or _FORM
            elif not reason.strip():
                message = f"{slug} is accepted, and nothing says why"
            yield slug, " ".join(reason.split()), _make_problem(source, match.start(), message, next_step)


def _make_problem(source: TemplateSource, at: int, message: str, next_step: str) -> Problem | None:
    if not message:
        return None
    before = source.text[:at]
    return Problem(
        path=source.path,
        line=before.count("\n") + 1,
        column=at - (before.rfind("\n") + 1) + 1,
        code="accept",
        message=message,
        next_step=next_step,
    )
