"""The check of links beside the preview: in the background, once a draft has been still for some seconds.

It runs in the server's own loop, so that it ends with the preview, and gives way to whatever the page asks for.
"""

import asyncio
import datetime
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from importlib import import_module

from newsletter.clock import Instant, make_instant
from newsletter.link_check import LinkAnswer
from newsletter.link_check.answer_cache import AnswerCache
from newsletter.web.preview.rendered_draft import RenderedDraft

_LOG = logging.getLogger(__name__)
# Seconds. Who types an address saves it half written, and nobody should be asked for that.
_STILL = 3.0
# Seconds between two states with new answers, so that the page is not told of each link by itself.
_PAUSE = 0.5


class LinkWatch:
    """The links of drafts under preview: what is known of them, and the asking for what is not.

    `publish` is awaited with a draft's name and its rendering when more is known of its links.
    """

    def __init__(
        self, cache: AnswerCache, publish: Callable[[str, RenderedDraft], Awaitable[object]], *, still: float = _STILL
    ) -> None:
        self.answers = cache.read(_now())
        self._cache = cache
        self._publish = publish
        self._still = still
        self._waiting: dict[str, RenderedDraft] = {}
        self._changed = asyncio.Event()

    def look_at(self, name: str, rendered: RenderedDraft) -> None:
        """Ask for what is not known of a rendering's links, when nothing has changed for some seconds."""
        if rendered.link_addresses:
            self._waiting[name] = rendered
            self._changed.set()

    async def run(self) -> None:
        """Ask until cancelled. What fails is logged: the preview goes on without."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(self._still)
            if self._changed.is_set():
                continue
            waiting, self._waiting = self._waiting, {}
            for name, rendered in waiting.items():
                try:
                    await self._ask(name, rendered)
                except Exception:  # noqa: BLE001  # whatever it is, no edition depends on it
                    _LOG.debug("the links of %s can't be looked at", name, exc_info=True)

    async def _ask(self, name: str, rendered: RenderedDraft) -> None:
        """Ask for what is not remembered, or not any more, and publish what is known in between and in the end."""
        now = _now()
        remembered = await asyncio.to_thread(self._cache.read, now)
        self.answers |= remembered
        to_ask = [address for address in rendered.link_addresses if address not in remembered]
        if not to_ask:
            return
        # httpx and the authorities' certificates take a tenth of a second each, which the page need not wait for.
        await asyncio.to_thread(import_module, "newsletter.link_check.asking")
        from newsletter.link_check.asking import ask_links

        tls = await asyncio.to_thread(ssl.create_default_context)
        new: dict[str, LinkAnswer] = {}
        last = time.monotonic()
        told = asyncio.Event()

        def take(address: str, answer: LinkAnswer) -> None:
            new[address] = self.answers[address] = answer
            told.set()

        async def tell() -> None:
            nonlocal last
            while True:
                await told.wait()
                await asyncio.sleep(max(0.0, last + _PAUSE - time.monotonic()))
                told.clear()
                last = time.monotonic()
                await self._tell(name, rendered)

        teller = asyncio.create_task(tell())
        try:
            await ask_links(to_ask, take, allowed=rendered.workspace.config.links.allowed_hosts, tls=tls)
        finally:
            teller.cancel()
            self._cache.add(new, now)
        await self._tell(name, rendered)

    async def _tell(self, name: str, rendered: RenderedDraft) -> None:
        await asyncio.to_thread(rendered.report_links, self.answers)
        await self._publish(name, rendered)


def _now() -> Instant:
    return make_instant(datetime.datetime.now(datetime.UTC))
