"""The brake on refusals knows chance, and what refusals are about."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DeliveryError
from newsletter.mail.message import Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_result
from newsletter.mail.reply_limits import NamedQuota
from newsletter.sending.quota_wait import plan_quota_wait
from newsletter.sending.refusals import MessageRefused, QuotaUsedUp, Refusals, SenderBlocked, TooManyRefused
from newsletter.sending.share_test import MISTAKES, ShareTest

LEAST = 30  # answers, before which no share stops


def _chance_to_stop(allowed: float, true: float, answers: int) -> float:
    """Return the exact probability that a list whose true share of refusals is `true` has been stopped by then."""
    test = ShareTest(allowed)
    going_on, stopped = {0: 1.0}, 0.0  # by how many were refused
    for answered in range(1, answers + 1):
        after: Counter[int] = Counter()
        for refused, chance in going_on.items():
            after[refused] += chance * (1 - true)
            if answered >= LEAST and test.is_larger(refused + 1, answered):
                stopped += chance * true
            else:
                after[refused + 1] += chance * true
        going_on = {refused: chance for refused, chance in after.items() if chance > 1e-12}
    return stopped


@pytest.mark.parametrize("allowed", [0.02, 0.1, 0.25])
def test_a_list_as_it_is_allowed_is_stopped_less_than_once_in_a_thousand(allowed: float) -> None:
    assert _chance_to_stop(allowed, allowed, 600) < MISTAKES / 2
    assert _chance_to_stop(allowed, allowed / 2, 600) < 1e-5


@pytest.mark.parametrize(
    ("true", "answers", "chance"),
    [(0.15, 1000, 0.8), (0.25, 60, 0.25), (0.25, 150, 0.85), (0.25, 300, 0.99), (0.5, 60, 0.99), (0.9, 32, 0.99)],
)
def test_a_bad_list_is_stopped_early(true: float, answers: int, chance: float) -> None:
    assert _chance_to_stop(0.1, true, answers) > chance


def test_twelve_of_the_first_hundred_by_chance_are_no_reason() -> None:
    assert not ShareTest(0.1).is_larger(12, 100)
    assert ShareTest(0.1).is_larger(40, 100)


@given(
    allowed=st.floats(0.001, 0.99),
    refused=st.integers(0, 10**6),
    others=st.integers(0, 10**6),
)
def test_more_refusals_are_never_less_of_a_reason(allowed: float, refused: int, others: int) -> None:
    test = ShareTest(allowed)
    if test.is_larger(refused, refused + others):
        assert refused / (refused + others) > allowed
        assert test.is_larger(refused + 1, refused + others + 1)
    if others and not test.is_larger(refused, refused + others):
        assert not test.is_larger(refused, refused + others + 1)


UNKNOWN_USER = (550, "5.1.1", "User unknown")
LIKELY_SPAM = (550, "5.7.1", "This message is likely unsolicited mail")
NO_WHY = (554, None, "Transaction failed (id 4711)")


def _make_result(reply: tuple[int, str | None, str] | None, stage: str = "rcpt") -> Result:
    if reply is None:
        return Result(key="k", outcome=Outcome.ACCEPTED, stage="text", code=250)
    code, enhanced, words = reply
    outcome = Outcome.DEFERRED if code < 500 else Outcome.REFUSED
    return Result(key="k", outcome=outcome, stage=stage, code=code, enhanced=enhanced, reply=words)


class _Campaign:
    """A worker's answers, as its dispatcher hands them in."""

    def __init__(self, share: float | None = 0.1, in_a_row: int = 3) -> None:
        self.refusals = Refusals(share, in_a_row)
        self.tally: Counter[Outcome] = Counter()
        self.answered = 0

    def answer(self, reply: tuple[int, str | None, str] | None, stage: str = "rcpt") -> DeliveryError | None:
        result = _make_result(reply, stage)
        self.tally[result.outcome] += 1
        self.answered += 1
        return self.refusals.record(self.answered, classify_result(result), result, self.tally)

    def run(self, share: float, chance: random.Random, readers: int, reply: tuple[int, str | None, str]) -> int | None:
        """Return after how many answers it stops, None when it does not."""
        for number in range(1, readers + 1):
            if self.answer(reply if chance.random() < share else None):
                return number
        return None


