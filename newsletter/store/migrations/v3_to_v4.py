"""Migration to version 4: all rows get their publication, and events and suppressions a reason, stage and batch.

Every table is made again, since a key can't be changed in SQLite otherwise. It is copied aside first and not renamed:
on PostgreSQL a renamed table's keys keep their names, which the new one needs.
"""

import json
import re
from collections.abc import Mapping, Sequence

from alembic.operations import Operations
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    func,
    insert,
    select,
    text,
)

from newsletter.store.migrations.v4_tables import make_tables

# In an order in which each can be dropped: those that others refer to come last.
TABLES = (
    "meta", "deliveries", "templates", "waves", "runs", "campaigns", "tests", "events", "suppressions", "forgotten",
    "handled",
)  # fmt: skip
_NUMBERED = ("tests", "templates", "deliveries", "events")
_PAGE = 1000
# Of a bounce's enhanced code (RFC 3463): what it says, in the words of subscribers/reasons.py of this version.
_REASONS = (
    (r"[45]\.1\.(?:1|10)", "unknown_user"),
    (r"[45]\.1\.2", "unknown_host"),
    (r"[45]\.1\.6", "moved"),
    (r"[45]\.2\.1", "inactive_mailbox"),
    (r"[45]\.2\.2", "mailbox_full"),
    (r"[45]\.4\.7", "expired"),
    (r"[45]\.7\.\d+", "policy"),
)
# The commands that version 3 named in evidence, by the names that deliveries have for them.
_STAGES = {
    "the connection": "connect",
    "MAIL FROM": "mail",
    "RCPT TO": "rcpt",
    "the end of DATA": "text",
    "EHLO": "ehlo",
    "AUTH": "auth",
    "DATA": "data",
}
_SAID = {
    "unsubscribed": "unsubscribed",
    "complained": "complaint",
    "suppressed": "manual",
    "blocked": "blocked_sender",
}
_BOUNCES = ("hard bounce", "soft bounce")
_KINDS = {"unsubscribed": ("unsubscribed",), "bounced": _BOUNCES, "complained": ("complained",)}


def upgrade(op: Operations, publication: str) -> None:
    """Bring the tables of version 3 to version 4, all rows to this publication."""
    connection = op.get_bind()
    for name in TABLES[1:]:
        op.execute(f"CREATE TABLE {name}_v3 AS SELECT * FROM {name}")  # noqa: S608  # names of ours
        op.drop_table(name)
    make_tables(op)
    _carry_campaigns(connection, publication)
    _carry_events(connection, publication)
    _carry_suppressions(connection, publication)
    _carry_facts(connection, publication)
    for name in TABLES[1:]:
        op.drop_table(f"{name}_v3")
    if connection.dialect.name == "postgresql":  # its counters know nothing of numbers that are given
        for name in _NUMBERED:
            counter = func.pg_get_serial_sequence(name, "id")
            highest = func.coalesce(func.max(_table(name, "id").c.id), 0)
            connection.execute(select(func.setval(counter, highest + 1, False)))


def _carry_campaigns(connection: Connection, publication: str) -> None:
    """Carry over the ledger; who was in hand of a run that ended without a word is settled by the next sending.

    A run's lease is over: the process that brings the tables up to date has seen to it that no earlier program sends.
    """
    for statement in (
        """
        INSERT INTO campaigns (publication, issue, id, kind, subject, draft_sha256, created_at, finished_at,
            cancelled_at, runs, rules, left_out, due_at, expires_at, text_sha256, commit_id, seed)
        SELECT :publication, issue, id, 'issue', subject, draft_sha256, created_at, finished_at,
            cancelled_at, runs, rules, left_out, due_at, expires_at, text_sha256, commit_id, seed
        FROM campaigns_v3
        """,
        """
        INSERT INTO workers (id, publication, issue, host, started_at, heartbeat_at, lease_until, ended_at, why)
        SELECT id, :publication, issue, '', began_at, coalesce(ended_at, began_at), 0.0, ended_at, ending FROM runs_v3
        """,
        """
        INSERT INTO batches (publication, issue, tag, created_at)
        SELECT :publication, issue, tag, created_at FROM waves_v3
        """,
        """
        INSERT INTO templates (id, publication, issue, variant, language, payload)
        SELECT id, :publication, issue, variant, '', payload FROM templates_v3
        """,
        # A try that was recorded is an attempt; one that a crash cut off is settled, and then it is one, too.
        """
        INSERT INTO deliveries (id, publication, issue, subscriber, address, fields, tags, language, template, state,
            worker, lease_until, returns, attempts, tries, due, stage, code, enhanced, reply, at, took)
        SELECT id, :publication, issue, reader, address, fields, tags, '', template, state,
            run, CASE WHEN state = 'sending' THEN 0.0 END, returns,
            tries + CASE WHEN state IN ('accepted', 'refused', 'unknown') THEN 1 ELSE 0 END,
            tries, due, stage, code, enhanced, reply, at, took
        FROM deliveries_v3
        """,
        """
        INSERT INTO tests (id, publication, issue, text_sha256, at)
        SELECT id, :publication, issue, text_sha256, at FROM tests_v3
        """,
    ):
        _run(connection, statement, publication)


