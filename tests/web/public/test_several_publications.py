"""The service of a workspace with several publications: by path or by host, each with its own tokens and archive."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep, time
from urllib.parse import urlencode

import pytest
from conftest import Publication
from service_server import FORM, HOST, PATIENCE, Service, made, serving
from several import add_publication, fill, without_title

from newsletter.publication import OpenPublication
from newsletter.store import suppressions
from newsletter.subscribers.consent_words import digest_words
from newsletter.subscribers.purpose_tokens import PurposeTokenSigner, TokenPurpose
from newsletter.subscribers.reader_requests import list_requests_of
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.web.public.sign_up_limits import FROM_ANY_FORM
from newsletter.workspace_search import find_workspace

READER = "reader@example.org"
OTHER_HOST = "brief.example.org"
CLOSED_HOST = "closed.example.org"


def _token(publication: Publication, name: str, reader: str = READER) -> str:
    workspace = find_workspace(publication.root, publication.environ, name)
    return TokenSigner(require_secret_keys(workspace), workspace.config.subscriber_list.id).write("2.10", reader)


def _causes(publication: Publication, name: str, reader: str) -> list[str]:
    workspace = find_workspace(publication.root, publication.environ, name)
    with closing(OpenPublication(workspace)) as opened, opened.store.reading() as connection:
        return [str(cause) for cause in suppressions.list_causes(connection, reader)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the sample at the host itself, `weekly` below it, `brief` at a host of its own, and one that is broken."""
    publication = made(tmp_path_factory.mktemp("several") / "digest")
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    shared = publication.root / "newsletter.toml"
    shared.write_text(re.sub(r"(?m)^website = .*\n", "", shared.read_text()))
    for name in ("weekly", "brief", "broken"):
        more = f'[service]\nurl = "https://{OTHER_HOST}"\nproxies = "127.0.0.1"\n' if name == "brief" else ""
        folder = add_publication(publication, name, more)
        fill(folder, [READER])
        (folder / "drafts" / "2.10.sent.toml").touch()
    (publication.root / "publications/broken/newsletter.toml").write_text("[publication\n")
    closed = add_publication(publication, "closed", f'[service]\nurl = "https://{CLOSED_HOST}/far"\n')
    without_list = re.sub(r"(?m)^unsubscribe = .*\n", "", (closed / "newsletter.toml").read_text())
    (closed / "newsletter.toml").write_text(without_list)
    with serving(publication) as running:
        for whose in ("", "weekly: ", "brief: "):
            running.says(f" {whose}The archive has 1 issue; made again: 2.10")
        yield running


def _ask(
    service: Service, path: str, host: str = HOST, method: str = "GET", body: bytes | None = None
) -> tuple[int, str]:
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    status, _, text = service.ask(path, method, body, {"Host": host, **form})
    return status, text.decode("utf-8", "replace")


def _wait_until(is_so: Callable[[], bool]) -> bool:
    """Return True as soon as something is so, and False when it never is: the service decides a moment later."""
    began = monotonic()
    while not (found := is_so()) and monotonic() - began < PATIENCE:
        sleep(0.05)
    return found


def test_each_publications_pages_are_at_its_own_address(service: Service) -> None:
    wait = [("/2.10.html", HOST), ("/weekly/2.10.html", HOST), ("/2.10.html", OTHER_HOST)]
    for path, host in wait:
        status, page = _ask(service, path, host)
        assert status == 200, page
    assert "The Weekly" in _ask(service, "/weekly/")[1]
    assert "The Brief" in _ask(service, "/", OTHER_HOST)[1]
    assert "Pacific Alliance Digest" in _ask(service, "/")[1]
    assert f"https://{HOST}/weekly/2.10.html" in _ask(service, "/weekly/feed.xml")[1]
    assert service.ask("/weekly", headers={"Host": HOST})[0] == 308
    assert _ask(service, "/weekly/2.10.html", OTHER_HOST)[0] == 404
    assert _ask(service, "/", "elsewhere.example.org")[0] == 421


def test_a_list_names_them_all(service: Service) -> None:
    status, page = _ask(service, "/publications/")
    assert status == 200
    for href in (f"https://{HOST}/", f"https://{HOST}/weekly/", f"https://{OTHER_HOST}/"):
        assert f'<a href="{href}">' in page


def test_a_web_server_that_one_publication_names_is_before_all(service: Service) -> None:
    words = digest_words(service.publication.workspace.config.consent_words)
    for number in range(FROM_ANY_FORM + 1):
        body = urlencode({"email": f"through{number}@example.com", "words": words}).encode()
        headers = {"Host": HOST, **FORM, "X-Forwarded-For": f"198.51.100.{number}"}
        assert service.ask("/subscribe", "POST", body, headers)[0] == 200


