"""Delivery status notifications (RFC 3464), as they should be and as they are."""

import re
from dataclasses import dataclass, field

from newsletter.feedback.mail.recognition import addresses, mime, severity, wording
from newsletter.feedback.mail.recognition.mail_feedback import FeedbackEvent, FeedbackKind
from newsletter.feedback.mail.recognition.returned import Notice
from newsletter.feedback.mail.recognition.stage import stage_in_transcript, stage_of

_MOST_LINES, _LONGEST_LINE, _MOST = 5_000, 1_000, 200

_FIELD = re.compile(
    r"[\s>|]{0,8}(final-recipient|original-recipient|x-actual-recipient|action|status|diagnostic-code|remote-mta|"
    r"x-display-name|x-[\w-]{1,40}|reporting-mta|arrival-date|received-from-mta|last-attempt-date|final-log-id|"
    r"will-retry-until|dsn-gateway|original-envelope-id)\s{0,4}:\s*(.*)",
    re.IGNORECASE,
)
_SIGN = re.compile(r"(?im)^[\s>|]{0,8}(?:final-recipient|original-recipient|action|diagnostic-code)\s{0,4}:\s*\S")
_TYPE = re.compile(r"(?i)\s*(?:x-)?[a-z0-9_ -]{1,20};\s*")
_COMMENT = re.compile(r"\([^()]*\)")
# MS-OXCMAIL, section 2.2.3.7.1.2: "<mx.example.com #5.1.1 smtp;550 5.1.1 ...>" holds what Exchange was told.
_SUPPLEMENT = re.compile(r"<?(?:\S{1,255}\s+)?#\d(?:\.\d{1,3}){2}\s*(.*?)>?\s*")
_RECIPIENTS = frozenset({"final-recipient", "original-recipient", "x-actual-recipient"})
# RFC 3464, section 2.3.3: these say that it went well.
_WENT_WELL = ("deliver", "relay", "expand", "success")


@dataclass(slots=True)
class _Group:
    """The fields about one recipient."""

    fields: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        return " ".join(" ".join(self.fields.get(name, ())).split())


def findings(notice: Notice) -> tuple[tuple[FeedbackEvent, ...], tuple[str, ...]] | None:
    """What a DSN says of each recipient, and whom they were before they were forwarded. None: it is no DSN.

    The fields are looked for in its status part, or, in one whose parts are badly named, in its words.
    """
    texts = [text for text in notice.reports if _SIGN.search(text)]
    if not texts and len(_SIGN.findall(notice.text)) > 1:
        texts = [notice.text]
    groups = [group for text in texts for group in _groups(text)]
    found: dict[str, FeedbackEvent] = {}
    originals: dict[str, None] = {}
    for group in groups[:_MOST]:
        address, original = _addresses(group, notice)
        if original:
            originals.setdefault(original)
        said = _finding(group, address, notice)
        known = found.get(address)
        # What failed counts before what went well.
        if known is None or (known.ok and not said.ok) or (said.ok is known.ok and said.status and not known.status):
            found[address] = said
    return (tuple(found.values()), tuple(originals)) if groups else None


def _groups(text: str) -> list[_Group]:
    """Fields by recipient: an empty line, or a recipient's field after its others, begins the next."""
    groups = [_Group()]
    last = ""
    for row in mime.lines(text, _MOST_LINES, _LONGEST_LINE):
        if not row.strip(" \t>|"):
            last = ""
            if _whole(groups[-1]):
                groups.append(_Group())
            continue
        if match := _FIELD.match(row):
            last = match[1].lower()
            if (
                last in groups[-1].fields
                and last in {"final-recipient", "original-recipient", "action"}
                and _whole(groups[-1])
            ):
                groups.append(_Group())
            groups[-1].fields.setdefault(last, []).append(match[2].strip())
        elif last in groups[-1].fields:
            groups[-1].fields[last].append(row.strip())
    return [
        group
        for group in groups
        if _RECIPIENTS.intersection(group.fields) or {"action", "status"} <= group.fields.keys()
    ]


def _whole(group: _Group) -> bool:
    return len(group.fields) > 1 and ("action" in group.fields or bool(_RECIPIENTS.intersection(group.fields)))


def _addresses(group: _Group, notice: Notice) -> tuple[str, str]:
    """The recipient the server speaks of, and the original one where that is another."""
    final = addresses.of_field(_COMMENT.sub("", group.one("final-recipient")))
    original = addresses.of_field(_COMMENT.sub("", group.one("original-recipient")))
    actual = addresses.of_field(group.one("x-actual-recipient"))
    best = next((address for address in (final, actual, original) if addresses.is_one(address)), "")
    if not best:
        # A name on that server's own system: the returned copy, or the diagnostic, may say whose.
        meant = [*addresses.all_of(notice.copy.all("to"), 2)]
        spoken = addresses.first(group.one("diagnostic-code"))
        best = (
            spoken
            if spoken and not addresses.is_program(spoken)
            else meant[0]
            if len(meant) == 1
            else final or original
        )
    return best, original if addresses.is_one(original) and original != best else ""


def _words(group: _Group) -> str:
    """Return what the server said: the diagnostic, and what Exchange has in a field of its own, with it or instead."""
    diagnostic = _TYPE.sub("", group.one("diagnostic-code"), count=1)
    told = group.one("x-supplementary-info")
    supplement = _SUPPLEMENT.fullmatch(told)
    more = _TYPE.sub("", supplement[1] if supplement else told, count=1).strip()
    return " / ".join(dict.fromkeys(words for words in (diagnostic, more) if words))


def _finding(group: _Group, address: str, notice: Notice) -> FeedbackEvent:
    action = group.one("action").lower()
    status = group.one("status")
    words = _words(group)
    if action.startswith(_WENT_WELL) or (not action and status.startswith("2")):
        code = severity.better_status(status, "")
        return FeedbackEvent(
            kind=FeedbackKind.OTHER, address=address, status=code, words=wording.one_line(words), ok=True
        )
    words = words or (status if _COMMENT.search(status) else "")
    # Without a diagnostic, or with a code that says nothing, the words for people say more.
    near = wording.near(address, wording.rows(notice.text))
    code = severity.better_status(status, words or near)
    said = words if words and not code.endswith(".0.0") else f"{words} / {near or notice.text[:_LONGEST_LINE]}"
    # Exim and sendmail tell the stage in the words for people alone.
    stage = stage_of(words) or stage_of(near) or stage_in_transcript(notice.text, words)
    kind, delayed = severity.judge(action, code, said, stage)
    shown = words or near or notice.text
    return FeedbackEvent(
        kind=kind,
        address=address,
        status=code,
        words=wording.one_line(shown),
        delayed=delayed,
        about_us=severity.about_us(kind, code, said, stage),
        stage=stage.words if stage else "",
    )
