"""Answers about links that are remembered between checks, so that nobody is asked again within a short time."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.errors import NewsletterError
from newsletter.files import open_private
from newsletter.link_check.link_answer import LinkAnswer, Verdict
from newsletter.workspace import Workspace

_NAME = "links.json"
_VERSION = 1
_DAYS, _HOUR, _MINUTES = timedelta(days=3), timedelta(hours=1), timedelta(minutes=5)
# A page that is there will be there tomorrow. What failed may be mended by now; who turned us away does so again.
_KEPT = {
    Verdict.FINE: _DAYS,
    Verdict.MOVED: _DAYS,
    Verdict.FRONT_PAGE: _DAYS,
    Verdict.LOGIN: _DAYS,
    Verdict.UNSEEN: _HOUR,
    Verdict.DEAD: _MINUTES,
    Verdict.CERTIFICATE: _MINUTES,
    Verdict.TROUBLE: _MINUTES,
    Verdict.SLOW: _MINUTES,
}


@dataclass(frozen=True)
class AnswerCache:
    """The file of remembered answers. It says what a publication is about to print, so only its owner reads it."""

    path: Path

    @classmethod
    def of(cls, workspace: Workspace) -> "AnswerCache":
        """Return the cache of a workspace, beside its state and out of git as that is."""
        return cls(workspace.state_folder / _NAME)

    def read(self, now: Instant) -> dict[str, LinkAnswer]:
        """Return the answers that still hold, by address; none when the file is damaged or can't be read."""
        return {address: answer for address, (answer, _) in self._read(now).items()}

    def add(self, answers: Mapping[str, LinkAnswer], now: Instant) -> None:
        """Remember answers beside those that still hold. A file that can't be written is no reason to fail."""
        kept = self._read(now)
        kept |= {address: (answer, now) for address, answer in answers.items() if answer.verdict in _KEPT}
        value = {
            "version": _VERSION,
            "answers": {
                address: {
                    "verdict": answer.verdict,
                    "why": answer.why,
                    "target": answer.target,
                    "asked": format_instant(asked),
                }
                for address, (answer, asked) in kept.items()
            },
        }
        with suppress(OSError, NewsletterError), open_private(self.path) as file:
            json.dump(value, file, indent=1)

    def _read(self, now: Instant) -> dict[str, tuple[LinkAnswer, Instant]]:
        try:
            value = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        entries = value.get("answers") if isinstance(value, dict) and value.get("version") == _VERSION else None
        found = {}
        for address, entry in entries.items() if isinstance(entries, dict) else ():
            with suppress(KeyError, TypeError, ValueError):
                answer, asked = _parse(entry)
                if timedelta(0) <= now - asked < _KEPT[answer.verdict]:
                    found[address] = answer, asked
        return found


def _parse(entry: Any) -> tuple[LinkAnswer, Instant]:
    """Return an answer of the file and when it was given. Raises KeyError, TypeError, ValueError for anything else."""
    texts = [entry[name] for name in ("why", "target", "asked", "verdict")]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(entry)
    why, target, asked, verdict = texts
    return LinkAnswer(Verdict(verdict), why, target), parse_instant(asked)
