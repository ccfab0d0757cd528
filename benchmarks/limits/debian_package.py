"""Programs of Debian packages that can't be installed beside each other: unpacked into a folder, and run from there."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from row import Unavailable, find_command

FOLDER = Path(__file__).parents[2] / "build" / "bench-limits"
LIBRARIES = re.compile(r"^(lib\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """A program, with the folders of libraries that it wants and this machine does not have."""

    path: Path
    libraries: str = ""

    @property
    def command(self) -> list[str]:
        """Return what starts it."""
        return [find_command("env"), f"LD_LIBRARY_PATH={self.libraries}", str(self.path)]


def find_program(package: str, path: str) -> Program:
    """Return a program of a Debian package: the installed one, or one from the package, which is fetched once.

    Raises Unavailable.
    """
    installed = Path("/") / path
    if installed.is_file():
        return Program(installed)
    folder = FOLDER / package
    if not (folder / path).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        unpack([package], folder)
    if not (folder / path).is_file():
        raise Unavailable(f"{package} has no {path}")
    if list_missing(Program(folder / path)):
        libraries = folder / "libraries"
        if not libraries.is_dir():
            unpack(list_libraries(package), libraries)
        program = Program(folder / path, ":".join(map(str, sorted(libraries.glob("**/*-linux-gnu*")))))
        if missing := list_missing(program):
            raise Unavailable(f"{package} wants libraries that are not there: {', '.join(missing)}")
        return program
    return Program(folder / path)


def list_libraries(package: str) -> list[str]:
    """Return the packages of libraries that a package wants, and that are not installed."""
    asked = [find_command("apt-cache"), "depends", "--recurse", "--important", package]
    wanted = LIBRARIES.findall(subprocess.run(asked, capture_output=True, text=True, check=False).stdout)
    asked = [find_command("dpkg-query"), "--show", "--showformat=${db:Status-Status} ${Package}\n", *wanted]
    installed = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()
    return sorted(set(wanted) - {line.split()[1] for line in installed if line.startswith("installed ")})


def list_missing(program: Program) -> list[str]:
    """Return the libraries that a program does not find."""
    environ = {**os.environ, "LD_LIBRARY_PATH": program.libraries}
    asked = [find_command("ldd"), str(program.path)]
    wanted = subprocess.run(asked, env=environ, capture_output=True, text=True, check=False).stdout
    return [line.split()[0] for line in wanted.splitlines() if "not found" in line]


def unpack(packages: list[str], folder: Path) -> None:
    """Fetch packages with apt and unpack them, without installing them. Raises Unavailable."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = [find_command("apt-get"), "download", "--quiet", *packages]
    fetched = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.deb"))
    if not archives:
        raise Unavailable(f"{' '.join(packages)} could not be fetched: {fetched.stderr.strip()[-200:]}")
    for archive in archives:
        subprocess.run([find_command("dpkg"), "--extract", str(archive), str(folder)], check=True)
        archive.unlink()
