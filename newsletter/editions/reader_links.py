"""Links of the service that each copy has of its own: to leave, and to the page where its reader chooses."""

from functools import partial

from newsletter.config import Config
from newsletter.field import SAMPLE_TOKEN, UNSUBSCRIBE_FIELD, FieldWriter, fill_address, split_fields, write_default

_TOKEN = "{{ token }}"  # noqa: S105  # the place of one


def list_unsubscribe_links(config: Config, fields: FieldWriter = write_default) -> list[str]:
    """Return each address for unsubscribing, the best one first (RFC 2369, section 3.2)."""
    addresses = (config.service.leave(_TOKEN), config.subscriber_list.unsubscribe_link)
    return [_fill(address, fields) for address in addresses if address]


def find_preferences_link(config: Config, fields: FieldWriter = write_default) -> str | None:
    """Return the address of the page where a reader chooses; None without a service."""
    page = config.service.choose(_TOKEN)
    return _fill(page, fields) if page else None


def _fill(address: str, fields: FieldWriter) -> str:
    return fill_address(split_fields(address), partial(_write, fields))


def _write(fields: FieldWriter, name: str, default: str) -> str:
    return fields(UNSUBSCRIBE_FIELD, SAMPLE_TOKEN) if name == "token" else fields(name, default)