def test_a_broken_one_takes_no_other_down(service: Service) -> None:
    assert _ask(service, "/broken/u/anything")[0] == 503
    assert _ask(service, "/healthz")[0] == 200
    assert _ask(service, "/far/u/anything", CLOSED_HOST, "POST", b"List-Unsubscribe=One-Click")[0] == 503
    assert _ask(service, "/far", CLOSED_HOST)[0] == 503
    assert _ask(service, "/", CLOSED_HOST)[0] == 404
    assert any("broken is not served until this is mended" in line for line in service.printed)


@pytest.mark.parametrize(
    ("name", "path", "host"), [("weekly", "/weekly", HOST), ("brief", "", OTHER_HOST), ("main", "", HOST)]
)
def test_a_token_leaves_its_own_publication_on_its_own_route_alone(
    service: Service, name: str, path: str, host: str
) -> None:
    reader = f"{name}@example.org"
    token = _token(service.publication, name, reader)
    routes = {("/weekly", HOST), ("", OTHER_HOST), ("", HOST)}
    for other_path, other_host in routes - {(path, host)}:
        status, _ = _ask(service, f"{other_path}/u/{token}", other_host, "POST", b"List-Unsubscribe=One-Click")
        assert status == 404
    status, _ = _ask(service, f"{path}/u/{token}", host, "POST", b"List-Unsubscribe=One-Click")
    assert status == 200
    left = {
        each for each in ("main", "weekly", "brief") if "unsubscribed" in _causes(service.publication, each, reader)
    }
    assert left == {name}


def test_who_joins_one_joins_no_other(service: Service) -> None:
    reader = "joining@example.org"
    page = _ask(service, "/weekly/subscribe")[1]
    assert f'action="https://{HOST}/weekly/subscribe"' in _ask(service, "/weekly/2.10.html")[1]
    fields = {**dict(re.findall(r'name="(words|source)"[^>]* value="([^"]*)"', page)), "email": reader}
    assert _ask(service, "/weekly/subscribe", method="POST", body=urlencode(fields).encode())[0] == 200
    requests = {}
    for name in ("main", "weekly", "brief"):
        workspace = find_workspace(service.publication.root, service.publication.environ, name)
        with closing(OpenPublication(workspace)) as opened, opened.store.reading() as connection:
            requests[name] = [each.id for each in list_requests_of(connection, reader)]
        if name == "weekly":
            signer = PurposeTokenSigner(require_secret_keys(workspace), workspace.config.subscriber_list.id)
    assert {name: len(found) for name, found in requests.items()} == {"main": 0, "weekly": 1, "brief": 0}
    path = f"/confirm/{signer.write(TokenPurpose.CONFIRM, reader, str(requests['weekly'][0]), time() + 99)}"
    for route, host, status in (("", HOST, 404), ("", OTHER_HOST, 404), ("/weekly", HOST, 200)):
        assert _wait_until(lambda: _ask(service, f"{route}{path}", host)[0] == status), route  # noqa: B023  # at once


@pytest.mark.slow
def test_the_list_is_at_the_top_where_no_publication_is(tmp_path: Path) -> None:
    publication = made(tmp_path / "digest")
    without_title(publication)
    shared = publication.root / "newsletter.toml"
    shared.write_text(re.sub(r"(?m)^website = .*\n", "", shared.read_text()))
    for name in ("brief", "weekly"):
        add_publication(publication, name)
    with serving(publication) as service:
        status, page = _ask(service, "/")
        assert status == 200
        assert page.index("The Brief") < page.index("The Weekly")
        assert _ask(service, f"/brief/u/{_token(publication, 'brief')}")[0] == 200
        assert _ask(service, f"/u/{_token(publication, 'brief')}")[0] == 404


@pytest.mark.parametrize("end", ["", ".:443", "/u"])
def test_two_at_one_address_are_refused(tmp_path: Path, end: str) -> None:
    publication = made(tmp_path / "digest")
    shared = publication.root / "newsletter.toml"
    shared.write_text(re.sub(r"(?m)^website = .*\n", "", shared.read_text()))
    add_publication(publication, "weekly", f'[service]\nurl = "https://{HOST}{end}"\n')
    del publication.environ["NEWSLETTER_SERVICE__URL"]
    shared.write_text(shared.read_text() + f'[service]\nurl = "https://{HOST}"\n')
    done = publication.run("serve", "--port", "0")
    assert done.returncode == 2
    assert "main and weekly have the same address" in done.stderr
