"""The publication that send.py sends: a personalised issue of about 36 KB a message, and lists of readers."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import cycle
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent
ISSUE = "2.10"
MARK = "zzname"  # where the peers put a reader's name
FOLDERS = (".newsletter", "build")
DRAFT = """\
volume: 2
number: 10
date: 2023-05-31
subject: >-
  {{ name | MARK }}, your digest of the second half of May
intro: >-
  Dear {{ name | MARK }}, this issue gathers what was met, signed and pledged, with the documents to read for
  yourself in {{ city | your town }}; [your page](https://example.org/for?who={{ name | MARK }}) has more.
image:
  file: 2.10-lead.jpg
  alt: >-
    A drawing of a ferry crossing a calm bay at dusk
  credit: >-
    drawn for the [Example Institute](https://example.org/pictures/bay)
items:
"""
ITEM = """\
  - headline: >-
      Committee {number} meets for the fifteenth time: data, climate and “biotech”
    detail: >-
      The joint committee on science and technology held its [fifteenth meeting](https://example.org/{number}/a)
      on May 16, in Saint-Étienne. Climate change and biotechnology are the fields in which the two countries mean
      to do more *together*; the [minutes](https://example.org/{number}/b) name **forty** projects.

      A first set of sensors was [delivered](https://example.org/{number}/c) on May 17. When they will ride on
      quasi-zenith satellites is open, and {{{{ name | MARK }}}} may well ask.
"""
ITEMS = 2
GIVEN = ["Ada", "Søren", "美香", "Zoë", "Łukasz", "Maria", "John", "Aïcha", "伟", "Priya", "Günther", "Olga"]
FAMILY = ["Okafor", "Jørgensen", "田中", "Núñez", "Wójcik", "Smith", "O’Brien", "Müller", "李", "Iyer", "Kim"]
TOWNS = ["Lagos", "København", "東京", "São Paulo", "Kraków", "Springfield", "", "Zürich"]
TAGS = ["members", "board;members", "", "press"]


class Publication:
    """A workspace with one draft; the command line runs in it as a reader of the manual would run it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {
            "NEWSLETTER_EMAIL__IMAGES": "link",
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SMTP__SECURITY": "none",
        }
        (root / "drafts").mkdir(parents=True)
        shutil.copyfile(ROOT / "newsletter.toml", root / "newsletter.toml")
        shutil.copyfile(ROOT / "drafts" / "2.10-lead.jpg", root / "drafts" / "2.10-lead.jpg")
        items = "".join(ITEM.format(number=number) for number in range(ITEMS))
        (root / "drafts" / f"{ISSUE}.yaml").write_text((DRAFT + items).replace("MARK", MARK), encoding="utf-8")

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "newsletter", *args]

    def environment(self, **more: str) -> dict[str, str]:
        return {**without_ours(), "NO_COLOR": "1", **self.environ, **more}

    def forget(self) -> None:
        """As if the issue had never been sent."""
        for name in FOLDERS:
            shutil.rmtree(self.root / name, ignore_errors=True)
        for record in (self.root / "drafts").glob("*.sent.toml"):
            record.unlink()

    def write_readers(self, count: int) -> None:
        """Write the subscriber list, the same one for the same count."""
        with (self.root / "subscribers.csv").open("w", encoding="utf-8") as file:
            file.write("email,name,city,tags\n")
            file.writelines(f"{address},{name},{town},{tags}\n" for address, name, town, tags in readers(count))

    def export(self, form: str, suffix: str) -> str:
        """Return an edition as text."""
        folder = self.root / "exported"
        done = subprocess.run(
            self.command("export", form, ISSUE, "-o", str(folder)),
            cwd=self.root, env=self.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"newsletter export {form} failed:\n{done.stdout}{done.stderr}")
        return (folder / f"{ISSUE}{suffix}").read_bytes().decode("utf-8")

    @cached_property
    def bodies(self) -> dict[str, str]:
        return {"html": self.export("html", ".email.html"), "text": self.export("text", ".txt")}

    def write_task(self, path: Path, port: int, messages: int, connections: int) -> None:
        """Return what the peers are given: both bodies, with the mark where a name belongs, and the readers."""
        task = {
            "port": port,
            "connections": connections,
            "sender": "Pacific Alliance Digest <digest@example.org>",
            "envelope": "bounces@example.org",
            "subject": f"{MARK}, your digest of the second half of May",
            "mark": MARK,
            **self.bodies,
            "headers": {
                "List-Id": "Pacific Alliance Digest <digest.example.org>",
                "List-Unsubscribe": "<mailto:leave@example.org?subject=unsubscribe>",
            },
            "readers": [{"address": address, "name": name} for address, name, _town, _tags in readers(messages)],
        }
        path.write_text(json.dumps(task), encoding="utf-8")


def readers(count: int) -> Iterator[tuple[str, str, str, str]]:
    """Address, name, town and tags; no two alike."""
    choice = Random(210)  # noqa: S311  # the same readers in every run
    towns, tags = cycle(TOWNS), cycle(TAGS)
    for number in range(count):
        name = f"{picked(choice, GIVEN)} {picked(choice, FAMILY)} {number}"
        yield f"reader.{number:07}@example.org", name, next(towns), next(tags)


def picked(choice: Random, names: Sequence[str]) -> str:
    return names[int(choice.random() * len(names))]


def without_ours() -> dict[str, str]:
    """Return the environment, less what would set a publication's values."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
