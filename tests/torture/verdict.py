"""What a trial has to show, whatever went wrong: no reader with two copies, none lost unseen, books that balance."""

import re
from collections import Counter
from collections.abc import Iterator

from torture.faults import SIGNALS
from torture.trial import Ended, Trial

_BREAKDOWNS = ("full", "no space", "lock", "cut")


def faults_of(trial: Trial) -> list[str]:
    """Everything that is wrong, a sentence each; nothing when the trial is passed."""
    return [
        *_processes(trial),
        *_reports(trial),
        *_copies(trial),
        *_books(trial),
        *_record(trial),
        *_leases(trial),
        *trial.offences,
        *(f"the database is damaged: {line}" for line in trial.database),
    ]


def _processes(trial: Trial) -> Iterator[str]:
    everyone = set(trial.addresses)
    for number, ended in enumerate(trial.ended, start=1):
        if ended.hung:
            yield f"send {number} hung"
        elif ended.status not in _statuses(ended):
            yield f"send {number} ended with status {ended.status}"
        if ended.status == 0 and ended.accepted != everyone:
            yield f"send {number} ended with status 0, and {len(everyone - ended.accepted)} had not been reached"
        for sign in ("Traceback", "never retrieved", "fault of the program", "Exception ignored"):
            if sign in ended.err and not ended.hung:
                yield f"send {number} says {sign!r}"
        if ended.send.completes and (left := _left_out(trial, ended)) > _most_unknown(trial, trial.ended[:number]):
            yield f"send {number} left {left} out whom the server would have taken"


def _reports(trial: Trial) -> Iterator[str]:
    """Yield what is untrue in the balance that a send printed, or differs from its record."""
    for number, ended in enumerate(trial.ended, start=1):
        said = re.search(r"^([\d,]+) on the list = (.*)$", ended.out, re.MULTILINE)
        if said is None or ended.status not in (0, 1):
            continue
        counts = {state: int(count.replace(",", "")) for count, state in re.findall(r"([\d,]+) (\w+)", said[2])}
        if sum(counts.values()) != len(trial.addresses) or f"{len(trial.addresses):,}" != said[1]:
            yield f"send {number} reports what does not balance: {said[0]}"
        if counts["accepted"] > len(ended.accepted):
            yield f"send {number} reports {counts['accepted']} accepted, and the server has {len(ended.accepted)}"
        stands = {**{state: count for state, count in counts.items() if count}, "total": len(trial.addresses)}
        if ended.noted != stands and not _breakdowns(ended) and not ended.overtaken:
            yield f"send {number} reports {counts}, and leaves a record of {ended.noted}"


def _breakdowns(ended: Ended) -> set[str]:
    """Return the faults of the store that struck, after which a record may be missing."""
    return {fault.act for fault in ended.send.within} & set(_BREAKDOWNS) if ended.struck_within else set()


def _statuses(ended: Ended) -> set[int]:
    """Return the exit statuses that may be: the documented ones, and death by the signals that were sent."""
    acts = {fault.act for fault in ended.struck}
    if ended.struck_within:
        acts |= {fault.act for fault in ended.send.within}
        # Outside of a run nothing holds off a signal: there is nothing in hand.
        also = {-SIGNALS[act] for act in acts & SIGNALS.keys()}
    else:
        also = set()
    return {0, 1} | also | ({-SIGNALS["kill"]} if acts & {"kill", "stall until killed"} else set())


def _left_out(trial: Trial, ended: Ended) -> int:
    """Count the readers without a copy whom nothing kept from having one within this send."""
    tries = len(trial.scenario.retries.split(",")) if trial.scenario.retries else 0
    rules = trial.scenario.rules.items()
    kept = {trial.addresses[number] for number, rule in rules if rule.times is None or rule.times > tries}
    return len(set(trial.addresses) - ended.accepted - kept)


def _most_unknown(trial: Trial, ended: list[Ended]) -> int:
    """Return how many may be unknown: a window for a lost connection, and after a crash the texts under way.

    Those are at most a window a connection, however few of them the server has seen: the rest is in the kernel's hands,
    which drops it when the process is gone. Of a process that stands still, and may go on, and of one for whose flight
    recorder the disk had no room, it is two windows a connection.
    """
    most = 0
    for one in ended:
        acts = [fault.act for fault in one.struck] + [fault.act for fault in one.send.within if one.struck_within]
        if one.overtaken or "no space" in _breakdowns(one):
            most += 2 * trial.connections * trial.window
        elif one.status < 0 or _breakdowns(one) or sum(act in SIGNALS for act in acts) > 1:
            most += trial.connections * trial.window
        most += trial.window * sum(fault.breaks for fault in one.struck)
    if any(one.send.deadline_s for one in ended):
        most += trial.window * trial.abandoned
    return most


