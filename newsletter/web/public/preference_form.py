"""Reads what the forms of the page where readers choose want changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from starlette.exceptions import HTTPException

from newsletter.actions.change_preferences import WantedPreferences
from newsletter.address import EmailAddress, normalise_address
from newsletter.subscribers.pauses import PauseLength
from newsletter.subscribers.preferences import Frequency
from newsletter.web.public.form_reading import LONGEST_TYPED, clean_line

MOST_FIELDS = 200  # topics, each with a field


class ChoiceAction(StrEnum):
    """What a button of the page is for, as its form has it in `action`."""

    SAVE = "save"
    PAUSE = "pause"
    RESUME = "resume"
    LINK = "link"
    ADDRESS = "address"
    RECORD = "record"
    ERASE = "erase"
    ERASE_YES = "erase-yes"
    ERASE_ALL = "erase-all"
    BACK = "back"


# These need the link that was mailed to the reader alone.
OF_THE_READER_ALONE = (
    ChoiceAction.ADDRESS, ChoiceAction.RECORD, ChoiceAction.ERASE, ChoiceAction.ERASE_YES, ChoiceAction.ERASE_ALL,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceForm:
    """A form of the page: what its button is for, and what is in it.

    `address` is None for one that is none, `typed` what was typed for it.
    """

    action: ChoiceAction
    wanted: WantedPreferences
    length: PauseLength | None = None
    address: EmailAddress | None = None
    typed: str = ""


def read_choice_form(fields: Mapping[str, str], *, full: bool) -> ChoiceForm:
    """Read a form that was posted; `full` says whether it may ask for what is the reader's alone.

    Raises HTTPException 400 for what none of the page's buttons posts.
    """
    action = fields.get("action", "")
    if action not in list(ChoiceAction) or (not full and ChoiceAction(action) in OF_THE_READER_ALONE):
        raise HTTPException(400)
    length = fields.get("length", "")
    if action == ChoiceAction.PAUSE and length not in list(PauseLength):
        raise HTTPException(400)
    shown, frequency = fields.get("topics"), fields.get("frequency", "")
    wanted = WantedPreferences(
        name=fields.get("name") if full else None,
        language=fields.get("language"),
        topics=None if shown is None else {tag: f"topic-{tag}" in fields for tag in shown.split(" ")},
        frequency=Frequency(frequency) if frequency in list(Frequency) else None,
    )
    return ChoiceForm(
        action=ChoiceAction(action),
        wanted=wanted,
        length=PauseLength(length) if length in list(PauseLength) else None,
        address=_read_address(fields.get("address", "")),
        typed=clean_line(fields.get("address", "")[:LONGEST_TYPED]),
    )


def _read_address(text: str) -> EmailAddress | None:
    try:
        return normalise_address(text.strip())
    except ValueError:
        return None
