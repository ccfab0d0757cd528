"""The configuration: newsletter.toml and the environment, validated, as one frozen Config."""

from newsletter.config.load import find_line, load_config
from newsletter.config.settings import (
    BACKEND_GROUP,
    Config,
    PublicationSettings,
    Section,
    SenderSettings,
    SubscriberListSettings,
)
from newsletter.config.validators import Mailbox

__all__ = [
    "BACKEND_GROUP",
    "Config",
    "Mailbox",
    "PublicationSettings",
    "Section",
    "SenderSettings",
    "SubscriberListSettings",
    "find_line",
    "load_config",
]