def test_lists_with_five_percent_of_dead_addresses_go_through() -> None:
    """By the rule before, of the first hundred, one such list in ninety stopped."""
    chance = random.Random(5)
    assert [_Campaign().run(0.05, chance, 300, UNKNOWN_USER) for _ in range(400)] == [None] * 400


def test_lists_with_a_quarter_of_dead_addresses_are_stopped() -> None:
    chance = random.Random(25)
    stops = sorted(_Campaign().run(0.25, chance, 600, UNKNOWN_USER) or 10**9 for _ in range(100))
    assert stops[50] < 120
    assert stops[-1] < 600


def test_refusals_without_a_word_of_an_address_are_the_senders_sooner_and_are_forgiven() -> None:
    chance = random.Random(12)
    of_addresses, of_nothing = (
        sorted(_Campaign().run(0.2, chance, 10_000, reply) or 0 for _ in range(41)) for reply in (UNKNOWN_USER, NO_WHY)
    )
    assert of_nothing[20] < of_addresses[20] / 2
    without_why = _Campaign()
    assert without_why.run(0.2, chance, 10_000, NO_WHY)
    assert len(without_why.refusals.forgiven) == without_why.tally[Outcome.REFUSED]
    assert without_why.answer((554, None, "Transaction failed (id 4712)")) is not None  # one that was in hand
    assert len(without_why.refusals.forgiven) == without_why.tally[Outcome.REFUSED]


def test_refusals_for_different_reasons_are_not_of_one_kind() -> None:
    campaign, chance = _Campaign(), random.Random(3)
    words = ["Go away", "We don't like it", "Not today", "Closed"]
    for _ in range(300):
        assert campaign.answer((554, None, chance.choice(words)) if chance.random() < 0.06 else None) is None


def test_policy_here_and_there_is_no_reason_and_often_is_one() -> None:
    chance = random.Random(7)
    assert [_Campaign().run(0.02, chance, 300, LIKELY_SPAM) for _ in range(50)].count(None) == 50
    stops = [_Campaign(in_a_row=1000).run(0.25, chance, 300, LIKELY_SPAM) for _ in range(20)]
    assert None not in stops
    campaign = _Campaign()
    assert [campaign.answer(LIKELY_SPAM) is None for _ in range(3)] == [True, True, False]
    assert campaign.refusals.forgiven == [1, 2, 3]


def test_policy_for_now_counts_as_well() -> None:
    campaign = _Campaign(in_a_row=1000)
    failures = [campaign.answer((450, "4.7.1", "Client host rejected: no hostname")) for _ in range(30)]
    assert isinstance(failures[-1], TooManyRefused)


def test_a_message_that_is_too_large_stops_at_the_first_and_nobody_is_refused() -> None:
    campaign = _Campaign()
    failure = campaign.answer((552, "5.2.3", "Message size exceeds fixed maximum message size (10240000)"), "mail")
    assert isinstance(failure, MessageRefused)
    assert "10.2 MB" in failure.message
    assert campaign.refusals.forgiven == [1]
    assert campaign.answer((552, "5.3.4", "Message too big"), "text")  # one that was in hand
    assert campaign.refusals.forgiven == [1, 2]


def test_a_person_may_know_better_of_a_message_and_of_policy_but_not_of_a_block() -> None:
    campaign = _Campaign(share=None)
    for _ in range(100):
        assert campaign.answer((552, "5.3.4", "Message too big"), "text") is None
        assert campaign.answer(LIKELY_SPAM) is None
        assert campaign.answer(UNKNOWN_USER) is None
    assert isinstance(campaign.answer((550, "5.7.501", "Access denied, spam abuse detected")), SenderBlocked)
    assert campaign.refusals.forgiven == [301]


def test_what_is_refused_for_now_is_no_refusal() -> None:
    campaign = _Campaign()
    assert {campaign.answer((450, "4.2.1", "Mailbox busy")) for _ in range(200)} == {None}


