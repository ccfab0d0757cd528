"""The one comment that a review has on a pull request: found again by its first line, and kept up to date.

GitHub's and Forgejo's APIs agree in what is used of them (REST, issue comments); GitLab's has merge requests' notes.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httpx

from newsletter.errors import ConfigError, NewsletterError
from newsletter.forges.workflow_files import Forge

TOKEN_VARIABLE = "NEWSLETTER_FORGE_TOKEN"  # noqa: S105  # the variable's name
# A Markdown comment, which no forge shows.
_MARK = "<!-- newsletter review -->\n"
# GitHub's limit of a comment's body, in characters; Forgejo has none that is lower. GitLab's is a million.
_LONGEST: Mapping[Forge, int] = {Forge.GITHUB: 65_536, Forge.FORGEJO: 65_536, Forge.GITLAB: 1_000_000}
_CUT = "\n\nThe rest did not fit into a comment: it is in the review's folder.\n"
_PAGES = 50
_PATIENCE_S = 30
_PULL_REQUEST = re.compile(r"refs/pull/(\d+)/(?:merge|head)")
# Who comments with a run's own token. Forgejo was Gitea.
_RUNNERS = {"github-actions[bot]", "forgejo-actions", "gitea-actions"}

_Ask = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A pull request as a run on its forge knows it. `api` is the forge's address, `project` the repository there."""

    forge: Forge
    api: str
    project: str
    number: int

    @property
    def comments(self) -> str:
        """The address of its comments."""
        if self.forge is Forge.GITLAB:
            return f"{self.api}/projects/{quote(self.project, safe='')}/merge_requests/{self.number}/notes"
        return f"{self.api}/repos/{quote(self.project)}/issues/{self.number}/comments"

    def find_comment_address(self, comment: int) -> str:
        """Return the address of one of them."""
        if self.forge is Forge.GITLAB:
            return f"{self.comments}/{comment}"
        return f"{self.api}/repos/{quote(self.project)}/issues/comments/{comment}"


def find_pull_request(environ: Mapping[str, str]) -> PullRequest:
    """Return the pull request for which this process runs, by the variables that its forge sets.

    Raises ConfigError when they name none.
    """
    try:
        if environ.get("GITLAB_CI"):
            found = PullRequest(
                forge=Forge.GITLAB,
                api=environ["CI_API_V4_URL"],
                project=environ["CI_MERGE_REQUEST_PROJECT_ID"],
                number=int(environ["CI_MERGE_REQUEST_IID"]),
            )
        else:
            reference = _PULL_REQUEST.fullmatch(environ["GITHUB_REF"])
            found = PullRequest(
                forge=Forge.FORGEJO if {"FORGEJO_ACTIONS", "GITEA_ACTIONS"} & environ.keys() else Forge.GITHUB,
                api=environ["GITHUB_API_URL"],
                project=environ["GITHUB_REPOSITORY"],
                number=int(reference[1]) if reference else 0,
            )
    except (KeyError, ValueError):
        found = None
    if found is None or not found.number:
        raise ConfigError(
            "This is no run for a pull request: GitHub, GitLab and Forgejo say which one it is in GITHUB_REF, or in "
            "CI_MERGE_REQUEST_IID.",
            next_step="Let the workflow that `newsletter init --ci` makes call this; or read the review's index.html.",
        )
    address = urlsplit(found.api)
    if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(
            f"The forge's address has to begin with https://, since a token goes there; it is {found.api}.",
            next_step="See the forge's own setting of its address.",
        )
    return found


def comment_review(pull_request: PullRequest, token: str, text: str) -> Literal["made", "changed", "unchanged"]:
    """Make the review's comment on the pull request, or change it, and return which; `text` is Markdown.

    Only a comment of this token's own user counts as the review's, whatever others begin theirs with. A text that is
    too long for the forge is cut at a line, and says so. Raises NewsletterError when the forge refuses or is silent.
    """
    if pull_request.forge is Forge.GITLAB:
        headers, change = {"PRIVATE-TOKEN": token}, "PUT"
    else:
        headers, change = {"Authorization": f"Bearer {token}", "Accept": "application/json"}, "PATCH"
    body = _shorten(_MARK + text, _LONGEST[pull_request.forge])
    with httpx.Client(headers=headers, timeout=_PATIENCE_S) as client:
        ask = partial(_ask, client, token)
        known = _find_own(ask, pull_request)
        if known is None:
            ask("POST", pull_request.comments, json={"body": body})
            return "made"
        # Forges keep line ends in their own way.
        if "".join(known["body"].split()) == "".join(body.split()):
            return "unchanged"
        ask(change, pull_request.find_comment_address(known["id"]), json={"body": body})
        return "changed"


def _find_own(ask: _Ask, pull_request: PullRequest) -> dict[str, Any] | None:
    own = {str(ask("GET", f"{pull_request.api}/user")["username"])} if pull_request.forge is Forge.GITLAB else _RUNNERS
    author, name = ("author", "username") if pull_request.forge is Forge.GITLAB else ("user", "login")
    for comment in _list_comments(ask, pull_request):
        if (comment.get("body") or "").startswith(_MARK.rstrip()) and (comment.get(author) or {}).get(name) in own:
            return comment
    return None


def _list_comments(ask: _Ask, pull_request: PullRequest) -> Iterator[dict[str, Any]]:
    for page in range(1, _PAGES + 1):
        # Forgejo calls a page's length `limit`.
        comments = ask("GET", pull_request.comments, params={"per_page": 100, "limit": 50, "page": page})
        yield from comments
        if len(comments) < 50:  # the shorter of the two lengths
            return


def _ask(client: httpx.Client, token: str, method: str, address: str, **options: Any) -> Any:
    try:
        answer = client.request(method, address, **options)
        answer.raise_for_status()
        return answer.json()
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise NewsletterError(
            f"The forge answers {status} to {method} {error.request.url.path}.",
            next_step=f"See that the token in {TOKEN_VARIABLE} may comment on pull requests."
            if status in (401, 403, 404)
            else "Run this again later.",
        ) from error
    except (httpx.HTTPError, ValueError) as error:
        raise NewsletterError(
            f"The forge can't be asked: {str(error).replace(token, '***') or type(error).__name__}.",
            next_step="Run this again later.",
        ) from error


def _shorten(text: str, longest: int) -> str:
    """Return a text that is not longer, in characters; one that is cut ends at a line, and says so."""
    if len(text) <= longest:
        return text
    kept = text[: longest - len(_CUT)]
    return kept[: kept.rfind("\n") + 1].rstrip() + _CUT