def _copies(trial: Trial) -> Iterator[str]:
    everyone = set(trial.addresses)
    if strangers := trial.copies.keys() - everyone:
        yield f"{len(strangers)} copies for nobody on the list"
    if twice := [reader for reader, count in trial.copies.items() if count > 1]:
        yield f"TWO COPIES for {len(twice)}: {', '.join(twice[:3])}"
    listed = trial.listed if _count(trial, "accepted") < len(everyone) else {}
    if lost := [reader for reader in trial.addresses if reader not in listed and not trial.copies[reader]]:
        yield f"LOST UNSEEN: {len(lost)}, such as {', '.join(lost[:3])}"
    for state in ("refused", "deferred", "pending", "suppressed", "cancelled"):
        those = [reader for reader, known in listed.items() if known == state]
        if wrong := [reader for reader in those if trial.copies[reader]]:
            yield f"{len(wrong)} are {state}, and have a copy: {', '.join(wrong[:3])}"
        if state == "refused" and (wrong := [who for who in those if "5" not in trial.answered.get(who, "")]):
            # RFC 1870, section 6.1: after MAIL with SIZE this one is about the message, and there is no reader yet.
            too_large = sum(fault.reply.startswith("552") for ended in trial.ended for fault in ended.struck)
            if len(wrong) > too_large:
                yield f"{len(wrong)} are refused, and no reply of theirs was: {', '.join(wrong[:3])}"
        if state == "deferred" and (wrong := set(those) - trial.lasting):
            yield f"{len(wrong)} are still deferred after a send in which the server took everybody"
    unknown = sum(state == "unknown" for state in listed.values())
    if unknown > (most := _most_unknown(trial, trial.ended)):
        yield f"{unknown} are unknown, and at most {most} can have been under way"


def _books(trial: Trial) -> Iterator[str]:
    readers = trial.status.get("readers")
    if not isinstance(readers, dict):
        yield "`status --json` says nothing of the campaign"
        return
    if not trial.status["list"] == len(trial.addresses) == sum(readers.values()):
        yield f"the report does not balance: {trial.status['list']} on the list, {readers}"
    languages = trial.status["languages"]
    if trial.scenario.translated and sum(languages.values()) != trial.status["list"]:
        yield f"the languages do not balance: {trial.status['list']} on the list, {languages}"
    for state in ("pending", "sending"):
        if readers.get(state):
            yield f"{readers[state]} are {state} after a send without faults"
    stands = Counter({state: count for state, count in readers.items() if count and state != "accepted"})
    if Counter(trial.listed.values()) != stands:
        yield f"not-accepted.csv lists {dict(Counter(trial.listed.values()))}, and the report has {dict(stands)}"
    complete = readers["accepted"] == trial.status["list"]
    if (trial.ended[-1].status == 0) is not complete:
        yield f"the last send's status is {trial.ended[-1].status}, and the report has {readers}"
    if (trial.status["state"] == "sent") is not (not readers["deferred"]):
        yield f"the campaign is {trial.status['state']!r}, with {readers['deferred']} deferred"


def _record(trial: Trial) -> Iterator[str]:
    noted, readers = trial.record.get("readers"), trial.status.get("readers")
    if not isinstance(noted, dict) or not isinstance(readers, dict):
        yield "there is no record beside the draft"
        return
    if noted != {**{state: count for state, count in readers.items() if count}, "total": trial.status["list"]}:
        yield f"the record has {noted}, the report {readers}"
    if trial.record["campaign"] != trial.status["campaign"]:
        yield "the record names another campaign"
    if trial.record.get("finished_at") != trial.status["finished"]:
        yield "record and report do not agree on when it was finished"


def _leases(trial: Trial) -> Iterator[str]:
    """Whoever was overtaken while it stood still sends nothing more, records nothing more, and says so.

    By a clock that is wrong another may settle a lease that is not over; its owner can't know of it before it records.
    """
    for number, ended in enumerate(trial.ended, start=1):
        if ended.overtaken and (ended.status, "has taken over" in ended.err) != (1, True):
            yield f"send {number} was overtaken, ended with status {ended.status} and did not say so"
    by_clock = any(ended.send.clock_ahead_s for ended in trial.ended)
    if trial.resumed and not by_clock and any(ended.overtaken for ended in trial.ended):
        yield f"{len(trial.resumed)} got their copy from a send that had been overtaken: {', '.join(trial.resumed[:3])}"


def _count(trial: Trial, state: str) -> int:
    readers = trial.status.get("readers")
    return readers.get(state, 0) if isinstance(readers, dict) else 0


def balance(trial: Trial) -> str:
    readers = trial.status.get("readers")
    parts = [f"{count} {state}" for state, count in readers.items() if count] if isinstance(readers, dict) else []
    return f"{trial.status.get('list', '?')} = {' + '.join(parts)}"
