"""What was said of subscribers, in words for people; --json and exports keep the events' names."""

from collections.abc import Mapping

from newsletter.subscribers.feedback_events import EventKind

EVENT_WORDS: Mapping[str, str] = {
    EventKind.UNSUBSCRIBED: "left",
    EventKind.RETURNED: "came back",
    EventKind.REASON: "said why they left",
    EventKind.HARD: "hard bounce",
    EventKind.SOFT: "soft bounce",
    EventKind.BLOCKED: "refused because of the sender",
    EventKind.COMPLAINED: "marked it as spam",
    EventKind.SIGNED_UP: "signed up",
    EventKind.REMOVED: "taken off the list",
    EventKind.SUPPRESSED: "suppressed",
    EventKind.ALLOWED: "allowed again",
    EventKind.ASKED: "asked whether they want to leave",
    EventKind.PAUSED: "paused it",
    EventKind.UNCONFIRMED: "did not say that they still want it",
    EventKind.KEPT: "kept all the same",
    EventKind.RESUMED: "gets it again after a pause",
    EventKind.ADDRESS_CHANGED: "changed their address",
    EventKind.UNDONE: "bounce undone",
}
OF_EDITORS = (EventKind.REMOVED, EventKind.SUPPRESSED, EventKind.ALLOWED, EventKind.UNDONE)  # what nobody else can say
