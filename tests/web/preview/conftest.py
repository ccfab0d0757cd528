"""The fixture that previews 2.10 as a real process, with a mail server that takes everything."""

from collections.abc import Iterator

import pytest
from conftest import Publication
from preview_server import Preview, previewing


@pytest.fixture
def preview(digest: Publication) -> Iterator[Preview]:
    with previewing(digest, "2.10") as running:
        yield running
