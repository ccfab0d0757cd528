"""Plot of a run's course: columns of what was accepted, refused and put off, and a line of what was allowed.

Columns are as wide as their time, and heights are messages a second, so that the line and the columns have one scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.reports.plots import find_scale
from newsletter.reports.send_course import SendCourse

_STATES = {"accepted": "accepted", "refused": "refused", "put_off": "deferred"}  # by the colours of the page
WIDTH, HEIGHT = 1000.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseBar:
    """A rectangle of the plot, drawn in the colour of a state."""

    state: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePlot:
    """A course laid out; `top` is the scale's upper end in messages a second, `line` the points of what was allowed."""

    course: SendCourse
    begin: datetime
    end: datetime
    top: int
    highest: float
    bars: Sequence[CourseBar]
    lines: Sequence[str]


def lay_out_course(course: SendCourse) -> CoursePlot:
    """Return a run's course as columns and lines."""
    columns = course.columns
    begin, last = columns[0].begin, columns[-1]
    end = last.begin + timedelta(seconds=last.seconds)
    span = max((end - begin).total_seconds(), 0.001)
    speeds = [(one.accepted + one.refused + one.put_off) / max(one.seconds, 0.001) for one in columns]
    # A limit far above what was sent would leave nothing to see of the columns.
    highest = max(speeds)
    top = find_scale(max(1, round(max(highest, *(min(one.rate or 0.0, 1.5 * highest) for one in columns)) + 0.5)))
    bars: list[CourseBar] = []
    lines: list[list[str]] = [[]]
    for one in columns:
        x = (one.begin - begin).total_seconds() / span * WIDTH
        width = one.seconds / span * WIDTH
        ground = HEIGHT
        for name, state in _STATES.items():
            if count := getattr(one, name):
                height = count / max(one.seconds, 0.001) / top * HEIGHT
                ground -= height
                bars.append(
                    CourseBar(
                        state=state,
                        x=round(x + 0.04 * width, 1),
                        y=round(ground, 1),
                        width=round(0.92 * width, 1),
                        height=round(height, 1),
                    )
                )
        if one.rate is None or one.rate > top:
            lines.append([])  # the line breaks off where there was no limit, or none within the plot
        else:
            y = round(HEIGHT - one.rate / top * HEIGHT, 1)
            lines[-1] += [f"{x:.1f},{y}", f"{x + width:.1f},{y}"]
    return CoursePlot(
        course=course,
        begin=begin,
        end=end,
        top=top,
        highest=highest,
        bars=bars,
        lines=[" ".join(points) for points in lines if points],
    )
