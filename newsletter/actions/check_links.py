"""The check of a draft's links: each page is asked once, what was asked lately is remembered."""

import asyncio
import datetime
import ssl
from collections.abc import Callable

from newsletter.clock import make_instant
from newsletter.fetching import Resolver
from newsletter.issue.draft import Draft
from newsletter.link_check import LinkAnswer, LinkReport, plan_link_check, report_links
from newsletter.link_check.answer_cache import AnswerCache
from newsletter.publication import OpenPublication

OnAnswer = Callable[[int, int], None]  # is told how many links of how many have an answer


def check_links(
    publication: OpenPublication,
    draft: Draft,
    on_answer: OnAnswer = lambda _known, _all: None,
    *,
    resolve: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> LinkReport:
    """Ask where a draft's links lead. Stages: plan, remember, ask, keep the answers, report.

    Nothing is sent or changed by it, and sending does not need it. `resolve` looks up the names of servers instead of
    the system, and `tls` says whose certificates are trusted. Raises ConfigError.
    """
    workspace = publication.workspace
    plan, cache = plan_link_check(workspace, draft), AnswerCache.of(workspace)
    now = make_instant(datetime.datetime.now(datetime.UTC))
    remembered = cache.read(now)
    answers = {address: remembered[address] for address in plan.addresses if address in remembered}
    to_ask = [address for address in plan.addresses if address not in answers]
    new: dict[str, LinkAnswer] = {}

    def take(address: str, answer: LinkAnswer) -> None:
        new[address] = answer
        on_answer(len(answers) + len(new), len(plan.addresses))

    if to_ask:
        from newsletter.link_check.asking import ask_links  # httpx, a tenth of a second

        allowed = workspace.config.links.allowed_hosts
        try:
            asyncio.run(ask_links(to_ask, take, allowed=allowed, resolve=resolve, tls=tls))
        finally:  # also when it is stopped in between
            cache.add(new, now)
    return report_links(plan, answers | new, asked=len(new))
