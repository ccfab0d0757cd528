"""The number of an issue as options of the command line give it."""

import re

import click


def parse_issue_number(volume: int | None, text: str | None) -> tuple[int | None, int | None]:
    """Read what --volume and --number say together; None for what they leave open."""
    if text is None:
        return volume, None
    match = re.fullmatch(r"(?:([0-9]{1,6})\.)?([0-9]{1,6})", text)
    if not match or int(match[2]) == 0 or (match[1] and int(match[1]) == 0):
        raise click.BadParameter(
            f"{text!r} is no issue's number. Write 11, or 2.11 with its volume.", param_hint="'--number'"
        )
    if match[1] and volume is not None and volume != int(match[1]):
        raise click.UsageError(f"--number {text} names volume {int(match[1])}, and --volume names {volume}.")
    return int(match[1]) if match[1] else volume, int(match[2])
