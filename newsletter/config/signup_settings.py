"""The table [signup] of newsletter.toml: how readers join by themselves."""

from typing import Annotated, Literal

from pydantic import Field

from newsletter.config.section import Section
from newsletter.config.validators import Address, OneLine


class SignupSettings(Section):
    """The table [signup]: whether readers can join by themselves, what they agree to, and how many in an hour.

    `consent` is what they agree to, in one sentence; without it the catalogue's is used. `mail` is the address to which
    one writes to join. `welcome` says what comes after joining: nothing, a note, or the newest issue. With
    `keep_network` the network that a sign-up came from is kept with the consent. `hourly` bounds how many addresses ask
    to join in an hour, and the mails by which they are answered, `per_network` the sign-ups from one network. With
    `proof_of_work` the form of the publication's own page wants a small sum done by the browser.
    """

    open: bool = True
    consent: OneLine | None = None
    ask_name: bool = False
    mail: Address | None = None
    welcome: Literal["none", "note", "issue"] = "note"
    keep_network: bool = False
    hourly: Annotated[int, Field(ge=1, le=100_000)] = 500
    per_network: Annotated[int, Field(ge=1, le=10_000)] = 20
    proof_of_work: bool = False
