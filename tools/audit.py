"""What the program depends on, looked at without a network: what is installed, pinned, allowed, and known to be broken.

    make audit
    make audit ADVISORIES=pypi-all.zip

Four questions, each with its answer, and exit status 1 when one is not well:

- Does what is installed fit together, as `pip check` asks?
- Is each package that the program, its tests and its tools need pinned in constraints.txt, in the version that is here?
- Has each package that the program brings along a licence that allows it to be handed on with it?
- Is a vulnerability known? That needs a database of advisories: a file or folder in OSV's form (osv.dev offers all of
  PyPI's as one zip file), fetched on a machine that has a network. Without one this is not answered, and that is said.
"""

import json
import re
import sys
import tomllib
import zipfile
from argparse import ArgumentParser
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parent.parent
PROGRAM = "newsletter-press"
# Licences under which a package may be a part of what somebody installs, changes and hands on.
_ALLOWED = re.compile(
    r"\b(?:MIT|0?BSD|Apache|ISC|PSF|Python|MPL|Mozilla|LGPL(?:v3)?|OFL|HPND|Unlicense|Zlib|CC0)\b", re.IGNORECASE
)

# Packages under other licences, with the reason why they may be installed beside the program.
EXCEPTIONS = {
    "codespell": "its dictionary (CC BY-SA 3.0) is read as data; its program (GPL-2.0-only) is neither imported nor "
    "started, and is no part of ours",
}


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--advisories", type=Path, help="OSV's records: a .zip, a .json file, or a folder of them")
    options = parser.parse_args()
    here = {canonicalize_name(one.name): one for one in distributions()}
    program = needed(here, [PROGRAM])
    everything = needed(here, [PROGRAM, *_groups()])
    faults = [*unfit(here, everything), *unpinned(here, everything), *unlicensed(here, program)]
    print(f"{len(program)} packages make up the program; with tests and tools {len(everything)}.")
    for name in sorted(program):
        reason = f" ({EXCEPTIONS[name]})" if name in EXCEPTIONS else ""
        print(f"  {name} {here[name].version}: {licence(here[name]) or 'no licence is named'}{reason}")
    if options.advisories:
        records = list(osv_records(options.advisories))
        print(f"{len(records)} advisories were looked through.")
        faults += [] if records else [f"no advisory is in {options.advisories}: nothing was looked up"]
        faults += vulnerable(here, everything, records)
    else:
        print("Known vulnerabilities were not looked up: name a database of OSV's by --advisories.")
    for fault in faults:
        print(f"PROBLEM: {fault}")
    sys.exit(1 if faults else 0)


def _groups() -> list[str]:
    """Return what pyproject.toml wants for tests and tools."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [entry for group in groups.values() for entry in group]


def needed(here: dict[str, Distribution], roots: list[str]) -> set[str]:
    """Return the names of all installed packages that these requirements lead to, with the program's extras."""
    found: set[str] = set()
    left = [Requirement(root) for root in roots]
    while left:
        wanted = left.pop()
        name = canonicalize_name(wanted.name)
        if name not in here or (name in found and not wanted.extras):
            continue
        found.add(name)
        extras = set(here[name].metadata.get_all("Provides-Extra") or ()) if name == PROGRAM else wanted.extras
        for text in here[name].requires or ():
            further = Requirement(text)
            if canonicalize_name(further.name) not in found and _applies(further, extras):
                left.append(further)
    return found


def _applies(wanted: Requirement, extras: set[str]) -> bool:
    return wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def unfit(here: dict[str, Distribution], names: set[str]) -> Iterator[str]:
    """Yield what a package wants that is not there, or is in another version."""
    for name in sorted(names):
        for wanted in map(Requirement, here[name].requires or ()):
            there = here.get(canonicalize_name(wanted.name))
            if not _applies(wanted, set()):
                continue
            if there is None or not wanted.specifier.contains(there.version, prereleases=True):
                yield f"{name} wants {wanted}, and {there.version if there else 'nothing'} is installed"


def unpinned(here: dict[str, Distribution], names: set[str]) -> Iterator[str]:
    """Yield what is installed otherwise than constraints.txt says, or without its saying."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines if line)}
    for name in sorted(names - {PROGRAM}):
        if name not in pins:
            yield f"{name} {here[name].version} is not pinned in constraints.txt"
        elif Version(pins[name]) != Version(here[name].version):
            yield f"{name} {here[name].version} is installed, and {pins[name]} is pinned"


def unlicensed(here: dict[str, Distribution], names: set[str]) -> Iterator[str]:
    """Yield packages whose licence is none that is known to allow handing on."""
    for name in sorted(names):
        if not _ALLOWED.search(said := licence(here[name])) and name not in EXCEPTIONS:
            yield f"{name} is under {said or 'no licence that it names'}"


def licence(package: Distribution) -> str:
    """Return what a package's metadata says, in one of the three ways that there have been, or its licence's title."""
    metadata = package.metadata
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    said = metadata.get("License-Expression") or ", ".join(classifiers) or metadata.get("License") or ""
    for file in () if said else package.files or ():
        if file.parent.name == "licenses" and file.name.startswith("LICENSE"):  # PEP 639, and no word in the metadata
            said = file.read_text()
    return said.strip().split("\n", maxsplit=1)[0][:80]


def osv_records(path: Path) -> Iterator[dict[str, Any]]:
    """Every record of a database in OSV's form."""
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield json.loads(file.read_bytes())
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield json.loads(archive.read(name))
    else:
        known = json.loads(path.read_bytes())
        yield from known if isinstance(known, list) else [known]


def vulnerable(here: dict[str, Distribution], names: set[str], records: list[dict[str, Any]]) -> Iterator[str]:
    """Installed versions that an advisory is about."""
    for record in records:
        for affected in record.get("affected", []) if not record.get("withdrawn") else []:
            package = affected.get("package", {})
            name = canonicalize_name(package.get("name", ""))
            if package.get("ecosystem") != "PyPI" or name not in names:
                continue
            if is_affected(here[name].version, affected):
                yield f"{name} {here[name].version}: {record['id']}: {record.get('summary', 'no summary')}"


def is_affected(version: str, affected: dict[str, Any]) -> bool:
    """Is the version named, or within a range (OSV schema, "Evaluation")? One that can't be compared counts."""
    if version in affected.get("versions", []):
        return True
    return any(
        _is_within(version, ranged.get("events", []))
        for ranged in affected.get("ranges", [])
        if ranged.get("type") == "ECOSYSTEM"
    )


# At one version: what was fixed and introduced again there is broken, and a last one that was broken came after.
_ORDER = ("fixed", "introduced", "last_affected")


def _is_within(version: str, events: list[dict[str, str]]) -> bool:
    """Go through a range's events by the order of their versions: the list itself has none that counts."""
    try:
        here = Version(version)
        told = sorted(
            (at != "0", Version(at), _ORDER.index(kind))
            for event in events
            for kind, at in event.items()
            if kind in _ORDER
        )
    except InvalidVersion:
        return True
    is_in = False
    for is_later, at, order in told:
        reached = not is_later or here >= at
        if _ORDER[order] == "introduced":
            is_in = is_in or reached
        elif reached and (_ORDER[order] == "fixed" or here > at):
            is_in = False
    return is_in


if __name__ == "__main__":
    main()
