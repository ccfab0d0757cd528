"""newsletter.toml and the environment, validated, as one frozen Config."""

from newsletter.config.load import line_of, load_config
from newsletter.config.model import BACKEND_GROUP, Config, Publication, Section, Sender, SubscriberListSettings
from newsletter.config.values import Mailbox

__all__ = [
    "BACKEND_GROUP",
    "Config",
    "Mailbox",
    "Publication",
    "Section",
    "Sender",
    "SubscriberListSettings",
    "line_of",
    "load_config",
]
