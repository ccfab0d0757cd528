"""The backends that installed packages offer, each by the name that `[send] backend` and its own table have."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType


@cache
def find_installed_backends() -> Mapping[str, EntryPoint]:
    """Return the entry points of the group newsletter.backends, by name.

    A look reads what every installed package says of itself, a tenth of what a short command takes: one is enough for a
    process.
    """
    return MappingProxyType({point.name: point for point in entry_points(group="newsletter.backends")})
