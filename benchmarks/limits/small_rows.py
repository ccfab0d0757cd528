"""Rows with the small server, one limit each, and some at once.

A text takes it 20 ms, so that the ideal time follows from the limit alone, and not from this machine's processor.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from certificate import make_certificate  # the tests' own
from row import CONNECTIONS, Row, Standing
from server_limits import (
    BrokenTls,
    DeadConnections,
    FullMailboxes,
    Greylisting,
    Limit,
    OpenConnections,
    Outage,
    RandomFailures,
    Rate,
    SessionEnd,
    SessionMessages,
    TokenBucket,
    Window,
)
from small_server import SmallServer, running

TEXT_S = 0.02  # what a text takes the small server


def small(
    *limits: Callable[[], Limit], text_s: float = TEXT_S, reply_s: float = 0.0, banner_s: float = 0.0, tls: bool = False
) -> Callable[[Path], AbstractContextManager[Standing]]:
    """Return what starts the small server with these limits."""

    @contextmanager
    def start(folder: Path) -> Iterator[Standing]:
        environ = {}
        context = None
        if tls:
            context, certificate = make_certificate(folder)
            environ = {
                "NEWSLETTER_SMTP__HOST": "localhost",
                "NEWSLETTER_SMTP__SECURITY": "starttls",
                "SSL_CERT_FILE": str(certificate),
            }
        server = SmallServer(
            [limit() for limit in limits],
            text_s=text_s,
            reply_s=reply_s,
            banner_s=banner_s,
            tls=context,
        )
        with running(server) as port:
            yield Standing(port, server.observation, environ)

    return start


def carried_by(connections: int, text_s: float = TEXT_S) -> Callable[[int], float]:
    """Return the time that so many connections need, each of which carries one text after another."""
    return lambda readers: readers * text_s / connections


def changing_rate(now: float) -> float:
    """Return messages a second: 60, from the 15th to the 30th second half of that, and 60 again."""
    return 30.0 if 15 <= now < 30 else 60.0


def ideal_of_changing_rate(readers: int) -> float:
    seconds, left = 0.0, float(readers)
    while left > 0:
        left -= changing_rate(seconds) / 100
        seconds += 0.01
    return seconds


FULL_MAILBOXES = FullMailboxes(50)
ALL_TEN = "ten connections, each carrying a text in 20 ms"

SMALL_ROWS = (
    Row(
        name="plain",
        server="no limit, for comparison",
        readers=3_000,
        quick=500,
        ideal=carried_by(CONNECTIONS),
        reason=ALL_TEN,
        start=small(),
    ),
    Row(
        name="session",
        server="421 after 50 messages of a connection",
        readers=3_000,
        quick=1_500,
        again=1000,
        ideal=carried_by(CONNECTIONS),
        reason=f"{ALL_TEN}; a new connection costs nothing",
        start=small(lambda: SessionMessages(50)),
    ),
    Row(
        name="connections",
        server="421 to every connection beyond three",
        readers=1_000,
        quick=400,
        again=300,
        ideal=carried_by(3),
        reason="three connections, each carrying a text in 20 ms",
        start=small(lambda: OpenConnections(3)),
    ),
    Row(
        name="rate-mail",
        server="454 at MAIL beyond 14 a second",
        readers=700,
        quick=210,
        again=140,
        ideal=lambda readers: (readers - 14) / 14,
        reason="14 at once, then 14 a second",
        start=small(lambda: Rate(14, "454 4.7.0 Throttling failure: maximum sending rate exceeded")),
    ),
    Row(
        name="rate-rcpt",
        server="450 4.7.1 at RCPT beyond 100 a second",
        readers=3_000,
        quick=1_000,
        again=1000,
        ideal=lambda readers: (readers - 100) / 100,
        reason="100 at once, then 100 a second",
        start=small(lambda: Rate(100, "450 4.7.1 Error: too much mail from 127.0.0.1", "rcpt")),
    ),
    Row(
        name="outage",
        server="451 to everybody for 15 s",
        readers=3_000,
        quick=1_500,
        ideal=lambda readers: 15 + carried_by(CONNECTIONS)(readers),
        reason=f"15 s, then {ALL_TEN}",
        start=small(lambda: Outage(15)),
    ),
    Row(
        name="greylisting",
        server="451 “Greylisted” to each first try, for 10 s",
        readers=500,
        quick=200,
        ideal=lambda readers: 10 + carried_by(CONNECTIONS)(readers),
        reason=f"10 s after the first tries, then {ALL_TEN}",
        start=small(lambda: Greylisting(10)),
    ),
    Row(
        name="full-mailboxes",
        server="2% of the mailboxes full (452 4.2.2)",
        readers=1_500,
        quick=500,
        ideal=carried_by(CONNECTIONS),
        reason=f"the others: {ALL_TEN}",
        start=small(lambda: FULL_MAILBOXES),
        unreachable=FULL_MAILBOXES.is_full,
    ),
    Row(
        name="window",
        server="300 in each 15 s (an hour's window, scaled)",
        readers=1_500,
        quick=600,
        ideal=lambda readers: (readers - 1) // 300 * 15 + ((readers - 1) % 300 + 1) * TEXT_S / CONNECTIONS,
        reason="a window's 300 at once, 15 s later the next",
        start=small(lambda: Window(300, 15, "450 4.7.1 Sending limit exceeded, please try again later")),
    ),
    Row(
        name="changing-rate",
        server="450 beyond 60 a second, 30 between the 15th and the 30th second",
        readers=2_000,
        quick=1_200,
        ideal=ideal_of_changing_rate,
        reason="the rate of each moment",
        start=small(lambda: Rate(changing_rate, "450 4.7.1 Rate limit exceeded")),
    ),
    Row(
        name="two-limits",
        server="three connections, and 450 beyond 40 a second",
        readers=1_500,
        quick=400,
        again=400,
        ideal=lambda readers: (readers - 40) / 40,
        reason="40 at once, then 40 a second, which three connections carry",
        start=small(lambda: OpenConnections(3), lambda: Rate(40, "450 4.7.1 Rate limit exceeded")),
    ),
    Row(
        name="random",
        server="3% of all recipients refused for a while (4xx), at random",
        readers=3_000,
        quick=1_000,
        ideal=carried_by(CONNECTIONS),
        reason=f"{ALL_TEN}; a second try costs nothing",
        start=small(lambda: RandomFailures(0.03)),
    ),
    Row(
        name="slow-replies",
        server="each reply after 200 ms",
        readers=500,
        quick=300,
        ideal=lambda readers: 3 * 0.2 + readers * 0.2 / CONNECTIONS,
        reason="banner, EHLO and the first MAIL, then one text in 200 ms on each of ten connections",
        start=small(text_s=0, reply_s=0.2),
    ),
    Row(
        name="slow-banner",
        server="the banner after 5 s",
        readers=6_000,
        quick=3_000,
        ideal=lambda readers: 5 + carried_by(CONNECTIONS)(readers),
        reason=f"5 s, then {ALL_TEN}",
        start=small(banner_s=5),
    ),
    Row(
        name="dead-connections",
        server="every second connection accepted, and not a word",
        readers=2_000,
        quick=1_000,
        ideal=carried_by(CONNECTIONS // 2),
        reason="five of ten connections, each carrying a text in 20 ms",
        start=small(DeadConnections),
    ),
    Row(
        name="broken-tls",
        server="every third TLS handshake fails",
        readers=2_000,
        quick=500,
        ideal=carried_by(CONNECTIONS),
        reason=f"{ALL_TEN}; a new connection costs nothing",
        start=small(lambda: BrokenTls(3), tls=True),
    ),
    Row(
        name="token-bucket",
        server="454 after the text beyond 20 a second, 100 at once (a bucket of tokens, as Amazon SES has)",
        readers=1_000,
        quick=300,
        again=200,
        ideal=lambda readers: (readers - 100) / 20,
        reason="100 at once, then 20 a second",
        start=small(lambda: TokenBucket(20, 100, "454 Throttling failure: Maximum sending rate exceeded.")),
    ),
    Row(
        name="session-end",
        server="each connection closed without a word after 20 messages",
        readers=3_000,
        quick=800,
        ideal=carried_by(CONNECTIONS),
        reason=f"{ALL_TEN}; a new connection costs nothing",
        start=small(lambda: SessionEnd(20)),
    ),
)
