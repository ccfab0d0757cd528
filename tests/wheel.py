"""The wheel, built once, and installed into fresh environments."""

import atexit
import shutil
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from conftest import ROOT


@cache
def build_wheel() -> Path:
    """Build the wheel and return its path."""
    folder = Path(mkdtemp(prefix="newsletter-wheel-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("newsletter_press-*.whl")
    return path


def install_wheel(environment: Path) -> Path:
    """Install the wheel into a new environment, and return its Python.

    The packages it depends on are the test environment's; its own files are the wheel's alone.
    """
    venv.create(environment, with_pip=False)
    target = next((environment / "lib").iterdir()) / "site-packages"
    python = environment / "bin/python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", build_wheel()], check=True)
    outer = next(path for path in sys.path if path.endswith("site-packages"))
    (target / "outer.pth").write_text(f"import sys; sys.path.append({outer!r})\n")
    return python
