"""Templates of the pages that tell of an issue or of the list, and what they write numbers and moments with."""

from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def open_page_templates(zone: ZoneInfo) -> Environment:
    """Return the templates; moments are written in this zone, and whatever comes from outside is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"here": lambda at: at.astimezone(zone), "number": lambda count: f"{count:,}"}
    return environment
