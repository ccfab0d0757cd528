"""The tables of newsletter.toml about what is looked at in a draft: its words and its links."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from newsletter.config import validators
from newsletter.config.section import Section
from newsletter.config.validators import OneLine
from newsletter.fetching import AllowedHosts


class ProseSettings(Section):
    """The table [prose]: which checks of the words are made, and the file with words that they leave alone.

    `reading_level` is the Flesch-Kincaid grade above which an issue is noted; 0 is none.
    """

    words: OneLine = "words.txt"
    unfinished: bool = True
    spelling: bool = True
    repeated_words: bool = True
    link_words: bool = True
    alt_texts: bool = True
    long_sentences: bool = True
    acronyms: bool = True
    reading_level: Annotated[float, Field(ge=0, le=30)] = 0
    proselint: bool = False


class LinkSettings(Section):
    """The table [links]: how an issue's links are checked.

    `allow` names the hosts and networks of this machine or a private network that may be asked nevertheless. With
    `preview`, the preview asks the links of a draft while it is written.
    """

    allow: Annotated[
        tuple[str, ...], BeforeValidator(validators.split_commas), AfterValidator(validators.check_allowed_hosts)
    ] = ()
    preview: bool = True

    @property
    def allowed_hosts(self) -> AllowedHosts:
        """Return `allow` as the web client asks it."""
        return AllowedHosts.parse(self.allow)
