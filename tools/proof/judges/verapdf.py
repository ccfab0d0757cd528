"""veraPDF, the reference checker of PDF/UA and PDF/A: one Java process for all files of a standard.

Maven brings it (org.verapdf.apps:greenfield-apps). Its controls are copies of 2.10 with a fault each.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pypdf
from pypdf.generic import DictionaryObject, NameObject

from proof.subjects import ROOT, Subject
from proof.verdict import Control, Finding, NotAvailable, Verdict

_STANDARDS = {"ua1": "PDF/UA-1", "2a": "PDF/A-2a"}
_MAIN = "org.verapdf.apps.GreenfieldCliWrapper"
_POM = Path(__file__).parents[1] / "verapdf.pom.xml"
_JARS = ROOT / "build" / "proof" / "verapdf"


def ask(subjects: Sequence[Subject]) -> Verdict:
    """Return what veraPDF holds against each PDF, and against copies in which something was broken."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise NotAvailable(f"{program} is not installed (Debian: default-jre-headless, maven)")
    if not _JARS.is_dir():
        command = [
            "mvn",
            "--quiet",
            "--batch-mode",
            "-f",
            _POM,
            "dependency:copy-dependencies",
            f"-DoutputDirectory={_JARS}",
        ]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            raise NotAvailable("Maven could not fetch it")
    files = {subject.file("issue.pdf"): subject.name for subject in subjects if subject.file("issue.pdf").exists()}
    broken = _plant_faults(next(path for path, name in files.items() if name == "2.10"))
    said = {flavour: _check(flavour, [*files, *broken]) for flavour in _STANDARDS}
    found = [
        Finding(subject=files[path], rule=f"{_STANDARDS[flavour]} {rule}", words=words)
        for flavour, about in said.items() for path, rule, words in about if path in files
    ]  # fmt: skip
    blamed = {path for about in said.values() for path, _, _ in about}
    return Verdict(
        version=_find_version(),
        seen=list(files.values()),
        findings=found,
        controls=[Control(planted=fault, found=path in blamed) for path, fault in broken.items()],
    )


def _check(flavour: str, files: Sequence[Path]) -> list[tuple[Path, str, str]]:
    """Return the failed rules of files by a standard: the file, the rule's clause, and what it says."""
    command = ["java", "-cp", f"{_JARS}/*", _MAIN, "--flavour", flavour, "--format", "json", *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    jobs = json.loads(done.stdout)["report"]["jobs"]
    if len(jobs) != len(files):
        raise RuntimeError(f"veraPDF has judged {len(jobs)} files of {len(files)}: {done.stderr[-500:]}")
    return list(_read_jobs(jobs))


def _read_jobs(jobs: list[dict[str, object]]) -> Iterator[tuple[Path, str, str]]:
    for job in jobs:
        path = Path(job["itemDetails"]["name"])  # type: ignore[index]  # JSON
        for result in job.get("validationResult") or [{}]:  # type: ignore[attr-defined]  # JSON
            if "details" not in result:
                yield path, "not read", "veraPDF could not read the file"
                continue
            for rule in result["details"]["ruleSummaries"]:
                yield path, f"{rule['clause']}-{rule['testNumber']}", rule["description"]


def _plant_faults(sound: Path) -> dict[Path, str]:
    """Write copies of a PDF beside it, each with one fault; return what was broken by the copies' paths."""
    faults = {"no-tags": "its tags are gone", "no-title": "its title is gone", "no-alt": "a figure's text is gone"}
    broken = {}
    for name, words in faults.items():
        writer = pypdf.PdfWriter(clone_from=sound)
        root = writer.root_object
        if name == "no-tags":
            del root["/StructTreeRoot"], root["/MarkInfo"]
        elif name == "no-title":
            metadata = root["/Metadata"].get_object()
            data = re.sub(rb"<dc:title>.*?</dc:title>", b"", metadata.get_data(), flags=re.DOTALL)
            metadata.set_data(data)  # type: ignore[attr-defined]  # a stream
        else:
            for one in writer._objects:  # no public way goes through all of them
                if isinstance(one, DictionaryObject) and one.get("/S") == "/Figure":
                    one.pop(NameObject("/Alt"), None)
        path = sound.with_name(f"control-{name}.pdf")
        writer.write(path)
        broken[path] = words
    return broken


def _find_version() -> str:
    (jar,) = _JARS.glob("greenfield-apps-*.jar")
    return jar.stem.removeprefix("greenfield-apps-")
