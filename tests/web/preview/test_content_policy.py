"""Other sites, the editions' own content and odd paths get nothing out of the preview, and nothing done by it."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
import smtp_server
from conftest import ROOT, Publication
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page
from preview_server import Preview, previewing

ORDER = json.dumps({"address": "me@example.org"}).encode()


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Publication, smtp_server.Server, Preview]]:
    """One preview for the tests that change nothing in its files."""
    root = tmp_path_factory.mktemp("guarded") / "digest"
    (root / "drafts").mkdir(parents=True)
    for name in ("2.10.yaml", "2.10-lead.jpg"):
        (root / "drafts" / name).write_bytes((ROOT / "drafts" / name).read_bytes())
    (root / "newsletter.toml").write_bytes((ROOT / "newsletter.toml").read_bytes())
    (root / "subscribers.csv").write_bytes((ROOT / "subscribers.example.csv").read_bytes())
    (root.parent / "secret.yaml").write_text("a secret beside the workspace")
    publication = Publication(root)
    with smtp_server.running() as server:
        publication.through(server)
        with previewing(publication, "2.10") as preview:
            preview.until(lambda state: state["finished"])
            yield publication, server, preview


@pytest.fixture
def preview(_shared: tuple[Publication, smtp_server.Server, Preview]) -> Preview:
    return _shared[2]


@pytest.fixture
def mailbox(_shared: tuple[Publication, smtp_server.Server, Preview]) -> smtp_server.Server:
    return _shared[1]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example:{port}",
             "127.0.0.1@evil.example", "[::1]:{port}", "0.0.0.0:{port}", "127.0.0.2", ""],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/2.10", "/2.10/email.html", "/2.10/events", "/-/preview.js"])
def test_a_name_that_is_not_its_own_gets_nothing(preview: Preview, host: str, path: str) -> None:
    status, _, body = preview.ask(path, headers={"Host": host.format(port=preview.port)})
    assert status == 421
    assert len(body) < 100


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}"])
def test_its_own_names_are_answered(preview: Preview, host: str) -> None:
    assert preview.ask("/2.10", headers={"Host": host.format(port=preview.port)})[0] == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_asks_for_is_not_worked_on(preview: Preview, site: str) -> None:
    """Whatever else keeps it from the answer, it could keep the machine busy."""
    for dest, mode in (("image", "no-cors"), ("empty", "cors"), ("iframe", "navigate"), ("script", "no-cors")):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        assert preview.ask("/2.10/email.txt", headers=headers)[0] == 403
    visit = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert preview.ask("/2.10", headers=visit)[0] == 200  # a link in a chat


def test_it_listens_on_this_machine_alone(preview: Preview) -> None:
    with open(f"/proc/{preview.process.pid}/net/tcp") as file:  # noqa: PTH123  # the kernel's own table
        listening = [line.split()[1] for line in file.readlines()[1:] if line.split()[3] == "0A"]
    assert f"0100007F:{preview.port:04X}" in listening
    assert f"00000000:{preview.port:04X}" not in listening


@pytest.mark.parametrize("token", [None, "", "x", "Ü"])
def test_a_test_is_sent_for_the_page_alone(preview: Preview, mailbox: smtp_server.Server, token: str | None) -> None:
    headers = {"Content-Type": "application/json"} | ({} if token is None else {"X-Preview-Token": token})
    status, _, body = preview.ask("/2.10/test", "POST", ORDER, headers)
    assert status == 403
    assert b"Reload it" in body
    assert mailbox.stored == []


def test_with_the_token_it_is_sent(preview: Preview, mailbox: smtp_server.Server) -> None:
    status, _, body = preview.ask("/2.10/test", "POST", ORDER, {"X-Preview-Token": preview.token()})
    assert (status, json.loads(body)["accepted"]) == (200, True)
    assert list(mailbox.copies()) == ["me@example.org"]
    mailbox.stored.clear()


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [("POST", b"no json", 400), ("POST", b"[]", 400), ("POST", b'{"address": 1}', 400), ("POST", b"{}", 422),
     ("POST", b'{"address": "me@example.org\\r\\nBcc: you@example.org"}', 422),
     ("POST", b" " * 20_000, 413), ("POST", b"[" * 9_000, 400),
     ("GET", None, 404), ("PUT", b"{}", 405)],
)  # fmt: skip
def test_an_order_that_is_none(
    preview: Preview, mailbox: smtp_server.Server, method: str, body: bytes | None, status: int
) -> None:
    said = preview.ask("/2.10/test", method, body, {"X-Preview-Token": preview.token()})
    assert said[0] == status, said
    assert mailbox.stored == []


@pytest.mark.slow
def test_no_other_site_can_read_or_do_anything(preview: Preview, mailbox: smtp_server.Server, browser: Browser) -> None:
    """A page from another address on this machine: what holds for it holds for any site."""
    page = browser.new_page()
    preview.let_in(page.context)
    page.route("http://other.example/**", lambda route: route.fulfill(body="<title>other</title>"))
    page.goto("http://other.example/")
    tried = page.evaluate(
        """async preview => {
      const attempt = what => what().then(got => got, () => 'refused');
      const image = address => new Promise(resolve => {
        const picture = new Image();
        picture.onload = () => resolve('loaded');
        picture.onerror = () => resolve('refused');
        picture.src = address;
      });
      const frame = address => new Promise(resolve => {
        const element = document.createElement('iframe');
        element.src = address;
        element.onload = () => { try { resolve(element.contentDocument?.body?.innerText ?? 'refused'); }
                                 catch { resolve('refused'); } };
        document.body.append(element);
      });
      const order = {method: 'POST', body: JSON.stringify({address: 'me@example.org'})};
      const token = {'X-Preview-Token': 'guessed'};
      return [
        await attempt(() => fetch(preview).then(answer => answer.text())),
        await attempt(() => fetch(preview + '/test', {...order, headers: token}).then(answer => answer.text())),
        await attempt(() => fetch(preview + '/test', {...order, mode: 'no-cors'}).then(answer => answer.text())),
        await image(preview + '/page-1.png'),
        await frame(preview),
        await frame(preview + '/email.html'),
        await new Promise(resolve => {
          const script = document.createElement('script');
          script.onload = () => resolve('loaded');
          script.onerror = () => resolve('refused');
          script.src = new URL('/-/preview.js', preview);
          document.head.append(script);
        }),
      ];
    }""",
        preview.address,
    )
    assert tried == ["refused", "refused", "refused", "refused", "refused", "refused", "refused"]
    assert mailbox.stored == []
    page.close()


SCRIPT = """
<script>parent.document.title = 'taken'; document.body.dataset.taken = 1</script>
<img src="x" onerror="parent.document.title = 'taken'">
<a href="javascript:parent.document.title='taken'" id="trap">trap</a>
<form action="/2.10/test" method="post" id="form"><button id="post">post</button></form>
<iframe src="http://127.0.0.1:PORT/"></iframe><link rel="stylesheet" href="http://127.0.0.1:PORT/style.css">
<img src="http://127.0.0.1:PORT/pixel.png"><base href="http://127.0.0.1:PORT/">
<meta http-equiv="refresh" content="0;url=/9.9">
"""


@pytest.mark.slow
@pytest.mark.parametrize(("view", "template"), [("web", "web.html.j2"), ("email", "email.mjml.j2")])
def test_nothing_in_a_frame_runs_posts_or_asks_the_network(
    publication: Publication, browser: Browser, view: str, template: str
) -> None:
    source = (ROOT / "templates" / template).read_text()
    (publication.root / "templates").mkdir()
    end = "</body>" if view == "web" else "</mj-body>"
    outside = socket.create_server(("127.0.0.1", 0))
    script = SCRIPT.replace("PORT", str(outside.getsockname()[1]))
    trap = script if view == "web" else f"<mj-raw>{script}</mj-raw>"
    (publication.root / "templates" / template).write_text(source.replace(end, trap + end))
    with previewing(publication, "2.10") as preview:
        page = browser.new_page()
        preview.let_in(page.context)
        page.goto(f"{preview.address}?view={view}")
        page.frame_locator("#frame").locator("#trap").wait_for()
        page.wait_for_timeout(500)
        _try_the_trap(page)
        # The same by the way that a change takes, which is not a new document.
        publication.draft("2.10", (ROOT / "drafts" / "2.10.yaml").read_text().replace("Hiroshima", "Nagasaki"))
        page.frame_locator("#frame").get_by_text("Nagasaki").first.wait_for(state="attached")
        _try_the_trap(page)
        assert _asked(outside) == b""
        assert preview.ask(f"/2.10/{view}.html")[1]["content-security-policy"].startswith("default-src 'none'; ")
        page.close()


def _asked(outside: socket.socket) -> bytes:
    """All that anybody has sent there. Chromium may open a connection for a frame before it looks whether it may."""
    said = b""
    with outside, suppress(TimeoutError):
        outside.settimeout(0.5)
        while True:
            connection, _ = outside.accept()
            with connection, suppress(TimeoutError):
                connection.settimeout(0.5)
                said += connection.recv(1000)
    return said


def _try_the_trap(page: Page) -> None:
    frame = page.frame_locator("#frame")
    for name in ("trap", "post"):
        frame.locator(f"#{name}").evaluate("element => element.click()")
    page.wait_for_timeout(200)
    assert page.title() == "2.10 · " + {"web": "Web page", "email": "Email"}[page.url.split("=")[1]] + " · Preview"
    assert page.evaluate("document.getElementById('frame').contentDocument.body.dataset.taken") is None
    assert page.evaluate("document.getElementById('frame').contentWindow.location.pathname").startswith("/2.10/")


@pytest.mark.slow
def test_what_a_draft_says_is_text_to_the_page(publication: Publication, browser: Browser) -> None:
    text = (ROOT / "drafts" / "2.10.yaml").read_text()
    publication.draft("2.10", text.replace("date: 2023-05-31", "date: <img src=x onerror=document.title='taken'>"))
    rows = "email,name\nada@example.org,\"<img src=x onerror=document.title='taken'>\"\n"
    (publication.root / "subscribers.csv").write_text(rows)
    with previewing(publication, "2.10") as preview:
        page = browser.new_page()
        preview.let_in(page.context)
        page.goto(preview.address)
        page.locator(".diagnostic").get_by_text("<img src=x").wait_for()
        publication.draft("2.10", text.replace("Hiroshima", "Hiroshima \\<script>alert(1)\\</script>"))
        page.locator("#stale").wait_for(state="hidden")
        page.get_by_label("As").press_sequentially("img")
        page.locator("#readers [role=option]").wait_for(state="attached")
        assert page.locator("main img, aside img").count() == 0
        assert "taken" not in page.title()
        page.close()


PATHS = [
    "/../secret.yaml", "/2.10/../../secret.yaml", "/2.10/..%2f..%2fsecret.yaml", "/%2e%2e/secret.yaml",
    "/2.10/%2e%2e%2f%2e%2e%2fsecret.yaml", "/-/../preview.html", "/-/preview.html", "/-/..%2f__init__.py",
    "/-/..%2f..%2f..%2fnewsletter.toml", "/drafts/2.10.yaml", "/2.10/2.10.yaml", "/2.10/newsletter.toml",
    "/2.10/subscribers.csv", "//etc/passwd", "/2.10//etc/passwd", "/2.10/%00", "/2.10/page-0.png", "/2.10/page-99.png",
    "/2.10/page--1.png",
    "/2.10/page-" + "9" * 5_000 + ".png",
    "/../../../../../../etc/passwd", "/file:///etc/passwd", "/%2fetc%2fpasswd/email.html",
    "/2.10/logo.png", "/2.10/2.10-lead.jpg/x", "/.newsletter/state.db", "/.git/config",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_a_file(preview: Preview, path: str) -> None:
    status, _, body = preview.ask(path)
    # 422 is for a draft that there isn't, by its name.
    assert status == 404 or (status == 422 and b"There is no draft" in body)
    assert b"secret" not in body
    assert b"[publication]" not in body


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the one preview serves all examples
@given(st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), max_size=60))
def test_no_path_at_all_is_a_fault_of_the_program(preview: Preview, path: str) -> None:
    status, _, body = preview.ask("/2.10/" + path.replace("#", "%23"))
    assert status in (200, 307, 404, 405, 422)
    assert b"secret" not in body
    assert b"[publication]" not in body


def test_a_draft_that_leads_elsewhere_is_not_shown(publication: Publication) -> None:
    outside = publication.root.parent / "secret.yaml"
    outside.write_text("volume: a secret")
    (publication.root / "drafts" / "9.9.yaml").symlink_to(outside)
    picture = publication.root / "drafts" / "2.10-lead.jpg"
    picture.rename(publication.root.parent / "private.jpg")
    picture.symlink_to(publication.root.parent / "private.jpg")
    with previewing(publication, "2.10") as preview:
        state = preview.until(lambda state: state["diagnostics"], draft="9.9")
        assert state["diagnostics"][0]["title"] == "9.9.yaml leads out of the publication's folder, and is not read."
        assert "secret" not in json.dumps(state["diagnostics"][0]["problems"])
        state = preview.until(lambda state: state["diagnostics"])
        assert "2.10-lead.jpg" in json.dumps(state["diagnostics"])
        assert preview.ask("/2.10/2.10-lead.jpg")[0] in (404, 422)


@pytest.mark.slow
def test_a_list_outside_of_the_page_is_not_in_any_log(publication: Publication) -> None:
    with previewing(publication, "2.10") as preview:
        status, _, body = preview.ask("/2.10/readers?words=okafor")
        (reader,) = json.loads(body)
        assert (status, reader["address"]) == (200, "ada.okafor@example.org")
        preview.text(f"/2.10/email.html?reader={reader['id']}")
        preview.until(lambda state: state["finished"], reader=reader["id"])
        assert preview.end() == 0
    assert "okafor" not in "\n".join(preview.printed).lower()
