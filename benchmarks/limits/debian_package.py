"""Programs of Debian packages that can't be installed beside each other: unpacked into a folder, and run from there."""

import shutil
import subprocess
from pathlib import Path

from row import Unavailable, find_command

FOLDER = Path(__file__).parents[2] / "build" / "bench-limits"


def find_program(package: str, path: str) -> Path:
    """Return a program of a Debian package: the installed one, or one from the package, which is fetched once.

    Raises Unavailable.
    """
    installed = Path("/") / path
    if installed.is_file():
        return installed
    unpacked = FOLDER / package / path
    if not unpacked.is_file():
        unpack(package)
    if not unpacked.is_file():
        raise Unavailable(f"{package} has no {path}")
    wanted = subprocess.run([find_command("ldd"), str(unpacked)], capture_output=True, text=True, check=False).stdout
    if missing := [line.split()[0] for line in wanted.splitlines() if "not found" in line]:
        raise Unavailable(f"{package} wants libraries that are not there: {', '.join(missing)}")
    return unpacked


def unpack(package: str) -> None:
    """Fetch a package with apt and unpack it, without installing it."""
    folder = FOLDER / package
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fetched = subprocess.run(
        [find_command("apt-get"), "download", "--quiet", package],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    archives = list(folder.glob("*.deb"))
    if not archives:
        raise Unavailable(f"{package} could not be fetched: {fetched.stderr.strip().splitlines()[-1:]}")
    subprocess.run([find_command("dpkg"), "--extract", str(archives[0]), str(folder)], check=True)
