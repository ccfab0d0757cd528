"""aiosmtplib, as its manual shows it, ten times side by side: an EmailMessage made for each reader."""

import asyncio
import json
import sys
from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib


async def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    waiting = iter(task["readers"])
    await asyncio.gather(*(work(task, waiting) for _ in range(task["connections"])))


async def work(task: dict[str, Any], waiting: Iterator[dict[str, str]]) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=task["port"], start_tls=False) as client:
        for reader in waiting:
            await client.send_message(message(task, reader), sender=task["envelope"], recipients=[reader["address"]])


def message(task: dict[str, Any], reader: dict[str, str]) -> EmailMessage:
    made = EmailMessage()
    made["From"] = task["sender"]
    made["To"] = Address(reader["name"], addr_spec=reader["address"])
    made["Subject"] = task["subject"].replace(task["mark"], reader["name"])
    for name, value in task["headers"].items():
        made[name] = value
    made.set_content(task["text"].replace(task["mark"], reader["name"]))
    made.add_alternative(task["html"].replace(task["mark"], reader["name"]), subtype="html")
    return made


asyncio.run(main())
