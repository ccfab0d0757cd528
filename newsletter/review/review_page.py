"""The review as one HTML page: it needs nothing but the pictures and editions beside it, no network and no script."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.review.issue_facts import list_facts
from newsletter.review.issue_review import IssueReview, count_findings, group_findings
from newsletter.review.reviewed_draft import EVERY_TAG, ReviewedDraft
from newsletter.text import format_count, format_size
from newsletter.translation import describe_language, find_direction

INDEX = "index.html"
PICTURES = "pictures"  # the folder of the pictures, beside the page
_EDITIONS = {"html": "Email", "text": "Text", "pdf": "PDF", "web": "Web page", EVERY_TAG: "Email with every part"}
_PREVIEWS = (
    ("html", "The email", 360),
    ("html", "The email", 760),
    (EVERY_TAG, "The email to readers with every tag", 760),
    ("web", "The web page", 360),
)


def render_review_page(review: IssueReview) -> str:
    """Return the page about one issue, in all its languages."""
    return (
        _open_templates()
        .get_template("review.html.j2")
        .render(
            review=review,
            list_facts=list_facts,
            files=_list_files,
            editions=_EDITIONS,
            previews=_PREVIEWS,
            pictures_folder=PICTURES,
        )
    )


def render_review_list(reviews: Sequence[tuple[str, IssueReview]]) -> str:
    """Return the page that lists reviews of several issues, each with the address of its own page."""
    return _open_templates().get_template("reviews.html.j2").render(reviews=reviews)


def _open_templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": count_findings,
        "grouped": group_findings,
        "count": format_count,
        "size": format_size,
        "language": describe_language,
        "direction": find_direction,
    }
    return environment


def _list_files(draft: ReviewedDraft) -> list[tuple[str, str, int]]:
    """Return the editions of a draft as files beside the page: what each is, its name, its size in bytes."""
    files = draft.rendered.files if draft.rendered else {}
    return [
        (_EDITIONS[form], name, len(data)) for form, made in files.items() for name, data in [next(iter(made.items()))]
    ]
