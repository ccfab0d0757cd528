"""Compiled templates: those that come with the program are kept on disk, and never run for another text."""

import marshal
import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from newsletter.editions.compiled_templates import CompiledTemplates


@pytest.fixture(autouse=True)
def _writes_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "a.j2").write_text("{{ 1 + n }}")
    return tmp_path / "shipped"


def _fill(shipped: Path, kept: Path | None, folder: Path | None = None) -> str:
    """Fill the template as a new process would."""
    compiled = CompiledTemplates(shipped, kept)
    environment = Environment(loader=FileSystemLoader(folder or shipped), bytecode_cache=compiled, autoescape=True)
    return environment.get_template("a.j2").render(n=1)


def _make_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def test_a_compiled_template_is_read_from_disk(shipped: Path, tmp_path: Path) -> None:
    kept = _make_folder(tmp_path)
    assert _fill(shipped, kept) == "2"
    (file,) = kept.iterdir()
    *telling, _code = marshal.loads(file.read_bytes())  # written by the line before
    other = Environment(autoescape=True).compile("read from disk", raw=False, filename=str(shipped / "a.j2"))
    file.write_bytes(marshal.dumps((*telling, other)))
    assert _fill(shipped, kept) == "read from disk"


def test_another_text_is_compiled_anew(shipped: Path, tmp_path: Path) -> None:
    kept = _make_folder(tmp_path)
    _fill(shipped, kept)
    (shipped / "a.j2").write_text("{{ 2 + n }}")
    assert _fill(shipped, kept) == "3"
    assert len(list(kept.iterdir())) == 1


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_a_damaged_file_is_made_again(shipped: Path, tmp_path: Path, length: int) -> None:
    kept = _make_folder(tmp_path)
    _fill(shipped, kept)
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:length])
    assert _fill(shipped, kept) == "2"
    assert marshal.loads(file.read_bytes()) == marshal.loads(whole)  # written by this test


def test_a_workspaces_template_is_kept_in_memory_alone(shipped: Path, tmp_path: Path) -> None:
    kept, own = _make_folder(tmp_path), tmp_path / "templates"
    own.mkdir()
    (own / "a.j2").write_text("own")
    assert _fill(shipped, kept, own) == "own"
    assert not list(kept.iterdir())


def test_nothing_is_written_where_python_writes_no_bytecode(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    kept = _make_folder(tmp_path)
    assert _fill(shipped, kept) == "2"
    assert not list(kept.iterdir())


def test_templates_are_filled_where_nothing_can_be_kept(shipped: Path, tmp_path: Path) -> None:
    assert _fill(shipped, None) == "2"
    assert _fill(shipped, tmp_path / "is not there") == "2"
