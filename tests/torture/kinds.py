"""What each seed stands for: the server's mood, what it says of some readers, and what goes wrong in which send.

A plan is a function of its seed alone: the remainder chooses the kind, the quotient the stage of the dialogue where
the kind has one, and the rest is drawn from a generator that the seed has set.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from torture.faults import STAGES, ChildFault, Fault, Mood, Rule
from torture.scenarios import Scenario, Send

_LATER = (
    "450 4.2.1 Mailbox busy",
    "451 4.3.2 Try again later",
    "452 4.2.2 Mailbox full",
    "451 4.7.1 Greylisted",
    "442 4.4.2 Connection lost",
    "431 4.3.1 Out of memory",
)
_NEVER = ("550 5.1.1 No such mailbox", "552 5.2.2 Mailbox full", "553 5.1.3 Bad address", "554 5.6.0 Not wanted")
_CLOSING = ("421 4.3.2 Shutting down", "421 Too busy")
_GARBAGE = ("what?", "", "25", "999 9.9.9 Eh", "2500 Ok", "\xff\xfe\x00", "300 Hm", "150 Wait", "250-", "x" * 9000)
_SHORT_S = 1.0
_TRANSLATED = 0.4  # the share of scenarios that are sent in two languages
_WHEN = ("before", "after")


def plan(seed: int, readers: int = 300, *, sqlite: bool = True) -> Scenario:
    """Return the scenario of this seed. Where no disk of SQLite's could be full, the server cuts connections."""
    number, kind = seed // len(KINDS), list(KINDS)[seed % len(KINDS)]
    random = Random(f"{seed} {kind} {readers}")
    scenario = KINDS[kind](random, _usual(random, seed, kind, readers), number)
    # By a generator of its own: each seed's other draws stay what they were.
    scenario = replace(scenario, translated=Random(f"languages {seed}").random() < _TRANSLATED)
    if not sqlite:
        return replace(scenario, sends=tuple(_elsewhere(send) for send in scenario.sends))
    return scenario


