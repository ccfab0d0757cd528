"""The publication's word list: names and terms that no check of the words is to complain of."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from newsletter.checks.prose.passages import OPAQUE
from newsletter.errors import ConfigError, Problem
from newsletter.text import format_size
from newsletter.workspace import Workspace

MAX_BYTES = 1_000_000
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s$")


@dataclass(frozen=True)
class WordList:
    """Words and phrases. One in small letters is known in any case, any other as it is written.

    `problem` says why the file can't be used.
    """

    entries: tuple[str, ...] = ()
    problem: Problem | None = field(default=None, compare=False)

    @cached_property
    def _by_first(self) -> dict[str, list[tuple[str, ...]]]:
        """Return the entries, each as its words, by the first of these in small letters."""
        found: dict[str, list[tuple[str, ...]]] = {}
        for entry in dict.fromkeys(self.entries):
            if words := tuple(_TOKEN.findall(entry)):
                found.setdefault(words[0].lower(), []).append(words)
        return {first: sorted(phrases, key=len, reverse=True) for first, phrases in found.items()}

    def cover(self, text: str) -> str:
        """Return the text with OPAQUE for each character of what the list has, so that no place changes."""
        if not self._by_first:
            return text
        tokens = list(_TOKEN.finditer(text))
        letters: list[str] | None = None
        number = 0
        while number < len(tokens):
            length = self._match([token[0] for token in tokens[number : number + _LONGEST]])
            if length:
                start, end = tokens[number].start(), tokens[number + length - 1].end()
                letters = letters or list(text)
                letters[start:end] = OPAQUE * (end - start)
            number += length or 1
        return "".join(letters) if letters else text

    def _match(self, words: list[str]) -> int:
        """Return of how many words the longest entry is that they begin with; 0 for none."""
        firsts = dict.fromkeys(_list_forms(words[0].lower()))
        phrases = (phrase for first in firsts for phrase in self._by_first.get(first, ()))
        return max((len(phrase) for phrase in phrases if _is_said(phrase, words)), default=0)


_LONGEST = 12  # words of an entry


def _list_forms(word: str) -> tuple[str, ...]:
    """Return a word, and what it may be the possessive or the plural of."""
    bare = _POSSESSIVE.sub("", word)
    return (word, bare, bare.removesuffix("s"))


def _is_said(phrase: tuple[str, ...], words: list[str]) -> bool:
    if len(words) < len(phrase) or len(phrase) > _LONGEST:
        return False
    *before, last = phrase
    return all(map(_is_same, before, words)) and _is_last(last, words[len(before)])


def _is_same(entry: str, word: str) -> bool:
    return entry == word or (entry.islower() and entry == word.lower())


def _is_last(entry: str, word: str) -> bool:
    """Return whether a word is the entry's last one, in the possessive too, and in the plural after capitals: MOUs."""
    bare = _POSSESSIVE.sub("", word)
    return _is_same(entry, word) or _is_same(entry, bare) or (entry.isupper() and bare == f"{entry}s")


def list_word_lists(workspace: Workspace) -> tuple[Path, ...]:
    """Return where the publication's word list is or would be, then the workspace's; none without settings to read."""
    try:
        name = workspace.config.prose.words
    except ConfigError:
        return ()
    return tuple(dict.fromkeys((workspace.folder / name, workspace.root / name)))


def join_word_lists(paths: Iterable[Path]) -> WordList:
    """Read several lists as one; its problem is the first that there is."""
    first, *others = [read_word_list(path) for path in paths]
    if not others:
        return first
    lists = (first, *others)
    entries = tuple(entry for each in lists for entry in each.entries)
    return WordList(entries, next((each.problem for each in lists if each.problem), None))


def read_word_list(path: Path) -> WordList:
    """Read a list of a word or phrase in a line, with comments behind #. Without a file, it is empty."""
    try:
        state = path.stat()
    except OSError:
        return WordList()
    if not path.is_file() or state.st_size > MAX_BYTES:
        what = f"is larger than {format_size(MAX_BYTES, 0)}" if path.is_file() else "is no file"
        return _refuse(path, 0, what, "It holds a word or phrase in each line.")
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, _size: int) -> WordList:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        return _refuse(path, 0, f"can't be read: {error.strerror}", "Check its permissions.")
    except UnicodeDecodeError as error:
        return _refuse(path, data[: error.start].count(b"\n") + 1, "is not UTF-8 text", "Save it as UTF-8.")
    return WordList(tuple(_list_entries(text.splitlines())))


def _list_entries(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        entry = re.sub(r"(?:^|\s)#.*", "", line).strip()
        if entry:
            yield unicodedata.normalize("NFC", entry)


def _refuse(path: Path, line: int, what: str, step: str) -> WordList:
    problem = Problem(path=path, line=line, code="word-list", message=f"the word list {what}", next_step=step)
    return WordList(problem=problem)
