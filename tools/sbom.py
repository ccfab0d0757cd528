"""What the program is made of, as a CycloneDX document: build/sbom.cdx.json.

    make sbom

It lists what `pip install newsletter-press` with all its extras brings, in the versions that are installed here and
that constraints.txt pins, with their licences, and which of them wants which. It is the same each time for the same
environment, holds no address and no path, and is made without a network. Not in it, since no package says so: what is
compiled into a wheel, such as the Rust crates in mjml-python and typst, or OpenSSL in cryptography.
"""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from audit import PROGRAM, licence, needed
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
_PROGRAM = "root-component"  # cyclonedx-py's name for what pyproject.toml describes


def main() -> None:
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml"),
               "--output-reproducible", "--of", "JSON", "--sv", "1.6"]  # fmt: skip
    said = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603  # words of ours alone
    here = {canonicalize_name(one.name): one for one in distributions()}
    document = narrowed(json.loads(said), needed(here, [PROGRAM]))
    for component in document["components"]:
        # Some packages have their licence in a file alone, which cyclonedx-py does not read.
        if not component.get("licenses"):
            component["licenses"] = [{"license": {"name": licence(here[canonicalize_name(component["name"])])}}]
    path = ROOT / "build" / "sbom.cdx.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(document['components'])} components")


def narrowed(document: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return the document with what the program needs alone: cyclonedx-py counts every extra of every package.

    The addresses in it are left out, since they may be of here.
    """
    kept = [one for one in document["components"] if canonicalize_name(one["name"]) in names]
    known = {_PROGRAM, *(one["bom-ref"] for one in kept)}
    wants = [
        {"ref": one["ref"], "dependsOn": [ref for ref in one.get("dependsOn", []) if ref in known]}
        for one in document["dependencies"]
        if one["ref"] in known
    ]
    cleaned: dict[str, Any] = _without_addresses(document | {"components": kept, "dependencies": wants})
    return cleaned


def _without_addresses(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_addresses(part) for key, part in value.items() if key != "externalReferences"}
    return [_without_addresses(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