def _carry_events(connection: Connection, publication: str) -> None:
    """Carry over events, and give each what its evidence says of reason, stage and reading."""
    old = _table("events_v3", "id", "reader", "kind", "source", "issue", "evidence", "said_at", "at")
    columns = ("id", "publication", "subscriber", "kind", "reason", "stage", "source", "batch", "issue", "evidence")
    new = _table("events", *columns, "said_at", "at")
    last = 0
    while (
        page := connection.execute(select(old).where(old.c.id > last).order_by(old.c.id).limit(_PAGE)).mappings().all()
    ):
        last = page[-1]["id"]
        values = []
        for row in page:
            evidence = json.loads(row["evidence"])
            kept = {name: row[name] for name in ("id", "kind", "source", "issue", "evidence", "said_at", "at")}
            values.append(
                {
                    **kept,
                    "publication": publication,
                    "subscriber": row["reader"],
                    "reason": _reason(row["kind"], evidence),
                    "stage": _STAGES.get(stage := evidence.get("stage", ""), stage),
                    "batch": evidence.get("reading", ""),
                }
            )
        connection.execute(insert(new), values)


def _carry_suppressions(connection: Connection, publication: str) -> None:
    """Carry over suppressions, and give each what the event that it follows from says."""
    old = _table("suppressions_v3", "reader", "cause", "words", "at")
    columns = ("publication", "subscriber", "cause", "reason", "stage", "source", "batch", "words", "at")
    new = _table("suppressions", *columns)
    events = _table("events", "id", "publication", "subscriber", "kind", "reason", "stage", "source", "batch", "at")
    for page in connection.execute(select(old), execution_options={"yield_per": _PAGE}).partitions():
        said: dict[str, list[Mapping[str, str]]] = {}
        # By the publication, too, with which the events' index begins.
        named = and_(events.c.publication == publication, events.c.subscriber.in_([row.reader for row in page]))
        for one in connection.execute(select(events).where(named).order_by(events.c.id)).mappings():
            said.setdefault(one["subscriber"], []).append(dict(one))
        values = []
        for row in page:
            kinds = _KINDS.get(row.cause, (row.cause,))
            theirs = [event for event in said.get(row.reader, ()) if event["kind"] in kinds]
            # The event is written down after the suppression that it makes.
            event: Mapping[str, str] = next(
                (event for event in theirs if event["at"] >= row.at), theirs[-1] if theirs else {}
            )
            values.append(
                {
                    "publication": publication,
                    "subscriber": row.reader,
                    "cause": row.cause,
                    "reason": event.get("reason") or _SAID.get(row.cause, "undetermined"),
                    "stage": event.get("stage", ""),
                    "source": event.get("source", ""),
                    "batch": _batch(theirs, row.at) if row.cause == "bounced" else "",
                    "words": row.words,
                    "at": row.at,
                }
            )
        connection.execute(insert(new), values)


def _batch(events: Sequence[Mapping[str, str]], suppressed_at: str) -> str:
    """Return the reading in which somebody was suppressed: not before it, nor after its bounce was noted."""
    for event in events:
        name = event["batch"]
        if event["source"] == "mail" and name and name[:19] <= suppressed_at[:19] and suppressed_at <= event["at"]:
            return name
    return ""


def _carry_facts(connection: Connection, publication: str) -> None:
    """Carry over facts, generations (marks before), the erased and the mails dealt with."""
    for statement in (
        """
        INSERT INTO generations (publication, name, at)
        SELECT :publication, substr("key", 6), '' FROM meta WHERE "key" LIKE 'mark:%'
        """,
        """
        INSERT INTO facts (publication, "key", value)
        SELECT :publication, CASE WHEN "key" = 'last mark' THEN 'last generation' ELSE "key" END, value
        FROM meta WHERE "key" NOT IN ('schema_version', 'moved to') AND "key" NOT LIKE 'mark:%'
        """,
        "INSERT INTO forgotten (publication, digest, at) SELECT :publication, digest, at FROM forgotten_v3",
        'INSERT INTO handled (publication, "key", at) SELECT :publication, "key", at FROM handled_v3',
    ):
        _run(connection, statement, publication)
    _run(connection, "DELETE FROM meta WHERE \"key\" NOT IN ('schema_version', 'moved to')", None)


def _reason(kind: str, evidence: Mapping[str, str]) -> str:
    if kind not in _BOUNCES:
        return _SAID.get(kind, "")
    code = evidence.get("code", "")
    return next((reason for form, reason in _REASONS if re.fullmatch(form, code)), "undetermined")


def _run(connection: Connection, statement: str, publication: str | None) -> None:
    connection.execute(text(statement), {} if publication is None else {"publication": publication})


def _table(name: str, *columns: str) -> Table:
    return Table(name, MetaData(), *(Column(column, Integer if column == "id" else String) for column in columns))
