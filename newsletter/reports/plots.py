"""Plots of the HTML report: where bars and columns begin and end, in units of their own.

The plots are few and plain, and are SVG beside the numbers, in the page's own colours by day and by night. A chart
library was tried: its labels shrink with the screen, it brings a script, and it has no words for those who can't see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from newsletter.ledger.states import ANSWERED, State
from newsletter.reports.answer_times import AnswerTimeRange, AnswerTimes
from newsletter.reports.worker_runs import Timeline

BAR = 1000  # how long a bar is at most
_VISIBLE = 5.0  # one reader of a million is seen as well
SPARSE = 12  # a plot has room for this many columns at least: a single one is no wall


@dataclass(frozen=True)
class Segment:
    """A part of a bar or column: where it begins, and how long it is. `state` is what it is drawn as."""

    state: str
    start: float
    length: float


def lay_out_bar(counts: Mapping[str, int], longest: int) -> list[Segment]:
    """Return a bar of the states in `counts`, one after another; one of `longest` recipients has the whole length."""
    segments = []
    start = 0.0
    for state, count in counts.items():
        if count:
            length = max(count * BAR / longest, _VISIBLE)
            segments.append(Segment(state, round(start, 1), round(length, 1)))
            start += length
    return segments


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One worker's answers as columns. Heights are numbers of answers, `top` is the scale's upper end."""

    stretch: Timeline
    highest: int
    top: int
    room: int  # for columns
    columns: Sequence[Sequence[Segment]]

    @property
    def begin(self) -> datetime:
        """The time at which the first column begins."""
        return self.stretch.columns[0].begin

    @property
    def end(self) -> datetime:
        """The time at the right end of the axis."""
        return self.begin + timedelta(seconds=self.stretch.seconds * self.room)

    @property
    def middle(self) -> datetime:
        """The time at the middle of the axis."""
        return self.begin + (self.end - self.begin) / 2

    @property
    def of_days(self) -> bool:
        """Whether it takes so long that the hour alone would be ambiguous."""
        return self.end - self.begin > timedelta(hours=12)

    def label(self, at: datetime, zone: tzinfo) -> str:
        """Return a time of the plot as its axis and its table show it, no two of them alike.

        So with tenths of a second where columns are that narrow, and with the zone's name where clocks are put
        back and an hour comes twice.
        """
        local = at.astimezone(zone)
        text = f"{local:%m-%d %H:%M}" if self.of_days else f"{local:%H:%M:%S}"
        if self.stretch.seconds < 1:
            text += f".{local.microsecond // 100_000}"
        is_changed = self.begin.astimezone(zone).utcoffset() != self.end.astimezone(zone).utcoffset()
        return f"{text} {local:%Z}" if is_changed else text

    @property
    def states(self) -> list[State]:
        """The states that occur."""
        return [state for state in ANSWERED if any(column.answers[state] for column in self.stretch.columns)]


def lay_out_plot(stretch: Timeline) -> Plot:
    """Return a worker's answers over time as columns."""
    sums = [column.answers.total for column in stretch.columns]
    room = max(len(sums), SPARSE)
    top = find_scale(max(sums))
    return Plot(
        stretch=stretch,
        highest=max(sums),
        top=top,
        room=room,
        columns=[
            lay_out_column({state: column.answers[state] for state in ANSWERED}, top) for column in stretch.columns
        ],
    )


def lay_out_column(counts: Mapping[str, int], top: int) -> list[Segment]:
    """Return a column's parts from the ground up, in the order of `counts`; SVG counts from the top down."""
    ground = top
    segments = []
    for name, count in counts.items():
        if count:
            ground -= count
            segments.append(Segment(name, ground, count))
    return segments


def find_scale(highest: int) -> int:
    """Return the next of 2, 4, 6, 10, 20, 40, ...: half of each is a whole number too."""
    power = 1
    while True:
        for step in (2, 4, 6, 10):
            if step * power >= highest:
                return step * power
        power *= 10


def list_quantiles(times: AnswerTimes, lapse: AnswerTimeRange) -> list[str]:
    """Return the shares of the answers that were complete within this range of times, and not before it."""
    quantiles = {"half": times.p50, "90%": times.p90, "99%": times.p99, "all": times.slowest}
    return [
        share
        for share, took in quantiles.items()
        if lapse.above < took and (lapse.up_to is None or took <= lapse.up_to)
    ]
