"""The base of the tables of newsletter.toml."""

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from newsletter.config.settings import Config


class Section(BaseModel):
    """The base of each table of newsletter.toml, a backend's own included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def completed(self, config: "Config") -> Self:
        """Return a backend's settings with the defaults that depend on other tables; these have none."""
        del config
        return self
