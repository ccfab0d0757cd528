"""How long `newsletter draft check --links` takes for 200 links of every kind, and how gently it asks.

    make bench-links

A server on this machine stands in for twenty sites, two of which have many of the links. It takes 100 ms for each
answer, and some of them want a second question (a HEAD that is refused is followed by a GET). The second check finds
everything remembered.
"""

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from table import machine

from newsletter.actions.check_links import check_links
from newsletter.link_check import LinkReport
from newsletter.publication import OpenPublication
from newsletter.text import format_count

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from conftest import Publication, copy_sample  # from the folder named above
from linked_draft import silence_note, write_draft
from linked_pages import PAGES, fill_with_links
from page_server import Names, PageServer

_ANSWER_S = 0.1
_ROUNDS = 3


def main() -> None:
    print(machine())
    for _ in range(_ROUNDS):
        with (
            TemporaryDirectory() as folder,
            PageServer({path: answer for path, (answer, _) in PAGES.items()}) as server,
        ):
            server.delay = _ANSWER_S
            digest = copy_sample(Path(folder) / "digest")
            silence_note(digest)
            write_draft(digest, fill_with_links(server))
            first, report = measure(digest)
            requests = len(server.requests)
            second, _ = measure(digest)
            again = len(server.requests) - requests
        own = [each for each in server.requests if each.path[1:2].isdigit()]  # not where several redirect to
        twice = max(Counter((each.method, each.host, each.path) for each in own).values())
        together = server.most_at_once.pop("")
        print(
            f"{sum(report.verdicts.values())} links in {first[0]:.1f} s ({first[1]:.1f} s of processor time), "
            f"{requests} requests, at most {together} at once and {max(server.most_at_once.values())} of one host, "
            f"none asked more than {format_count(twice, 'time')} in the same way; "
            f"again in {second[0]:.2f} s with {again} requests"
        )


def measure(digest: Publication) -> tuple[tuple[float, float], LinkReport]:
    """Return the seconds and the processor's seconds of a check, with the server's, and its report."""
    with OpenPublication(digest.workspace) as opened:
        draft = opened.draft("2.11")
        began, worked = perf_counter(), process_time()
        report = check_links(opened, draft, resolve=Names(everything="127.0.0.1"))
        return (perf_counter() - began, process_time() - worked), report


if __name__ == "__main__":
    main()
