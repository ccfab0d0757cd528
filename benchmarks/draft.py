"""The draft that a benchmark edits, in a workspace of its own."""

import re
import shutil
from pathlib import Path

from newsletter.workspace import CONFIG_NAME

ROOT = Path(__file__).parent.parent
PROSE = re.compile(r"^( +(?!- |\w+: (?:\S+$|\[))\S+ )", re.MULTILINE)  # the first word of a line that is no key


class Draft:
    """A draft with other words in every round, so that no result can be one that was kept.

    They are written into every line of prose, or with `one_word` into the first alone.
    """

    def __init__(self, path: Path, *, one_word: bool = False) -> None:
        self.path = path
        self._most = 1 if one_word else 0
        self._source = path.read_text(encoding="utf-8")
        self._round = 0
        if not PROSE.search(self._source):
            raise SystemExit(f"{path.name} has no line whose words could be changed.")

    @property
    def word(self) -> str:
        return f"round-{self._round}"

    @property
    def text(self) -> str:
        """The draft with this round's word behind the first word of lines of prose."""
        return PROSE.sub(rf"\g<1>{self.word} ", self._source, count=self._most)

    def turn(self) -> None:
        """On to the next round's word; nothing is written."""
        self._round += 1

    def change(self) -> None:
        """Write the next round's text."""
        self.turn()
        self.path.write_text(self.text, encoding="utf-8")


def copied(draft: Path, root: Path) -> Draft:
    """Return the draft with its pictures and our settings, in a new workspace."""
    (root / "drafts").mkdir(parents=True)
    shutil.copyfile(ROOT / CONFIG_NAME, root / CONFIG_NAME)
    for file in draft.parent.glob(f"{draft.stem}*"):
        shutil.copyfile(file, root / "drafts" / file.name)
    return Draft(root / "drafts" / draft.name)
