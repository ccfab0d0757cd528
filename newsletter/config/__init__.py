"""The configuration: newsletter.toml and the environment, validated, as one frozen Config."""

from newsletter.config.installed import find_installed_backends
from newsletter.config.list_settings import SubscriberListSettings
from newsletter.config.load import load_config
from newsletter.config.mail_settings import SenderSettings
from newsletter.config.section import Section
from newsletter.config.setting_places import find_setting
from newsletter.config.settings import Config, PublicationSettings
from newsletter.config.validators import Mailbox

__all__ = [
    "Config",
    "Mailbox",
    "PublicationSettings",
    "Section",
    "SenderSettings",
    "SubscriberListSettings",
    "find_installed_backends",
    "find_setting",
    "load_config",
]
