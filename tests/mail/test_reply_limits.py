"""The numbers that a server's reply names."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.reply_limits import NamedQuota, read_quota, read_size, read_wait

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        ("try again in 15 seconds", 15),  # github.com/gophish/gophish/issues/521
        ("Please try again in 5 minutes.", 300),
        ("Recipient address rejected: Greylisted for 5 minutes", 300),
        ("Greylisting in action, please come back in 00:14:55", 895),  # milter-greylist
        ("Greylisted, please try again after 60 sec", 60),
        ("Deferred for 300 seconds", 300),
        ("Rate limit exceeded; retry-after: 120", 120),
        ("Please wait at least 90s before the next message", 90),
        ("come back in 2 hours", HOUR),  # bounded
        ("try again in 0 seconds", 1),
        ("try again in 999999 days", HOUR),
        ("Try again later", None),
        ("Greylisted, see http://postgrey.schweikert.ch/help/example.org.html", None),
        ("Too many connections from 192.0.2.1; try again later", None),
        ("Service unavailable; retry after upgrading to 5.7.1", None),
        ("Too many messages from sender in last 60", None),
    ],
)
def test_the_wait_that_a_reply_asks_for(reply: str, seconds: float | None) -> None:
    assert read_wait(reply) == seconds


@pytest.mark.parametrize(
    ("reply", "quota"),
    [
        ("Domain example.org has exceeded the max emails per hour (313/250 (125%)) allowed.", NamedQuota(HOUR, 250)),
        ("Domain example.org has exceeded the max defers and failures per hour (5/5 (100%))", NamedQuota(HOUR, 5)),
        ("Throttling failure: Daily message quota exceeded.", NamedQuota(DAY)),
        ("Daily user sending limit exceeded.", NamedQuota(DAY)),
        ("You have reached your limit of 2,000 messages in 24 hours", NamedQuota(DAY, 2000)),
        ("You have reached your monthly sending limit", NamedQuota(30 * DAY)),
        ("Sender rate exceeds 100 messages per 60s", NamedQuota(MINUTE, 100)),
        ("Number messages per hour exceeded", NamedQuota(HOUR)),
        ("only 5 recipients per 5 minutes allowed", NamedQuota(300.0, 5)),
        ("Too many messages from sender in last 60", NamedQuota(MINUTE)),
        ("Hourly limit of 100 reached, try again in 12 minutes", NamedQuota(HOUR, 100, 720.0)),
        ("Daily quota used up; resets at 2026-12-01 06:00 UTC", NamedQuota(DAY, None, 6 * HOUR)),
        ("Daily quota used up; resets at 2026-13-41 06:00 UTC", NamedQuota(DAY)),
        ("Daily quota used up; resets at 2020-12-01 06:00 UTC", NamedQuota(DAY)),
        ("Domain Sending Quota Exceeded", NamedQuota()),
        ("Your quota is used up", NamedQuota()),
    ],
)
def test_the_quota_that_a_reply_names(reply: str, quota: NamedQuota) -> None:
    assert read_quota(reply, datetime(2026, 12, 1, tzinfo=UTC)) == quota


@pytest.mark.parametrize(
    ("reply", "size"),
    [
        ("Message size exceeds fixed maximum message size (10240000)", 10_240_000),  # Sendmail
        ("Your message exceeded Google's message size limits", None),
        ("Message size exceeds fixed limit", None),  # Postfix
        ("message exceeds the limit of 25 MB", 25 * 1024**2),
        ("Message too large: the maximum is 1,048,576 bytes", 1_048_576),
        ("size limit is 512K", 512 * 1024),
        ("maximum size is 10.5MiB", int(10.5 * 1024**2)),
        ("the message has 9,051 bytes, and the server takes 8,000 at most", 8000),  # our own
        ("5.3.4 message too big", None),
    ],
)
def test_the_size_that_a_reply_names(reply: str, size: int | None) -> None:
    assert read_size(reply) == size


@given(st.text(max_size=400))
def test_any_words_can_be_read(reply: str) -> None:
    wait, quota, size = read_wait(reply), read_quota(reply), read_size(reply)
    assert wait is None or 1 <= wait <= HOUR
    assert quota.messages is None or quota.messages > 0
    assert quota.window_s is None or quota.window_s > 0
    assert size is None or size >= 1024


@given(st.integers(0, 10**7), st.sampled_from([("s", 1), (" seconds", 1), (" min", 60), (" minutes", 60), ("h", 3600)]))
def test_a_wait_in_any_unit_is_within_bounds(number: int, unit: tuple[str, int]) -> None:
    wait = read_wait(f"slow down, try again in {number}{unit[0]}")
    assert wait == (min(max(number * unit[1], 1), 3600) if number < 10**6 else None)
