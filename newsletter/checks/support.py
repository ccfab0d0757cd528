"""The checks for features that mail clients lack."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from newsletter.checks.acceptance import list_accepted_features, read_mjml_reasons
from newsletter.checks.checked_email import AcceptedProblem, CheckedEmail
from newsletter.checks.feature_tables import IMAGES
from newsletter.checks.feature_use import FeatureUse
from newsletter.checks.mail_clients import CLIENTS, WORD, list_lacking_features, name_clients
from newsletter.checks.markup import FeatureUses
from newsletter.errors import Problem

# A client, and those of its platforms that lack something.
_Lacking = dict[str, set[str]]


def check_client_support(email: CheckedEmail) -> Iterator[Problem | AcceptedProblem]:
    """Find features that a client lacks, at their place in a template, or else as made by MJML."""
    placed: dict[tuple[Path, int, str], tuple[FeatureUse, _Lacking]] = {}
    made: dict[str, tuple[FeatureUse, _Lacking]] = {}
    for client in email.clients:
        for platform in CLIENTS[client].platforms:
            missed = _find_missed(email.seen, platform)
            left = dict(missed)
            for source in email.sources:
                for found in _iterate_missed(source.seen, platform):
                    if found.slug in missed:
                        left.pop(found.slug, None)
                        key = source.path, found.line, found.slug
                        placed.setdefault(key, (found, {}))[1].setdefault(client, set()).add(platform)
            for slug, found in left.items():
                made.setdefault(slug, (found, {}))[1].setdefault(client, set()).add(platform)
    reasons = list_accepted_features(email.sources)
    order = {source.path: number for number, source in enumerate(email.sources)}
    for (path, _, slug), (found, lack) in sorted(placed.items(), key=lambda item: (order[item[0][0]], item[0][1:])):
        problem = _make_problem(path, found, found.what, lack)
        yield AcceptedProblem(problem, reasons[slug]) if slug in reasons else problem
    for slug, (found, lack) in sorted(made.items()):
        yield from _explain_mjml(email, slug, found, lack, reasons.get(slug))


def check_image_support(email: CheckedEmail) -> Iterator[Problem | AcceptedProblem]:
    """Find pictures in a format that a client can't show."""
    reasons = list_accepted_features(email.sources)
    for slug, kind in sorted({IMAGES[kind]: kind for kind in email.image_kinds if kind in IMAGES}.items()):
        lack = {
            client: {platform for platform in CLIENTS[client].platforms if slug in list_lacking_features(platform)}
            for client in email.clients
        }
        if any(lack.values()):
            problem = Problem(
                path=email.place,
                code=slug,
                message=f"a picture in this mail is of the kind {kind}, which is not supported by {name_clients(lack)}",
                next_step=f"Save it as JPEG or PNG, or accept it with a comment in the template that says why: "
                f"{{# accept {slug}: … #}}",
            )
            yield AcceptedProblem(problem, reasons[slug]) if slug in reasons else problem


def _explain_mjml(
    email: CheckedEmail, slug: str, found: FeatureUse, lack: _Lacking, accepted: str | None
) -> Iterator[Problem | AcceptedProblem]:
    """Yield one problem for each reason why MJML's use of a feature is accepted, or not, in some of the clients."""
    by_reason: dict[str, _Lacking] = {}
    for client, platforms in lack.items():
        by_reason.setdefault(accepted or read_mjml_reasons().get((slug, client), ""), {})[client] = platforms
    for reason, clients in by_reason.items():
        problem = _make_problem(email.place, found, f"{found.what} (made by MJML)", clients, placed=False)
        yield AcceptedProblem(problem, reason) if reason else problem


def _make_problem(path: Path | str, found: FeatureUse, what: str, lack: _Lacking, *, placed: bool = True) -> Problem:
    return Problem(
        path=path,
        line=found.line if placed else 0,
        column=found.column if placed else 0,
        code=found.slug,
        message=f"{what} is not supported by {name_clients(lack)}",
        next_step=f"Write it another way, or accept it with a comment that says why: {{# accept {found.slug}: … #}}",
    )


def _find_missed(seen: FeatureUses, platform: str) -> Mapping[str, FeatureUse]:
    """Return the features that a platform reads and lacks, each with its first use."""
    missed: dict[str, FeatureUse] = {}
    for found in _iterate_missed(seen, platform):
        missed.setdefault(found.slug, found)
    return missed


def _iterate_missed(seen: FeatureUses, platform: str) -> Iterator[FeatureUse]:
    lack: Collection[str] = list_lacking_features(platform)
    for found in seen.word if platform == WORD else seen.others:
        if found.slug in lack and not any(slug in lack for slug in found.inside):
            yield found