def _usual(random: Random, seed: int, kind: str, readers: int) -> Scenario:
    chunking = random.random() < 0.5
    mood = Mood(
        pipelining=random.random() < 0.75,
        chunking=chunking,
        size=random.random() < 0.5,
        style=random.choice(("whole", "whole", "lumps", "octets", "lines")),
        lenient=random.random() < 0.5,
        lingering=random.random() < 0.5,
    )
    count = random.choice((0, 0, readers // 60, readers // 30))
    who = random.sample(range(readers), 2 * count)
    stages = [random.choice(("rcpt", "text")) for _ in who]
    never = [Rule(stage=stage, reply=random.choice(_NEVER)) for stage in stages[:count]]
    later = [
        Rule(stage=stage, reply=random.choice(_LATER), times=random.choice((1, 1, 2, None))) for stage in stages[count:]
    ]
    rules = dict(zip(who, [*never, *later], strict=True))
    return Scenario(
        seed=seed,
        kind=kind,
        readers=readers,
        mood=mood,
        rules=rules,
        connections=random.choice((1, 2, 4, 4, 6)),
        chunking=chunking and random.random() < 0.7,
        window=random.choice((1, 4, 16)),
        overlapping=random.random() < 0.25,
    )


def _nth(random: Random, usual: Scenario, stage: str) -> int:
    """Return a place that a send to everybody reaches."""
    most = {"banner": usual.connections, "ehlo": usual.connections, "auth": usual.connections, "quit": 1, "rset": 3,
            "any": 3 * usual.readers}  # fmt: skip
    return random.randint(1, most.get(stage, usual.readers * 4 // 5))


def _commit(random: Random, usual: Scenario) -> int:
    """Before the first message, or among them."""
    return random.choice((random.randint(1, 12), random.randint(6, max(12, usual.readers // 10))))


def _again(random: Random) -> dict[str, int]:
    return {"times": random.choice((1, 3, 6)), "every": random.choice((1, 7, 40))}


def _at(stage: str, usual: Scenario) -> Scenario:
    """Return a place that a send to everybody reaches, with replies of that stage."""
    if stage == "auth":
        return replace(usual, mood=replace(usual.mood, login=True))
    if stage == "data":
        return replace(usual, chunking=False)
    if stage == "rset":
        refused = dict.fromkeys(range(0, usual.readers, usual.readers // 6), Rule(stage="rcpt", reply=_NEVER[0]))
        return replace(usual, rules={**usual.rules, **refused})
    return usual


def _killed_at_reply(random: Random, usual: Scenario, _number: int) -> Scenario:
    stage = random.choice(("any", "any", "text"))
    first = Send(at_server=(Fault(stage=stage, nth=_nth(random, usual, stage), act="kill"),))
    second = Send(at_server=(Fault(stage="any", nth=random.randint(1, usual.readers), act="kill"),))
    return replace(usual, sends=random.choice(((first,), (first, second))))


def _killed_in_text(random: Random, usual: Scenario, _number: int) -> Scenario:
    return replace(usual, sends=(Send(at_server=(Fault(stage="body", nth=_nth(random, usual, "body"), act="kill"),)),))


def _killed_before_commit(random: Random, usual: Scenario, _number: int) -> Scenario:
    return _killed_at_commits(random, usual, "before")


def _killed_after_commit(random: Random, usual: Scenario, _number: int) -> Scenario:
    return _killed_at_commits(random, usual, "after")


def _killed_at_commits(random: Random, usual: Scenario, when: str) -> Scenario:
    faults = [ChildFault(at="commit", nth=_commit(random, usual), act="kill", when=when) for _ in range(2)]
    return replace(usual, sends=tuple(Send(within=(fault,)) for fault in faults))


def _killed_at_write(random: Random, usual: Scenario, number: int) -> Scenario:
    when = ("before", "half", "after")[number % 3]
    fault = ChildFault(at="write", nth=_nth(random, usual, "text"), act="kill", when=when)
    return replace(usual, sends=(Send(within=(fault,)),))


def _asked_to_stop(random: Random, usual: Scenario, number: int) -> Scenario:
    stage, act = random.choice(("any", "text", "body")), ("term", "int")[number % 2]
    fault = Fault(stage=stage, nth=_nth(random, usual, stage), act=act)
    return replace(usual, sends=(Send(at_server=(fault,)),))


def _asked_twice(random: Random, usual: Scenario, number: int) -> Scenario:
    act = ("term", "int")[number % 2]
    fault = Fault(stage="any", nth=_nth(random, usual, "any"), act=act, times=2)
    return replace(usual, sends=(Send(at_server=(fault,)),))


def _asked_at_commit(random: Random, usual: Scenario, number: int) -> Scenario:
    fault = ChildFault(at="commit", nth=_commit(random, usual), act=("term", "int")[number % 2])
    return replace(usual, sends=(Send(within=(fault,)),))


def _dropped(random: Random, usual: Scenario, _number: int) -> Scenario:
    stage = random.choice(("any", "any", "text", "body"))
    fault = Fault(stage=stage, nth=_nth(random, usual, stage), act=random.choice(("drop", "close")),
                  stores=random.random() < 0.6, **_again(random))  # fmt: skip
    return replace(usual, sends=(Send(at_server=(fault,)),))


def _half_sent(random: Random, usual: Scenario, number: int) -> Scenario:
    stage = STAGES[number % len(STAGES)]
    usual = _at(stage, usual)
    fault = Fault(stage=stage, nth=_nth(random, usual, stage), act="half", **_again(random))
    return replace(usual, sends=(Send(at_server=(fault,)),))


def _said(*replies: str, patient: bool = True) -> "Callable[[Random, Scenario, int], Scenario]":
    """One of these replies, at each stage of the dialogue in turn."""

    def make(random: Random, usual: Scenario, number: int) -> Scenario:
        stage = STAGES[number % len(STAGES)]
        usual = _at(stage, usual)
        fault = Fault(stage=stage, nth=_nth(random, usual, stage), act="say", reply=random.choice(replies),
                      stores=random.random() < 0.5, **_again(random))  # fmt: skip
        return replace(usual, sends=(Send(at_server=(fault,), deadline_s=None if patient else _SHORT_S),))

    return make


def _repeated(random: Random, usual: Scenario, _number: int) -> Scenario:
    """Not with BDAT: there the second of two is taken for the next text's, and no client could tell."""
    stage = random.choice(("mail", "rcpt", "data", "text", "any"))
    fault = Fault(stage=stage, nth=_nth(random, usual, stage), act="repeat", times=random.choice((1, 3)), every=20)
    return replace(usual, chunking=False, sends=(Send(at_server=(fault,), deadline_s=_SHORT_S),))


def _database_full(random: Random, usual: Scenario, _number: int) -> Scenario:
    fault = ChildFault(at="commit", nth=_commit(random, usual), act="full", pages=random.randint(0, 12))
    return replace(usual, mood=replace(usual.mood, wordy=True), sends=(Send(within=(fault,)),))


def _disk_full(random: Random, usual: Scenario, _number: int) -> Scenario:
    fault = ChildFault(at="commit", nth=_commit(random, usual), act="no space", pages=random.choice((-1, 0, 5, 40)))
    return replace(usual, mood=replace(usual.mood, wordy=True), sends=(Send(within=(fault,)),))


def _locked(random: Random, usual: Scenario, _number: int) -> Scenario:
    fault = ChildFault(at="commit", nth=_commit(random, usual), act="lock")
    return replace(usual, sends=(Send(within=(fault,), lock_wait_s=0.3),))


def _locked_briefly(random: Random, usual: Scenario, _number: int) -> Scenario:
    fault = ChildFault(at="commit", nth=_commit(random, usual), act="lock briefly")
    return replace(usual, sends=(Send(within=(fault,), completes=True),))


def _reads_no_more(random: Random, usual: Scenario, number: int) -> Scenario:
    act = ("stall", "stall all", "stall until killed")[number % 3]
    # After a 354 comes a text, which is more than the buffers hold.
    stage = "data" if act == "stall until killed" else random.choice(("mail", "rcpt", "data", "text", "any"))
    usual = replace(_at(stage, usual), mood=replace(usual.mood, small_buffers=True), picture=True)
    fault = Fault(stage=stage, nth=_nth(random, usual, stage), act=act)
    return replace(usual, sends=(Send(at_server=(fault,), deadline_s=_SHORT_S),))


def _silent(random: Random, usual: Scenario, _number: int) -> Scenario:
    stage = random.choice(("ehlo", "mail", "rcpt", "text", "text", "any"))
    fault = Fault(stage=stage, nth=_nth(random, usual, stage), act="mute", times=random.choice((1, 2)), every=9)
    return replace(usual, sends=(Send(at_server=(fault,), deadline_s=_SHORT_S),))


def _tried_again(random: Random, usual: Scenario, number: int) -> Scenario:
    """Within the run, after fractions of a minute; in each second of them with a crash on the way."""
    who = random.sample(range(usual.readers), usual.readers // 20)
    stages, times = random.choices(("rcpt", "text"), k=len(who)), random.choices((1, 2), k=len(who))
    rules = {
        reader: Rule(stage=stage, reply=_LATER[0], times=often)
        for reader, stage, often in zip(who, stages, times, strict=True)
    }
    killed = Fault(stage="any", nth=_nth(random, usual, "any"), act="kill")
    sends = (Send(completes=True),) if number % 2 == 0 else (Send(at_server=(killed,)), Send(completes=True))
    return replace(usual, rules=rules, retries="0.005,0.01,0.01", sends=sends)


def _overtaken(random: Random, usual: Scenario, number: int) -> Scenario:
    """Return a send that is stopped at a reply or a commit for longer than its lease, and goes on later."""
    if number % 3 == 2:
        nth = random.randint(18, 18 + usual.readers // 6)  # once it has a lease
        first = Send(within=(ChildFault(at="commit", nth=nth, act="stop", when=_WHEN[number % 2]),))
    else:
        stage = random.choice(("any", "mail", "rcpt", "data", "text", "body"))
        first = Send(at_server=(Fault(stage=stage, nth=_nth(random, usual, stage), act="stop"),))
    return replace(usual, sends=(replace(first, meanwhile=_other(random, number)),))


def _overtaken_by_clock(random: Random, usual: Scenario, number: int) -> Scenario:
    """One whose clock is an hour ahead takes over from one that stood still for a moment: its lease is not over."""
    first = Send(at_server=(Fault(stage="any", nth=_nth(random, usual, "any"), act="stop"),))
    return replace(usual, sends=(replace(first, meanwhile=replace(_other(random, number), clock_ahead_s=3600.0)),))


def _other(random: Random, number: int) -> Send:
    """Return the send that takes over; in every second of them the other goes on meanwhile."""
    wake = Fault(stage="any", nth=random.randint(1, 40), act="wake")
    return Send(at_server=(wake,) if number % 2 else (), lock_wait_s=0.3)


def _clock_set(random: Random, usual: Scenario, number: int) -> Scenario:
    fault = ChildFault(at="commit", nth=_commit(random, usual), act="clock", seconds=(3600.0, -3600.0)[number % 2])
    return replace(usual, sends=(Send(within=(fault,), completes=True),))


def _several(random: Random, usual: Scenario, _number: int) -> Scenario:
    """Two or three sends, with several faults in each."""

    def fault() -> Fault:
        stage = random.choice(("any", "any", "text", "rcpt", "mail", "body"))
        acts = ["drop", "close", "kill", "term", "stall"] + ["half", "mute", "say", "say", "say"] * (stage != "body")
        reply = random.choice(random.choice((_LATER, _NEVER, _CLOSING, _GARBAGE)))
        return Fault(stage=stage, nth=_nth(random, usual, stage), act=random.choice(acts), reply=reply,
                     stores=random.random() < 0.5, **_again(random))  # fmt: skip

    def within() -> ChildFault:
        act = random.choice(("kill", "term", "full", "no space", "lock"))
        return ChildFault(at="commit", nth=_commit(random, usual), act=act, pages=random.randint(0, 12))

    sends = tuple(
        Send(
            at_server=tuple(fault() for _ in range(random.randint(1, 3))),
            within=(within(),) if random.random() < 0.5 else (),
            deadline_s=_SHORT_S,
            lock_wait_s=0.3,
        )
        for _ in range(random.randint(2, 3))
    )
    return replace(usual, mood=replace(usual.mood, wordy=True, small_buffers=random.random() < 0.3), sends=sends)


def _elsewhere(send: Send) -> Send:
    return replace(send, within=tuple(
        replace(fault, act="cut") if fault.act in ("full", "no space") else fault for fault in send.within
    ))  # fmt: skip


KINDS: Mapping[str, "Callable[[Random, Scenario, int], Scenario]"] = {
    "killed at a reply": _killed_at_reply,
    "killed with a text begun": _killed_in_text,
    "killed before a commit": _killed_before_commit,
    "killed after a commit": _killed_after_commit,
    "killed at a write": _killed_at_write,
    "asked to stop": _asked_to_stop,
    "asked to stop twice": _asked_twice,
    "asked to stop at a commit": _asked_at_commit,
    "connections dropped": _dropped,
    "half a reply": _half_sent,
    "4xx": _said(*_LATER),
    "5xx": _said(*_NEVER),
    "421": _said(*_CLOSING),
    "no reply at all but noise": _said(*_GARBAGE, patient=False),
    "a reply twice": _repeated,
    "database full": _database_full,
    "disk full": _disk_full,
    "database locked": _locked,
    "database locked briefly": _locked_briefly,
    "server reads no more": _reads_no_more,
    "server falls silent": _silent,
    "deferred and tried again": _tried_again,
    "several at once": _several,
    "overtaken while it stood still": _overtaken,
    "overtaken by a wrong clock": _overtaken_by_clock,
    "clock set": _clock_set,
}
