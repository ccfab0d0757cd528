"""A workspace with more than one publication: the sample beside publications/, and others below."""

from pathlib import Path

from conftest import Publication


def add_publication(beside: Publication, name: str, more: str = "", list_id: str = "") -> Path:
    """Make a publication of that name in the sample's workspace; return its folder."""
    folder = beside.root / "publications" / name
    (folder / "drafts").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(
        f'[publication]\ntitle = "The {name.title()}"\n\n'
        f'[list]\nid = "{list_id or f"{name}.example.org"}"\nunsubscribe = "mailto:leave-{name}@example.org"\n{more}'
    )
    return folder


def without_title(beside: Publication) -> None:
    """Make the workspace's newsletter.toml one of shared settings alone."""
    path = beside.root / "newsletter.toml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("title = ")))
