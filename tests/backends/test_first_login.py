"""Of connections that are opened together, one logs in first."""

import asyncio

from aiosmtplib import SMTPAuthenticationError, SMTPServerDisconnected

from newsletter.backends.smtp.first_login import FirstLogin


class Server:
    """Answers logins one after another, as it was told; counts them."""

    def __init__(self, *answers: Exception | None) -> None:
        self.tried = 0
        self.most_at_once = 0
        self._at_once = 0
        self._answers = list(answers)

    async def log_in(self) -> None:
        self.tried += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer


async def _log_in_together(server: Server, count: int) -> list[type | None]:
    first = FirstLogin()
    outcomes = await asyncio.gather(
        *(first.wait_and_log_in(server.log_in) for _ in range(count)), return_exceptions=True
    )
    return [None if outcome is None else type(outcome) for outcome in outcomes]


def test_a_wrong_password_is_tried_once_by_connections_that_wait_together() -> None:
    server = Server(SMTPAuthenticationError(535, "5.7.8 no"))
    assert asyncio.run(_log_in_together(server, 5)) == [SMTPAuthenticationError] * 5
    assert server.tried == 1


def test_after_the_first_login_the_others_log_in_together() -> None:
    server = Server()
    assert asyncio.run(_log_in_together(server, 5)) == [None] * 5
    assert (server.tried, server.most_at_once) == (5, 4)


def test_a_connection_that_breaks_at_the_login_leaves_the_first_try_to_another() -> None:
    server = Server(SMTPServerDisconnected("gone"))
    assert asyncio.run(_log_in_together(server, 3)) == [SMTPServerDisconnected, None, None]
    assert server.tried == 3
