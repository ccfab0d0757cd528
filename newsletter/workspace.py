"""The workspace: a publication's folder with its files, and the draft that a name means."""

import datetime
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NewType

from newsletter.config import Config, load_config
from newsletter.errors import ConfigError, DraftError
from newsletter.issue_name import Numbering, find_numbering, is_draft_name, order_name, parse_date
from newsletter.ownership import require_own, walk_below
from newsletter.text import quote_text

CONFIG_NAME = "newsletter.toml"
TEMPLATES = "templates"
STATE_FOLDER = ".newsletter"
_DATE = re.compile(r"^date:\s*[\"']?(\d{4}-\d\d-\d\d)", re.MULTILINE)
_ENDINGS = (".yaml", ".yml")


# Names a publication in its store. Each workspace has one, and a store of its own: there it is the main one.
PublicationId = NewType("PublicationId", str)
MAIN = PublicationId("main")


@dataclass(frozen=True)
class Workspace:
    """A folder with newsletter.toml, drafts/, templates/ and the subscriber list."""

    root: Path
    environ: Mapping[str, str]

    @cached_property
    def config(self) -> Config:
        """Read the settings, once. Raises ConfigError for what is wrong in them, and for a file of somebody else's."""
        require_own(self.root, (self.root, self.config_path), self.environ)
        return load_config(self.config_path, self.environ)

    @property
    def config_path(self) -> Path:
        """Return the path of newsletter.toml."""
        return self.root / CONFIG_NAME

    @property
    def drafts(self) -> Path:
        return self.root / "drafts"

    @property
    def template_path(self) -> tuple[Path, ...]:
        """Return the folders in which a template is looked for: the publication's own, then the program's."""
        return (self.root / TEMPLATES, find_shipped(TEMPLATES))

    def own_template_path(self) -> tuple[Path, ...]:
        """Return `template_path`. Raises ConfigError when somebody else's templates are in it."""
        require_own(self.root, walk_below(self.root / TEMPLATES), self.environ)
        return self.template_path

    @property
    def fonts(self) -> Path:
        """Return the folder of the publication's own typefaces, for the PDF."""
        return self.root / "fonts"

    @property
    def subscribers(self) -> Path:
        return self.root / self.config.subscriber_list.file

    @property
    def database(self) -> Path | str:
        """Return where the store is: an SQLite file, or the URL of a PostgreSQL database."""
        url = self.config.store.url
        return self.root / url.removeprefix("sqlite:///") if url.startswith("sqlite:") else url

    def build(self, issue: str) -> Path:
        """Return the folder for everything made from one issue."""
        return self.root / "build" / issue

    def record(self, issue: str) -> Path:
        """Return the path of the sent record, which is beside the draft once its sending has begun."""
        return self.drafts / f"{issue}.sent.toml"

    def sending_has_begun(self, issue: str) -> bool:
        """Return whether the issue's sending has begun: the sent record of a scheduled one says when it is due."""
        try:
            return not re.search("^due_at = ", self.record(issue).read_text(encoding="utf-8"), re.MULTILINE)
        except FileNotFoundError:
            return False
        except (OSError, UnicodeDecodeError):
            return True

    def draft_paths(self) -> list[Path]:
        """Return every file that is named like a draft, by date and then by number, the oldest first.

        Of a draft that has no date yet, one of a series stands behind the number before it, any other last.
        """
        found = [path for path in self.drafts.glob("*.y*ml") if path.suffix in _ENDINGS and is_draft_name(path.stem)]
        dated: list[tuple[datetime.date, list[tuple[int, int, str]], Path]] = []
        before: dict[Numbering, datetime.date] = {}
        for path in sorted(found, key=lambda path: order_name(path.stem)):
            numbering = find_numbering(path.stem)
            date = self._read_date(path) or parse_date(path.stem)
            if date is None:
                date = before.get(numbering, datetime.date.min) if numbering != "none" else datetime.date.max
            before[numbering] = date
            dated.append((date, order_name(path.stem), path))
        return [path for *_, path in sorted(dated)]

    def _read_date(self, path: Path) -> datetime.date | None:
        if not path.is_file() or (path.is_symlink() and not self.holds(path)):
            return None
        state = path.stat()
        return _find_date(path, state.st_mtime_ns, state.st_size)

    def misnamed_drafts(self) -> list[Path]:
        """Return the YAML files in drafts/ that no command finds by a name, since they have none that a draft may."""
        return sorted(
            path
            for path in self.drafts.glob("*.y*ml")
            if path.suffix in _ENDINGS and not path.name.startswith(".") and not is_draft_name(path.stem)
        )

    def find_draft(self, name: str | None) -> Path:
        """Return the draft that a name (2.10, spring-fair) or a path means; the newest for None. Raises DraftError."""
        known = self.draft_paths()
        if name is None:
            if not known:
                raise DraftError(f"There is no draft in {self.drafts} yet.", next_step="Run: newsletter draft new")
            self.refuse_outside(known[-1])
            return known[-1]
        path = next((path for path in known if path.stem == name), Path(name))
        if path.is_file():
            self.refuse_outside(path)
            return path
        stems = [path.stem for path in known]
        near = get_close_matches(path.name.removesuffix(".yaml"), stems, n=1, cutoff=0.6)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise DraftError(
            f"There is no draft {quote_text(name)}.", next_step=f"{hint}`newsletter draft list` shows them all."
        )

    def holds(self, draft: Path) -> bool:
        """Return whether a draft lies in the publication's folder, and leads nowhere else as a link."""
        return draft.resolve().is_relative_to(self.root.resolve())

    def refuse_outside(self, draft: Path) -> None:
        """Raise DraftError for a draft that lies, or leads as a link, outside of the publication's folder.

        Its text would be shown, published and mailed, so it has to be the publication's own.
        """
        if not self.holds(draft):
            raise DraftError(
                f"{draft.name} leads out of the publication's folder, and is not read.",
                next_step="Copy the draft into drafts/.",
            )


@lru_cache(maxsize=2000)
def _find_date(path: Path, _changed: int, _size: int) -> datetime.date | None:
    """Return a draft's date from the beginning of its text, which can be read before the rest is valid."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            found = _DATE.search(file.read(10_000))
        return datetime.date.fromisoformat(found[1]) if found else None
    except (OSError, ValueError):
        return None


def find_workspace(start: Path, environ: Mapping[str, str] | None = None) -> Workspace:
    """Find the workspace that `start` lies in, upwards as git does.

    Raises ConfigError when there is none, or when the first one found is somebody else's: one further up is not taken
    in its place.
    """
    environ = os.environ if environ is None else environ
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            require_own(folder, (folder, folder / CONFIG_NAME, folder / STATE_FOLDER), environ)
            return Workspace(folder, environ)
    raise ConfigError(
        f"There is no {CONFIG_NAME} here or in any folder above.",
        next_step="Go to your publication's folder, or make one: newsletter init my-newsletter",
    )


def find_shipped(name: str) -> Path:
    """Return a file or folder that comes with the program: in the wheel, or in the checkout around the package."""
    package = Path(__file__).parent
    places = (package / name, package / "sample" / name, package.parent / name)
    return next(place for place in places if place.exists())
