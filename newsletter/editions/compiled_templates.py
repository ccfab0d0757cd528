"""Templates as Jinja has compiled them, kept by their text in memory, and those that come with the program on disk.

Compiling the templates takes a fifth of a cold export, loading what was compiled a hundredth.
"""

import marshal
import os
import sys
from contextlib import suppress
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType

import jinja2
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from newsletter.workspace import TEMPLATES, find_shipped


class CompiledTemplates(BytecodeCache):
    """A cache of compiled templates, by their paths.

    Those that come with the program are kept in a file beside Python's own bytecode of this package, under the same
    conditions: where the folder can be written, and PYTHONDONTWRITEBYTECODE is not set. Templates of a workspace are
    kept in memory alone, so that nothing that comes with one is run as code.
    """

    def __init__(self, shipped: Path, folder: Path | None) -> None:
        self._shipped = shipped
        self._folder = folder
        self._code: dict[str, tuple[str, CodeType]] = {}

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the template's path."""
        return filename or name

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the bucket the code that was compiled of the same text, if it is known."""
        if bucket.key not in self._code and (file := self._find_file(bucket.key)):
            with suppress(OSError, EOFError, ValueError, TypeError):  # there is none, or it is damaged
                made_by, key, checksum, code = marshal.loads(file.read_bytes())  # noqa: S302  # as Python its .pyc
                if (made_by, key) == (_MADE_BY, bucket.key) and isinstance(code, CodeType):
                    self._code[key] = checksum, code
        checksum, code = self._code.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        if bucket.code is None:
            return
        self._code[bucket.key] = bucket.checksum, bucket.code
        if sys.dont_write_bytecode or not (file := self._find_file(bucket.key)):
            return
        part = file.with_name(f"{file.name}.{os.getpid()}")
        with suppress(OSError):  # it is the program's folder, which may be an administrator's
            part.write_bytes(marshal.dumps((_MADE_BY, bucket.key, bucket.checksum, bucket.code)))
            part.replace(file)

    def _find_file(self, key: str) -> Path | None:
        path = Path(key)
        if self._folder is None or path.parent != self._shipped:
            return None
        return self._folder / f"{path.name}.{sys.implementation.cache_tag}.jinja"


_MADE_BY = f"jinja {jinja2.__version__} {MAGIC_NUMBER.hex()}"
_BYTECODE = __spec__.cached  # None where Python keeps none, as in an archive
COMPILED_TEMPLATES = CompiledTemplates(find_shipped(TEMPLATES), Path(_BYTECODE).parent if _BYTECODE else None)
