"""Makes newsletter/checks/caniemail.json out of the npm package `caniemail`, which carries caniemail.com's data.

    npm pack caniemail && tar xf caniemail-*.tgz
    python tools/trim_caniemail.py package

Kept are each feature's title and, for every mail client, the letter of its newest test: `y` supported,
`a` in part, `n` not, `u` unknown, `-` never tested. One feature stands on a line, so that a new release
of the data reads well as a diff. The licence goes beside it, as it asks.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

CHECKS = Path(__file__).parent.parent / "newsletter" / "checks"
LETTERS = frozenset("yanu")
UNTESTED = "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="the unpacked npm package: a folder with package.json in it")
    package: Path = parser.parse_args().package
    CHECKS.joinpath("caniemail.json").write_text(trimmed(package), encoding="utf-8")
    shutil.copyfile(package / "LICENSE", CHECKS / "caniemail.LICENSE")


def trimmed(package: Path) -> str:
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    data = json.loads((package / "data" / "caniemail.json").read_text(encoding="utf-8"))
    tests = {feature["slug"]: _newest(feature["stats"]) for feature in data["data"]}
    titles = {feature["slug"]: feature["title"].strip() for feature in data["data"]}
    platforms = sorted({platform for results in tests.values() for platform in results})
    features = ",\n".join(
        f"    {_json(slug)}: "
        + _json({"title": titles[slug], "results": "".join(tests[slug].get(p, UNTESTED) for p in platforms)})
        for slug in sorted(tests)
    )
    return (
        "{\n"
        f'  "package": {_json(about["name"])},\n'
        f'  "version": {_json(about["version"])},\n'
        f'  "date": {_json(data["last_update_date"][:10])},\n'
        f'  "platforms": {json.dumps(platforms)},\n'
        f'  "features": {{\n{features}\n  }}\n'
        "}\n"
    )


def _newest(stats: dict[str, dict[str, dict[str, Any]]]) -> dict[str, str]:
    """By `family.platform`, the letter of the newest test.

    Its keys are versions or dates, `2019-02` beside `16.80`, so that they can't be compared; but new ones
    are added at the end.
    """
    newest = {}
    for family, platforms in stats.items():
        for platform, results in platforms.items():
            if results:
                letter = list(results.values())[-1][0]
                if letter not in LETTERS:
                    raise SystemExit(f"{family}.{platform} has the result {letter!r}, which is new to this script.")
                newest[f"{family}.{platform}"] = letter
    return newest


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
