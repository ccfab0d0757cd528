"""The backend that runs a program for each message, such as `sendmail -i`, and reads its exit status (sysexits.h)."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from newsletter.backends import (
    Feed,
    Limits,
    SenderRefused,
    SessionLost,
    Unreachable,
    take_messages,
    wait_until_it_may_leave,
)
from newsletter.backends.command_arguments import EXAMPLE, PLACEHOLDER, check_command, split_command
from newsletter.backends.command_process import CommandProcess, block_ctrl_c
from newsletter.config import Config, Section
from newsletter.config.secrets import iterate_secrets
from newsletter.errors import DeliveryError
from newsletter.mail.message import Message, Outcome, Result
from newsletter.ownership import require_own
from newsletter.redaction import Redactor
from newsletter.text import escape_controls

# The environment variables that a program gets: who runs it, in which language, where its own settings are. No others,
# since the publication's passwords are in the environment, too.
_PASSED_ON = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|TZ|TMPDIR|LANG|LANGUAGE|LC_[A-Z]+|XDG_CONFIG_HOME|XDG_RUNTIME_DIR|"
    "DBUS_SESSION_BUS_ADDRESS|GNUPGHOME|SSL_CERT_FILE|SSL_CERT_DIR"
)
_REPLY_LENGTH = 300

_OUTCOMES = {
    os.EX_OK: Outcome.ACCEPTED,
    os.EX_DATAERR: Outcome.REFUSED,
    os.EX_NOUSER: Outcome.REFUSED,
    os.EX_NOHOST: Outcome.REFUSED,
    os.EX_UNAVAILABLE: Outcome.DEFERRED,
    os.EX_OSERR: Outcome.DEFERRED,
    os.EX_CANTCREAT: Outcome.DEFERRED,
    os.EX_TEMPFAIL: Outcome.DEFERRED,
}
# Faults of the command and its configuration, not of one message: the next one would end the same way.
_ABOUT_ALL = frozenset({os.EX_USAGE, os.EX_NOINPUT, os.EX_OSFILE, os.EX_NOPERM, os.EX_CONFIG})
_NAMES = {getattr(os, name): name for name in dir(os) if name.startswith("EX_")}


class CommandSettings(Section):
    """The table [command]. `timeout` is in seconds."""

    command: Annotated[tuple[str, ...], BeforeValidator(split_command), AfterValidator(check_command)]
    connections: Annotated[int, Field(ge=1, le=100)] = 1
    # As long as RFC 5321, section 4.5.3.2.6, gives a server: a program killed earlier may have sent it.
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0
    messages_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    messages_per_hour: Annotated[int, Field(ge=1)] | None = None

    _redactor: Redactor = PrivateAttr(default_factory=Redactor)

    def completed(self, config: Config) -> "CommandSettings":
        """Return these settings with the publication's secrets, so that none of them is shown in a result."""
        settings = self.model_copy()
        settings._redactor = Redactor(iterate_secrets(config))
        return settings

    @property
    def redactor(self) -> Redactor:
        """Return what takes the publication's secrets out of a program's words."""
        return self._redactor


class CommandBackend:
    """A program as the destination: it is run for each message, several at once when `connections` says so."""

    Settings = CommandSettings

    def __init__(self, settings: CommandSettings, root: Path) -> None:
        self._settings = settings
        self._root = root
        self.limits = Limits(
            connections=settings.connections,
            per_second=settings.messages_per_second,
            per_hour=settings.messages_per_hour,
        )

    @asynccontextmanager
    async def connect(self) -> "AsyncIterator[CommandSession]":
        """Find the program. Raises Unreachable when there is none, and ConfigError for one that somebody else owns."""
        named = [self._root / word for word in self._settings.command]
        require_own(self._root, (path for path in named if path.is_relative_to(self._root)), os.environ)
        name = self._settings.command[0]
        # With a folder in its name it is looked for from the publication's root, else among the installed programs.
        program = shutil.which(self._root / name if os.sep in name else name)
        if program is None:
            raise Unreachable(
                f"There is no program {name!r} that may be run.",
                next_step=f"Check [command] command in newsletter.toml; a whole path is surest: {EXAMPLE}",
            )
        yield CommandSession(Path(program).absolute(), self._settings, self._root)


