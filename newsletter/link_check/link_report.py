"""The report on a draft's links: what the answers mean for its editor, each with its place."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter.checks.draft_report import CheckReport, Finding
from newsletter.link_check.issue_links import IssueLink
from newsletter.link_check.link_answer import LinkAnswer, Verdict
from newsletter.link_check.link_plan import LinkPlan, find_asked_address
from newsletter.text import format_count

_BY_HAND = "Open it in a browser: if it works there, leave it as it is."
_LATER = "Try again later; if it stays so, look for another source."
# What is said of each verdict, its code, and what to do. {why} and {target} are those of the answer.
_WORDS = {
    Verdict.DEAD: ("this link leads nowhere: {why}", "link-dead", "Look for the page's new address, or take it out."),
    Verdict.CERTIFICATE: (
        "browsers warn readers who follow this link: {why}",
        "link-certificate",
        "Look whether the site has another address, or tell those who run it.",
    ),
    Verdict.MOVED: ("this page has moved for good", "link-moved", "Write its new address: {target}"),
    Verdict.FRONT_PAGE: (
        "this link ends at the site's front page, {target}, so the page itself is probably gone",
        "link-front-page",
        "Look for the page's new address, or take it out.",
    ),
    Verdict.LOGIN: (
        "readers have to log in behind this link: {why}",
        "link-login",
        "Link a page that everybody can read, or say beside it that it is not for all.",
    ),
    Verdict.TROUBLE: ("this link does not work at the moment: {why}", "link-trouble", _LATER),
    Verdict.SLOW: ("this link was not answered in time: {why}", "link-slow", _BY_HAND),
    Verdict.UNSEEN: ("this link could not be looked at: {why}", "link-unseen", _BY_HAND),
    Verdict.UNREACHED: (
        "this link could not be asked: {why}",
        "link-unreached",
        "See that this machine is online, and check again.",
    ),
    Verdict.PRIVATE: (
        "this link was not followed: {target} is in a private network, or on this machine",
        "link-private",
        'Readers elsewhere can\'t reach it. If yours do, allow it in newsletter.toml: [links] allow = ["{target}"]',
    ),
}
_PROBLEMS = (Verdict.DEAD, Verdict.CERTIFICATE)
# How many links have a verdict is followed by this.
_SAID = {
    Verdict.FINE: "fine",
    Verdict.DEAD: "dead",
    Verdict.CERTIFICATE: "with a wrong certificate",
    Verdict.MOVED: "moved",
    Verdict.FRONT_PAGE: "to a front page",
    Verdict.LOGIN: "to a login",
    Verdict.TROUBLE: "out of order",
    Verdict.SLOW: "too slow",
    Verdict.UNSEEN: "that could not be looked at",
    Verdict.UNREACHED: "not reached",
    Verdict.PRIVATE: "private",
}


@dataclass(frozen=True)
class LinkReport(CheckReport):
    """The findings about a draft's links, and numbers.

    `verdicts` counts links' pages. `asked` of them were asked just now; the others were remembered from an earlier
    check, are still `waiting` for an answer, or are `unasked` since they differ for each reader.
    """

    verdicts: Mapping[Verdict, int] = field(default_factory=dict)
    asked: int = 0
    waiting: int = 0
    unasked: int = 0


def report_links(plan: LinkPlan, answers: Mapping[str, LinkAnswer], asked: int = 0) -> LinkReport:
    """Return what the answers about a plan's addresses mean; those that have none yet are counted as waiting."""
    found = [*plan.findings]
    for link in {link.written: link for link in plan.links}.values():
        answer = answers.get(find_asked_address(link.address))
        if answer is not None and answer.verdict in _WORDS:
            found.append(_tell(plan, link, answer))
    found.sort(key=lambda each: (each.problem.path != plan.places.source.path, each.problem.line, each.problem.column))
    known = [answers[address] for address in plan.addresses if address in answers]
    return LinkReport(
        findings=tuple(found),
        verdicts=Counter(answer.verdict for answer in known),
        asked=asked,
        waiting=len(plan.addresses) - len(known),
        unasked=plan.unasked,
    )


def describe_links(report: LinkReport) -> str:
    """Return in words how many pages are linked, and how many of them are what: `3 pages linked: 2 fine, 1 dead`."""
    counts = [f"{report.verdicts[verdict]} {said}" for verdict, said in _SAID.items() if report.verdicts.get(verdict)]
    counts += [f"{report.unasked} for one reader each, not asked"] if report.unasked else []
    told = f": {', '.join(counts)}" if counts else ""
    return f"{format_count(sum(report.verdicts.values()), 'page')} linked{told}"


def _tell(plan: LinkPlan, link: IssueLink, answer: LinkAnswer) -> Finding:
    message, code, next_step = _WORDS[answer.verdict]
    said = {"why": answer.why, "target": answer.target}
    problem = plan.places.at_link(
        link.written, code=code, message=message.format(**said), next_step=next_step.format(**said)
    )
    return Finding(problem, note=answer.verdict not in _PROBLEMS)
