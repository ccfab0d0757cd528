"""The answer about one link: what a reader who follows it would meet."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The kinds of answers about a link."""

    FINE = "fine"
    DEAD = "dead"  # the page or the server is not there
    CERTIFICATE = "certificate"  # browsers warn their users
    MOVED = "moved"  # for good, to another address
    FRONT_PAGE = "front page"  # it leads to a site's front page, as many sites do with pages that are gone
    LOGIN = "login"
    TROUBLE = "trouble"  # the server's own, for now
    SLOW = "slow"
    UNSEEN = "unseen"  # the server turns programs away, or keeps a browser's ways from them
    UNREACHED = "unreached"  # this machine has no way there, as when it is offline
    PRIVATE = "private"  # an address that was not asked


@dataclass(frozen=True, slots=True)
class LinkAnswer:
    """The verdict on a link, why it is so in words, and the address that it leads to where that is another one."""

    verdict: Verdict
    why: str = ""
    target: str = ""
