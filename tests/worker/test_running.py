"""A worker's process, beside what it sends."""

import asyncio
import logging

import pytest
from procrastinate.exceptions import ConnectorException

from newsletter.worker.running import report_lost_task


def test_a_queue_that_was_lost_is_told_in_a_line_and_other_faults_in_full(caplog: pytest.LogCaptureFixture) -> None:
    async def lose(error: Exception) -> None:
        asyncio.get_running_loop().set_exception_handler(report_lost_task)

        async def fail() -> None:
            raise error

        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        del task

    with caplog.at_level(logging.WARNING):
        asyncio.run(lose(ConnectorException()))
        assert [record.exc_info for record in caplog.records] == [None]
        assert "could not be noted in the queue" in caplog.text
        asyncio.run(lose(ZeroDivisionError("a fault")))
    assert "ZeroDivisionError: a fault" in caplog.text
