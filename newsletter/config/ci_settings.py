"""The table [ci] of newsletter.toml: how `newsletter send --ci` reaches the state."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, SecretStr

from newsletter.config import validators
from newsletter.config.section import Section


class CiSettings(Section):
    """The table [ci]: where the state is for a runner, when it is in SQLite.

    With `state` as "branch" it is carried, encrypted by age, on a branch of the remote; as "disk" the runner has a disk
    that lasts. `recipients` may read the carried state besides the holders of the identity, which is in the environment
    alone (NEWSLETTER_CI__AGE_IDENTITY).
    """

    state: Literal["branch", "disk"] | None = None
    recipients: Annotated[tuple[str, ...], BeforeValidator(validators.split_commas)] = ()
    age_identity: SecretStr | None = None
