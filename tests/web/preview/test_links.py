"""Links in the preview: asked in the background, once a draft is still, and shown as the answers come."""

import asyncio
import contextlib
from collections.abc import Iterator
from itertools import count

import pytest
from conftest import Publication
from linked_draft import silence_note, write_draft
from page_server import PageServer, page, redirect
from playwright.sync_api import Browser, expect
from preview_server import previewing

from newsletter.link_check.answer_cache import AnswerCache
from newsletter.web.preview.diagnostics import collect_diagnostics
from newsletter.web.preview.draft_state import DraftState
from newsletter.web.preview.link_watch import LinkWatch
from newsletter.web.preview.page_state import state
from newsletter.web.preview.rendered_draft import RenderedDraft

_NUMBERS = count(1)


@pytest.fixture
def pages() -> Iterator[PageServer]:
    with PageServer({"/fine": page(), "/moved": redirect("/fine", 301), "/other": page()}) as started:
        yield started


@pytest.fixture
def linked(digest: Publication) -> Publication:
    silence_note(digest)
    digest.environ["NEWSLETTER_LINKS__PREVIEW"] = "true"
    return digest


def render(linked: Publication, *addresses: str) -> RenderedDraft:
    draft = write_draft(linked, addresses)
    assert draft.issue
    return RenderedDraft(next(_NUMBERS), linked.workspace, draft.issue, draft.source)


def watch(linked: Publication, *drafts: RenderedDraft) -> list[list[str]]:
    """Look at the links of drafts as they follow upon each other; return the titles of each state."""
    told = []
    finished = asyncio.Event()

    async def publish(name: str, rendered: RenderedDraft) -> None:
        told.append([each.title for each in collect_diagnostics(DraftState(name=name, rendered=rendered), None, None)])
        if rendered is drafts[-1] and rendered.links and not rendered.links.waiting:
            finished.set()

    async def run() -> None:
        watching = LinkWatch(AnswerCache.of(linked.workspace), publish, still=0.3)
        task = asyncio.create_task(watching.run())
        for rendered in drafts:
            rendered.check(watching.answers)
            watching.look_at("2.11", rendered)
            await asyncio.sleep(0.001)  # so that what does not wait would ask now
        await asyncio.wait_for(finished.wait(), 20)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    return told


def test_links_are_told_beside_the_other_findings(linked: Publication, pages: PageServer) -> None:
    rendered = render(linked, *map(pages.address, ["/fine", "/missing", "/moved"]))
    told = watch(linked, rendered)
    assert {"Links: 1 problem.", "Links to look at: 1 note."} <= set(told[-1])
    shown = state(DraftState(name="2.11", rendered=rendered), linked.workspace, {}, "")
    assert shown["issue"]["links_said"] == "Looked where they lead: 1 of 3 pages fine."
    places = [
        each["place"] for told in shown["diagnostics"] if told["title"].startswith("Links") for each in told["problems"]
    ]
    assert places == ["drafts/2.11.yaml:10:15", "drafts/2.11.yaml:13:15"]


def test_only_what_is_new_is_asked(linked: Publication, pages: PageServer) -> None:
    watch(linked, render(linked, pages.address("/fine")))
    rendered = render(linked, *map(pages.address, ["/fine", "/other"]))
    watch(linked, rendered)
    assert [request.path for request in pages.requests] == ["/fine", "/other"]


@pytest.mark.slow
def test_a_text_that_changes_at_once_is_not_asked_about(linked: Publication, pages: PageServer) -> None:
    watch(linked, *(render(linked, pages.address(f"/{'other'[:length]}")) for length in range(1, 6)))
    assert [request.path for request in pages.requests] == ["/other"]


def test_known_links_are_told_before_anybody_is_asked(linked: Publication, pages: PageServer) -> None:
    watch(linked, render(linked, pages.address("/missing")))
    asked = len(pages.requests)
    rendered = render(linked, pages.address("/missing"))
    rendered.check(LinkWatch(AnswerCache.of(linked.workspace), lambda *_: asyncio.sleep(0)).answers)
    assert rendered.links
    assert [problem.code for problem in rendered.links.problems] == ["link-dead"]
    assert len(pages.requests) == asked


@pytest.mark.parametrize("why", ["switched off", "sent"])
def test_links_are_left_alone(linked: Publication, pages: PageServer, why: str) -> None:
    if why == "sent":
        linked.workspace.record("2.11").write_text("state = 'sent'\n")
    else:
        linked.environ["NEWSLETTER_LINKS__PREVIEW"] = "false"
    rendered = render(linked, pages.address("/missing"))
    rendered.check({})
    assert (rendered.links, rendered.link_addresses) == (None, ())
    shown = state(DraftState(name="2.11", rendered=rendered), linked.workspace, {}, "")
    assert shown["issue"]["links_said"] == ""


@pytest.mark.slow  # it waits for the draft to be still, in a browser
def test_the_page_shows_what_was_found(linked: Publication, pages: PageServer, browser: Browser) -> None:
    pages.delay = 0.3
    write_draft(linked, map(pages.address, ["/fine", "/missing", "/moved"]))
    with previewing(linked, "2.11") as preview, contextlib.closing(browser.new_context()) as context:
        preview.let_in(context)
        shown = context.new_page()
        shown.goto(preview.address)
        expect(shown.locator("#links-said")).to_have_text("Looked where they lead: 1 of 3 pages fine.", timeout=60_000)
        expect(shown.locator("#diagnostic-list")).to_contain_text("this link leads nowhere")
        expect(shown.locator("#diagnostic-list")).to_contain_text(f"Write its new address: {pages.address('/fine')}")
        preview.says("Links: 1 problem.")
        assert "\n".join(preview.printed).count("Links: 1 problem.") == 1
        asked = len(pages.requests)
        write_draft(linked, map(pages.address, ["/fine", "/moved", "/other"]))
        expect(shown.locator("#links-said")).to_have_text("Looked where they lead: 2 of 3 pages fine.", timeout=60_000)
        assert [request.path for request in pages.requests[asked:]] == ["/other"]
        assert preview.end() == 0
