"""The configuration's secrets, which no output may show."""

from collections.abc import Iterator

from pydantic import BaseModel, SecretStr

from newsletter.config.settings import Config


def iterate_secrets(config: Config) -> Iterator[str]:
    """Yield every password and key that the configuration holds, the backends' included."""
    for section in (*(getattr(config, name) for name in type(config).model_fields), *config.backends.values()):
        if isinstance(section, BaseModel):
            for name in type(section).model_fields:
                value = getattr(section, name)
                if isinstance(value, SecretStr):
                    yield value.get_secret_value()
