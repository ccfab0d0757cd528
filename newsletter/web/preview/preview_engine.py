"""The preview's engine: renders each draft that somebody follows when files change, and tells its followers.

Two threads work side by side: one reads drafts and makes the mail, which is what an editor waits for; the
other makes the checks and the PDF. Each takes the last state there is, so that nothing piles up behind a
burst of saves, and typing never waits for the PDF.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from newsletter.link_check.answer_cache import AnswerCache
from newsletter.web.preview.draft_state import DraftState, find_drafts, refresh_state
from newsletter.web.preview.file_watch import watch_files
from newsletter.web.preview.link_watch import LinkWatch
from newsletter.web.preview.rendered_draft import RenderedDraft
from newsletter.workspace import Workspace

T = TypeVar("T")
# Seconds. An editor's program may write a file in several steps, so a fault has to last before it is shown.
_SETTLED = 0.08
# Seconds, for a file without a text: a program that writes in two steps has emptied it, and may be kept waiting.
_EMPTIED = 1.0
# The checks and the PDF begin when the browser has its mail: they would take turns with what serves it.
_BREATH = 0.1
# A browser opens six connections to one server, and each that follows keeps one.
_PLACES = 4
_KEPT = 8


class PreviewEngine:
    """All drafts under preview, and the threads that render them. `note` is called with each new state of one."""

    def __init__(self, workspace: Workspace, draft: Path, note: Callable[[DraftState, Workspace], None]) -> None:
        self.workspace = workspace
        self.first = draft.absolute()
        self._note = note
        self._states: dict[str, DraftState] = {}
        self._followers = Counter([draft.stem])  # the terminal follows the first
        self._one_at_a_time = asyncio.Lock()
        self._published = asyncio.Condition()
        self._changed, self._unfinished = asyncio.Event(), asyncio.Event()
        self._is_warm = False
        self._looking = ThreadPoolExecutor(1, "preview-mail")
        self._printing = ThreadPoolExecutor(1, "preview-pdf")
        self._answering = ThreadPoolExecutor(4, "preview-answers")
        self._places: list[object] = []
        self._links = LinkWatch(AnswerCache.of(workspace), self._renew)
        self._aside: dict[str, None] = {}  # drafts whose state is of older files, the oldest first

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                group.create_task(self._look())
                group.create_task(self._print())
                group.create_task(self._links.run())
        finally:
            for pool in (self._looking, self._printing, self._answering):
                pool.shutdown(wait=False, cancel_futures=True)

    def drafts(self) -> dict[str, Path]:
        """Return every draft that can be shown, by its name."""
        return find_drafts(self.workspace, self.first)

    @property
    def home(self) -> str:
        """Return the path of the first draft's page."""
        return f"/{quote(self.first.stem)}"

    async def draft_state(self, name: str, *, fresh: bool = False) -> DraftState:
        """Return the draft's last known state; with `fresh`, the file is read again when nobody follows the draft."""
        if name in self._states and name not in self._aside and not fresh:
            return self._states[name]  # without waiting for a look that is under way
        async with self._one_at_a_time:
            if name not in self._states or name in self._aside or (fresh and self._followers[name] <= 0):
                await self._publish(await self._refresh(name))
            return self._states[name]

    async def follow(self, name: str) -> AsyncIterator[DraftState]:
        """Yield each new state of a draft, the present one first; states that nobody had time for are left out.

        Ends when too many others have come to follow since.
        """
        place = object()
        self._followers[name] += 1
        self._places.append(place)
        try:
            draft_state = await self.draft_state(name)
            await self._tell()  # whoever lost a place
            while place in self._places[-_PLACES:]:
                yield draft_state
                seen = draft_state.revision
                async with self._published:
                    while (draft_state := self._states[name]).revision == seen and place in self._places[-_PLACES:]:
                        await self._published.wait()
        finally:
            self._places.remove(place)
            self._followers[name] -= 1
            if self._followers[name] <= 0 and name in self._states:
                self._aside[name] = None

    async def work(self, task: Callable[[], T]) -> T:
        """Run a task for a request in a thread, which the end of the preview does not wait for."""
        return await self._in(self._answering, task)

    async def _watch(self) -> None:
        async for paths in watch_files(lambda: self.workspace, self.first):
            if any(path.parent != self.workspace.drafts for path in paths):
                # A fresh one: it keeps its configuration once that is read.
                self.workspace = self.workspace.with_current_settings()
            self._put_aside()
            self._changed.set()

    def _put_aside(self) -> None:
        """Mark the states that nobody follows as out of date, and drop all but a few of them."""
        for name in [name for name in self._states if self._followers[name] <= 0]:
            self._aside[name] = None
        while len(self._aside) > _KEPT:
            oldest = next(iter(self._aside))
            del self._aside[oldest], self._states[oldest]

    async def _look(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for name in [name for name, count in self._followers.items() if count > 0]:
                async with self._one_at_a_time:
                    draft_state = await self._refresh(name)
                    if not await self._is_passing(draft_state):
                        await self._publish(draft_state)

    async def _refresh(self, name: str) -> DraftState:
        before = self._states.get(name) or DraftState(name=name)
        self._aside.pop(name, None)
        return await self._in(self._looking, lambda: refresh_state(self.workspace, self.first, before))

    async def _is_passing(self, draft_state: DraftState) -> bool:
        """Return whether a new error is gone at once, because a program was in the middle of writing the file."""
        before = self._states.get(draft_state.name)
        if draft_state.error is None or (before and before.error):
            return False
        try:
            await asyncio.wait_for(self._changed.wait(), _EMPTIED if draft_state.is_empty else _SETTLED)
        except TimeoutError:
            return False
        return True

    async def _publish(self, draft_state: DraftState) -> None:
        self._states[draft_state.name] = draft_state
        if self._followers[draft_state.name] > 0:
            self._note(draft_state, self.workspace)
        if draft_state.moved_to:
            await self._move(draft_state)
        await self._tell()
        if draft_state.rendered and not draft_state.rendered.finished:
            self._unfinished.set()

    async def _tell(self) -> None:
        async with self._published:
            self._published.notify_all()

    async def _move(self, draft_state: DraftState) -> None:
        """Follow a draft to its new name: its last good state goes along, and so does the terminal."""
        new = draft_state.moved_to
        if draft_state.name == self.first.stem:
            # By its new name even if that is gone again: the terminal follows the name that this has.
            self.first = self.drafts().get(new) or self.first.with_stem(new)
            self._followers.subtract([draft_state.name])
            self._followers.update([new])
        known = self._states.get(new)
        if known is None or known.moved_to:
            self._states[new] = draft_state.now(name=new, moved_to="", error=None)
            await self._publish(await self._refresh(new))

    async def _print(self) -> None:
        while True:
            await self._unfinished.wait()
            await asyncio.sleep(_BREATH)
            self._unfinished.clear()
            for name in list(self._states):
                await self._finish(name)

    async def _finish(self, name: str) -> None:
        """Check the draft, then render the other editions; publish each; stop when the text has changed."""
        rendered = self._states[name].rendered if name in self._states else None
        if rendered is None or rendered.finished:
            return
        for stage in (lambda: rendered.check(self._links.answers), rendered.print):
            await self._in(self._printing, stage)
            if not await self._renew(name, rendered):
                return
        if self._followers[name] > 0:
            self._links.look_at(name, rendered)
        await self._in(self._printing, self._tidy)

    async def _renew(self, name: str, rendered: RenderedDraft) -> bool:
        """Publish a draft's state again, since more is known of its rendering; return False when it has another one."""
        async with self._one_at_a_time:
            draft_state = self._states.get(name)
            if draft_state is None or draft_state.rendered is not rendered:
                return False
            await self._publish(draft_state.now())
            return True

    def _tidy(self) -> None:
        """Free the memory of the last state: the command line's garbage collection hardly ever runs (`collect_rarely`).

        What was loaded by the first time is no garbage, and is not looked through again; so this takes no time.
        """
        gc.collect()
        if not self._is_warm:
            gc.freeze()
            self._is_warm = True

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