class CommandSession:
    """One line of messages, each handed to a process of its own."""

    def __init__(self, program: Path, settings: CommandSettings, root: Path) -> None:
        self._program = program
        self._settings = settings
        self._root = root

    async def deliver(self, feed: Feed) -> None:
        """Run the program for one message after another.

        Raises SenderRefused and DeliveryError for what no other message would fare better with, and SessionLost after
        a result of unknown.
        """
        async for message in take_messages(feed):
            try:
                result = await self._carry(message, feed)
            except DeliveryError:
                feed.untouched(message)
                raise
            feed.answer(result)
            if result.outcome is Outcome.UNKNOWN:
                # A program that fails so each time would leave the whole list unknown; sending stops at lost sessions.
                raise SessionLost(result.reply)

    async def _carry(self, message: Message, feed: Feed) -> Result:
        arguments = self._fill_arguments(message)
        if arguments is None:
            return _make_result(
                message, Outcome.REFUSED, 'the address begins with "-": it needs a "--" before it in the command'
            )
        ending = await self._end(await self._start(arguments, message.data.replace(b"\r\n", b"\n"), feed))
        if ending.status in _ABOUT_ALL:
            raise SenderRefused(
                f"{self._program} takes no mail: {ending.words}",
                next_step="Check [command] command in newsletter.toml, and how that program is set up.",
            )
        outcome = Outcome.UNKNOWN if ending.status is None else _OUTCOMES.get(ending.status, Outcome.UNKNOWN)
        return _make_result(message, outcome, ending.words)

    def _fill_arguments(self, message: Message) -> list[str] | None:
        """Return the program's arguments for a message; None when the recipient's address would be taken for an option.

        Raises SenderRefused when the sender's would.
        """
        values = {"sender": message.sender, "recipient": message.recipient}
        arguments: list[str] = []
        for word in self._settings.command[1:]:
            # In one pass: braces may be in an address, too.
            filled = PLACEHOLDER.sub(lambda match: values[match[1]], word)
            if filled.startswith("-") and not word.startswith("-") and "--" not in arguments:
                if not word.startswith("{sender}"):
                    return None
                raise SenderRefused(
                    f'The sender {message.sender} begins with "-" and would be taken for an option.',
                    next_step='Choose another [sender] bounces; or write "-f{sender}" in one word, '
                    'or a "--" before it, if the program understands that.',
                )
            arguments.append(filled)
        return arguments

    async def _start(self, arguments: list[str], text: bytes, feed: Feed) -> CommandProcess:
        try:
            # From a file, not a pipe: were this process killed, a program could take half a message for a whole one.
            with TemporaryFile() as file:
                file.write(text)
                file.seek(0)
                await wait_until_it_may_leave(feed)
                with block_ctrl_c():
                    process = subprocess.Popen(  # noqa: S603  # what newsletter.toml names, and addresses as data
                        [self._program, *arguments],
                        stdin=file,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        cwd=self._root,
                        env={name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)},
                        start_new_session=True,
                    )
        except OSError as error:
            raise DeliveryError(
                f"{self._program} can't be run: {error.strerror}.",
                next_step="Check [command] command in newsletter.toml; of a script also the first line, "
                "which names what runs it.",
            ) from error
        return CommandProcess(process)

    async def _end(self, running: CommandProcess) -> "_Ending":
        """Wait for the program to end. It is killed when it takes too long, and when this is cancelled."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                await running.ended.wait()
        except TimeoutError:
            pass
        finally:
            in_time = running.ended.is_set()
            if not in_time:
                await running.kill()
            running.close()
        status = running.status if in_time else None
        if status is None:
            how = f"it had not ended after {self._settings.timeout:g} seconds"
        elif status < 0:
            how = f"ended by signal {-status} ({signal.strsignal(-status)})"
        else:
            how = f"status {status}" + (f" ({_NAMES[status]})" if status in _NAMES else "")
        output = self._settings.redactor(running.output.decode("utf-8", "backslashreplace"))
        reply = escape_controls(" ".join(output.split()))
        return _Ending(status=status, words=f"{how}: {reply}"[:_REPLY_LENGTH] if reply else how)


@dataclass(frozen=True, kw_only=True)
class _Ending:
    """A program's exit status, and that in words with its output. None: it did not end; less than 0: by a signal."""

    status: int | None
    words: str


def _make_result(message: Message, outcome: Outcome, reply: str) -> Result:
    return Result(key=message.key, outcome=outcome, stage="command", reply=reply)
