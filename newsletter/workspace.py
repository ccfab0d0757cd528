"""The workspace: a publication's folder with its files, and the draft that a name means."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NewType

from newsletter.config import Config, load_config, shared_settings
from newsletter.config.shared_settings import PUBLICATIONS, read_identity
from newsletter.errors import ConfigError, DraftError
from newsletter.issue_name import IssueName, Numbering, find_numbering, is_draft_name, order_name, parse_date
from newsletter.ownership import require_own, walk_below
from newsletter.text import quote_text
from newsletter.translation import describe_language, is_known_language

CONFIG_NAME, STATE_FOLDER = shared_settings.CONFIG_NAME, shared_settings.STATE_FOLDER
TEMPLATES = "templates"
_DATE = re.compile(r"^date:\s*[\"']?(\d{4}-\d\d-\d\d)", re.MULTILINE)
_ENDINGS = (".yaml", ".yml")


# Names a publication in its store, which may have several. The one beside publications/ is the main one.
PublicationId = NewType("PublicationId", str)
MAIN = PublicationId("main")


@dataclass(frozen=True)
class Workspace:
    """A folder with newsletter.toml, drafts/, templates/ and the subscriber list, as one of its publications has it.

    `publication` names the folder below publications/ which that one has; "" is the publication beside them, in the
    folder itself. State and keys are in `root` for all of them.
    """

    root: Path
    environ: Mapping[str, str]
    publication: str = ""

    @cached_property
    def config(self) -> Config:
        """Read the settings, once. Raises ConfigError for what is wrong in them, and for a file of somebody else's."""
        require_own(self.root, self.listed_places(), self.environ)
        return load_config(self.config_path, self.environ)

    def with_current_settings(self) -> "Workspace":
        """Return the workspace with newsletter.toml as it is on disk now."""
        return Workspace(self.root, self.environ, self.publication)

    def listed_places(self) -> tuple[Path, ...]:
        """Return the folders and files by which settings are read, each of which has to be the user's own."""
        folders = dict.fromkeys((self.root, self.folder.parent if self.publication else self.root, self.folder))
        return (*folders, *self.config_paths)

    @property
    def folder(self) -> Path:
        """Return the publication's folder: the workspace's own, or one below publications/."""
        return self.root / PUBLICATIONS / self.publication if self.publication else self.root

    @property
    def config_path(self) -> Path:
        """Return the path of the publication's newsletter.toml."""
        return self.folder / CONFIG_NAME

    @property
    def config_paths(self) -> tuple[Path, ...]:
        """Return the files that settings are in: the publication's newsletter.toml, then the one it stands over."""
        return tuple(dict.fromkeys((self.config_path, self.root / CONFIG_NAME)))

    @property
    def publication_id(self) -> PublicationId:
        """Return what the publication is called in the store. Raises ConfigError."""
        return PublicationId(self.config.publication.id or self.publication or MAIN)

    @property
    def shown_name(self) -> str:
        """Return what the publication is called on the command line, where its settings may not be readable."""
        return self.publication or read_identity(self.config_path).get("id") or MAIN

    @property
    def state_folder(self) -> Path:
        """Return the folder of the keys and of what is known of all publications."""
        return self.root / STATE_FOLDER

    @property
    def cache_folder(self) -> Path:
        """Return the folder for what is made of this publication alone and can be made again."""
        return self.state_folder / PUBLICATIONS / self.publication if self.publication else self.state_folder

    @property
    def drafts(self) -> Path:
        return self.folder / "drafts"

    @property
    def own_template_folders(self) -> tuple[Path, ...]:
        """Return the publication's folder of templates, and then the workspace's."""
        return tuple(dict.fromkeys((self.folder / TEMPLATES, self.root / TEMPLATES)))

    @property
    def template_path(self) -> tuple[Path, ...]:
        """Return the folders in which a template is looked for: the publication's, the workspace's, the program's."""
        return (*self.own_template_folders, find_shipped(TEMPLATES))

    def own_template_path(self) -> tuple[Path, ...]:
        """Return `template_path`. Raises ConfigError when somebody else's templates are in it."""
        for folder in self.own_template_folders:
            require_own(self.root, walk_below(folder), self.environ)
        return self.template_path

    @property
    def fonts(self) -> Path:
        """Return the folder of the publication's own typefaces, for the PDF; without one the workspace's."""
        own = self.folder / "fonts"
        return own if own.is_dir() else self.root / "fonts"

    @property
    def subscribers(self) -> Path:
        return self.folder / self.config.subscriber_list.file

    @property
    def database(self) -> Path | str:
        """Return where the store is: an SQLite file, or the URL of a PostgreSQL database."""
        url = self.config.store.url
        return self.root / url.removeprefix("sqlite:///") if url.startswith("sqlite:") else url

    def build(self, issue: str) -> Path:
        """Return the folder for everything made from one issue."""
        return self.build_folder / issue

    @property
    def build_folder(self) -> Path:
        """Return the folder for what is made from the publication's issues."""
        return self.folder / "build"

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

    @cached_property
    def _translated(self) -> Mapping[str, str]:
        """The languages that translations may be in, as newsletter.toml writes them, by their tags in small letters.

        While newsletter.toml can't be used, which is told elsewhere, there are none.
        """
        try:
            return {tag.lower(): tag for tag in self.config.languages[1:]}
        except ConfigError:
            return {}

    def split_name(self, stem: str) -> tuple[IssueName, str]:
        """Return the issue's name and the language in a draft's name without its ending: `2.10`, `ja` of `2.10.ja`.

        The language is "" for a draft in the publication's own. What stands behind the last point names a language only
        if newsletter.toml declares it, with small or capital letters.
        """
        name, _, tag = stem.rpartition(".")
        language = self._translated.get(tag.lower(), "") if name else ""
        return IssueName(name if language else stem), language

    def language_of(self, draft: Path) -> str:
        """Return the language that a draft is a translation into; "" for one in the publication's own."""
        return self.split_name(draft.stem)[1]

    def translations_of(self, issue: str) -> dict[str, Path]:
        """Return the translations of an issue's draft by their languages, in the order of newsletter.toml."""
        found = {self.language_of(path): path for path in self.translation_paths() if self._names(path, issue)}
        return {language: found[language] for language in self._translated.values() if language in found}

    def list_translations(self) -> dict[str, list[str]]:
        """Return the languages of all translations by the names of their issues."""
        names = [self.split_name(path.stem) for path in self.translation_paths()]
        return {issue: [language for name, language in names if name == issue] for issue, _ in names}

    def _names(self, draft: Path, issue: str) -> bool:
        return self.split_name(draft.stem)[0] == issue

    def translation_paths(self) -> list[Path]:
        """Return the files of all translations, by the names of their issues, also of issues that have no draft."""
        return sorted(
            (path for path in self._list_yaml() if self.language_of(path) and self._is_draft(path))
            if self._translated
            else (),
            key=lambda path: (order_name(path.stem), path.name),
        )

    def _list_yaml(self) -> list[Path]:
        return [path for path in self.drafts.glob("*.y*ml") if path.suffix in _ENDINGS]

    def _is_draft(self, path: Path) -> bool:
        return is_draft_name(self.split_name(path.stem)[0])

    def draft_paths(self) -> list[Path]:
        """Return every issue's draft in the publication's own language, by date and then by number, the oldest first.

        Of a draft that has no date yet, one of a series stands behind the number before it, any other last.
        """
        found = [path for path in self._list_yaml() if self._is_draft(path) and not self.language_of(path)]
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
        return sorted(path for path in self._list_yaml() if not path.name.startswith(".") and not self._is_draft(path))

    def find_draft(self, name: str | None, language: str = "") -> Path:
        """Return the draft that a name (2.10, spring-fair) or a path means; the newest for None. Raises DraftError.

        With a language it is that translation of it. The name of a translation alone means none, since what is done
        with an issue is done in all its languages: see `find_draft_file`.
        """
        path = self.find_draft_file(name)
        issue, own = self.split_name(path.stem)
        if language.lower() == (own or self.config.publication.language).lower():
            return path
        if language:
            return self.find_translation(issue, language)
        if own:
            raise DraftError(
                f"{path.name} is the translation of {issue} into {describe_language(own)}.",
                next_step=f"Name {issue}; where one language is wanted, with --language {own}",
            )
        return path

    def find_translation(self, issue: str, language: str) -> Path:
        """Return the draft of an issue in a language, which may be the publication's own. Raises DraftError."""
        if language.lower() == self.config.publication.language.lower():
            return self.find_draft(issue)
        declared = self.require_translated_language(language)
        path = self.translations_of(issue).get(declared)
        if path is None:
            raise DraftError(
                f"{issue} has no draft in {describe_language(declared)}.",
                next_step=f"newsletter draft new {issue} --language {declared}",
            )
        self.refuse_outside(path)
        return path

    def require_translated_language(self, language: str) -> str:
        """Return one of the publication's other languages as newsletter.toml has it. Raises DraftError for others."""
        if declared := self._translated.get(language.lower()):
            return declared
        if language.lower() == self.config.publication.language.lower():
            raise DraftError(
                f"{language} is the publication's own language: its drafts have no language in their names.",
                next_step="Leave --language out.",
            )
        raise DraftError(
            f"{quote_text(language)} is not one of the publication's languages ({', '.join(self.config.languages)}).",
            next_step=f"Declare it with a table [languages.{language}] in newsletter.toml."
            if re.fullmatch("[a-z]{2,3}(-[A-Za-z0-9]+)*", language) and is_known_language(language)
            else "A language is named by its tag, such as ja; newsletter.toml declares it with a table [languages.ja].",
        )

    def find_draft_file(self, name: str | None) -> Path:
        """Return the draft that a name or a path means, translations (2.10.ja) among them. Raises DraftError."""
        known = self.draft_paths()
        if name is None:
            if not known:
                raise DraftError(f"There is no draft in {self.drafts} yet.", next_step="Run: newsletter draft new")
            self.refuse_outside(known[-1])
            return known[-1]
        known += self.translation_paths()
        path = next((path for path in known if path.stem == name), None)
        path = path or next((path for path in known if path.stem.lower() == name.lower()), Path(name))
        if path.is_file():
            self.refuse_outside(path)
            return path
        issue, language = self.split_name(path.name.removesuffix(".yaml"))
        if language and any(each.stem == issue for each in known):
            return self.find_translation(issue, language)
        near = get_close_matches(path.name.removesuffix(".yaml"), [each.stem for each in known], n=1, cutoff=0.6)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise DraftError(
            f"There is no draft {quote_text(name)}.", next_step=f"{hint}`newsletter draft list` shows them all."
        )

    def holds(self, draft: Path) -> bool:
        """Return whether a draft lies in the publication's folder, and leads nowhere else as a link.

        What belongs to a publication below publications/ does not belong to the one beside them.
        """
        path, folder = draft.resolve(), self.folder.resolve()
        others = [other.folder.resolve() for other in self.list_folders() if other.publication != self.publication]
        return path.is_relative_to(folder) and not any(
            path.is_relative_to(other) for other in others if other != folder and other.is_relative_to(folder)
        )

    def list_folders(self) -> tuple["Workspace", ...]:
        """Return the workspace as each publication below publications/ has it, whatever its folder's name."""
        paths = sorted((self.root / PUBLICATIONS).glob(f"*/{CONFIG_NAME}"))
        return tuple(
            Workspace(self.root, self.environ, path.parent.name)
            for path in paths
            if shared_settings.find_shared_file(path)
        )

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


def find_shipped(name: str) -> Path:
    """Return a file or folder that comes with the program: in the wheel, or in the checkout around the package."""
    package = Path(__file__).parent
    places = (package / name, package / "sample" / name, package.parent / name)
    return next(place for place in places if place.exists())
