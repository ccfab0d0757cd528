"""How much memory a process of the tests' own has had at most.

Not what getrusage says: on Linux that counts the process that it was forked from, which are the tests themselves.
"""

import re
from pathlib import Path


def peak() -> int:
    """In kB, of this very process."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


# For `python -c`, with the tests' folder and then the command's arguments: the command, and then its peak on stderr.
COMMAND = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from memory import peak
from newsletter.cli import cli
try:
    cli.main(sys.argv[1:])
finally:
    print(peak(), file=sys.stderr)
"""