NOW = datetime(2026, 12, 1, 13, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quota", "next_try", "latest"),
    [
        (NamedQuota(3600.0, 100), timedelta(minutes=20, seconds=5), timedelta(hours=1, seconds=5)),
        (NamedQuota(86_400.0), timedelta(minutes=20, seconds=5), timedelta(days=1, seconds=5)),
        (NamedQuota(900.0), timedelta(minutes=15, seconds=5), timedelta(minutes=15, seconds=5)),
        (NamedQuota(86_400.0, None, 7200.0), timedelta(hours=2, seconds=5), timedelta(hours=2, seconds=5)),
        (NamedQuota(None, None, 1200.0), timedelta(minutes=20, seconds=5), timedelta(minutes=20, seconds=5)),
    ],
)
def test_a_quota_is_waited_for_until_it_can_be_open(quota: NamedQuota, next_try: timedelta, latest: timedelta) -> None:
    wait = plan_quota_wait(quota, NOW)
    assert wait is not None
    assert (wait.next_try - NOW, wait.latest - NOW) == (next_try, latest)


@pytest.mark.parametrize("quota", [NamedQuota(), NamedQuota(None, 100), NamedQuota(30 * 86_400.0)])
def test_a_quota_of_a_month_or_of_nobody_knows_what_is_for_a_person(quota: NamedQuota) -> None:
    assert plan_quota_wait(quota, NOW) is None


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2020, 1, 1)), st.floats(600, 86_400))  # noqa: DTZ001
def test_no_try_is_sooner_than_a_minute_nor_later_than_the_window(now: datetime, window: float) -> None:
    wait = plan_quota_wait(NamedQuota(window), now)
    assert wait is not None
    assert timedelta(minutes=1) <= wait.next_try - now
    assert wait.next_try <= wait.latest


def test_a_quota_that_is_used_up_ends_the_send_and_says_when_it_goes_on() -> None:
    campaign = _Campaign()
    failure = campaign.answer((454, None, "Throttling failure: Daily message quota exceeded."), "text")
    assert isinstance(failure, QuotaUsedUp)
    assert "Daily message quota exceeded" in failure.message
    assert "still waits" in failure.next_step
    assert f"{failure.wait.latest.astimezone():%Y-%m-%d %H:%M}" in failure.next_step
    assert '--at "in 24 hours"' in failure.next_step
    assert campaign.refusals.forgiven == [1]
    assert isinstance(campaign.answer((552, None, "Account sending quota exceeded"), "text"), SenderBlocked)


def test_a_quota_that_opens_within_minutes_is_a_matter_of_the_rate() -> None:
    for words in ("Hourly limit of 100 reached, try again in 5 minutes", "Daily quota exceeded, retry in 30 seconds"):
        assert classify_result(_make_result((450, "4.7.1", words))) is Concern.RATE
    assert classify_result(_make_result((450, "4.7.1", "Hourly limit of 100 reached"))) is Concern.QUOTA


def test_a_share_of_nearly_all_is_a_share() -> None:
    assert not ShareTest(1 - 2**-53).is_larger(100, 100)


REPLIES = st.sampled_from([None, None, UNKNOWN_USER, LIKELY_SPAM, NO_WHY, (450, "4.2.1", "Mailbox busy")])


@given(
    replies=st.lists(REPLIES, max_size=120),
    share=st.one_of(st.none(), st.floats(0.01, 1.0)),
    in_a_row=st.integers(1, 5),
)
def test_whatever_is_answered_only_what_was_refused_is_forgiven_and_once(
    replies: list[tuple[int, str | None, str] | None], share: float | None, in_a_row: int
) -> None:
    campaign = _Campaign(share, in_a_row)
    refused: set[int] = set()
    for number, reply in enumerate(replies, start=1):
        failure = campaign.answer(reply)
        if reply is not None and reply[0] >= 500:
            refused.add(number)
        assert failure is None or isinstance(failure, TooManyRefused)
        assert failure is None or (share is not None and share < 1)
    forgiven = campaign.refusals.forgiven
    assert len(set(forgiven)) == len(forgiven)
    assert set(forgiven) <= refused
