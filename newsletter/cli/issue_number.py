"""The number and the date of an issue as options of the command line give them."""

import datetime
import re

import click


class DateOption(click.ParamType[datetime.date]):
    """A day in ISO 8601's form."""

    name = "YYYY-MM-DD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime.date:
        """Return the day. Fails with what is wrong with it: its form, or that there is no such day."""
        if isinstance(value, datetime.date):
            return value
        text = str(value)
        match = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
        if match is None:
            self.fail(f"{text!r} is no date. Write it as year, month and day: 2023-05-31", param, ctx)
        try:
            return datetime.date(*map(int, match.groups()))
        except ValueError:
            self.fail(f"There is no day {text}.", param, ctx)


DATE = DateOption()


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
