"""The first login, which the others wait for: a wrong password is tried once, or the server locks the account."""

import asyncio
from collections.abc import Awaitable, Callable

from aiosmtplib import SMTPAuthenticationError


class FirstLogin:
    """Lets connections be opened together, and log in together once one login was accepted."""

    def __init__(self) -> None:
        self._is_accepted = False
        self._refusal: tuple[asyncio.AbstractEventLoop, SMTPAuthenticationError] | None = None  # for good
        self._trying: asyncio.Future[SMTPAuthenticationError | None] | None = None

    async def wait_and_log_in(self, log_in: Callable[[], Awaitable[None]]) -> None:
        """Log in, at once or after the first login. Raises what it raises, and the first one's refusal to all."""
        while not self._is_accepted:
            if self._refusal is not None and self._refusal[0] is asyncio.get_running_loop():  # another send tries anew
                raise SMTPAuthenticationError(self._refusal[1].code, self._refusal[1].message)
            if self._trying is None:
                await self._try_first(log_in)
                return
            refusal = await asyncio.shield(self._trying)
            if refusal is not None:
                raise SMTPAuthenticationError(refusal.code, refusal.message)
        await log_in()

    async def _try_first(self, log_in: Callable[[], Awaitable[None]]) -> None:
        trying = self._trying = asyncio.get_running_loop().create_future()
        refused: SMTPAuthenticationError | None = None
        try:
            await log_in()
            self._is_accepted = True
        except SMTPAuthenticationError as refusal:
            refused = refusal
            if refusal.code // 100 == 5:
                self._refusal = (asyncio.get_running_loop(), refusal)
            raise
        finally:
            self._trying = None
            trying.set_result(refused)
