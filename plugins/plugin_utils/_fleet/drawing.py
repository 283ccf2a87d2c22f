# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in the drawings of a report: time to scale, as percent of the width.

Percent, and no coordinates of a picture that is stretched: so a drawing is as wide as the page, and its words stay as large as they are.
Nobody would see fourteen seconds of downtime in a night of waiting for a window. So time in which nothing happens is cut out where it
is long, and drawn as a gap that says how long it was. All that remains has one scale.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .amounts import clock, duration, known

# A pause longer than this part of all that happened is cut out, and then this wide.
_LONG_PAUSE = 0.5
_CUT_WIDTH = 7.0
# However many there are, they leave most of the picture to what happened.
_CUTS_WIDTH = 35.0
# Percent of the width that a letter of a label takes, on a wide page and on that of a telephone.
_LETTER_WIDE = 0.72
_LETTER_NARROW = 2.3
# What takes less of the picture than this is drawn a second time, enlarged.
_ENLARGE_BELOW = 45.0
# Nothing is drawn so thin that nobody sees it.
_THINNEST = 0.15

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
_TICKS = 7

# Phases in which the rows go over; the others are short looks and preparations.
_LOADS = ("load ahead", "catch up")


class Span(NamedTuple):
    """From a time to a time."""

    start: float
    end: float


class Cut(NamedTuple):
    """Time that is cut out."""

    x: float
    width: float
    words: str


class Tick(NamedTuple):
    """A mark on the axis. `fit`: whether there is room for its label on a narrow page too, or only on a wide one."""

    x: float
    label: str
    fit: str


class Bar(NamedTuple):
    """A phase. `look`: load, look or down. `fit`: where there is room for its label: narrow, wide or nowhere (the empty string)."""

    x: float
    width: float
    look: str
    label: str
    fit: str
    words: str


class Enlarged(NamedTuple):
    """The downtime once more, at a scale of its own; x and end are where it is in the picture above."""

    x: float
    end: float
    bars: list[Bar]
    ticks: list[Tick]


class HostDrawing(NamedTuple):
    """The timeline of one host."""

    bars: list[Bar]
    cuts: list[Cut]
    ticks: list[Tick]
    enlarged: Enlarged | None


class Row(NamedTuple):
    """One host in the timeline of the fleet: where its thick bars begin, and its thin ones."""

    y: float
    thin: float
    bars: list[Bar]


class FleetDrawing(NamedTuple):
    """The timeline of the fleet, without its rows."""

    cuts: list[Cut]
    ticks: list[Tick]


class Phase(NamedTuple):
    """A phase of a host, whole: what has no end yet ends with the last that is known."""

    name: str
    span: Span
    down: bool

    @property
    def seconds(self) -> float:
        return self.span.end - self.span.start


def phases(record: dict[str, Any]) -> list[Phase]:
    """The phases of a host in their order."""
    entries = [entry for entry in record.get("timeline") or [] if known(entry.get("from"))]
    times = [time for entry in entries for time in (entry["from"], entry.get("to")) if known(time)]
    last = max([*times, record["at"]] if known(record.get("at")) else times, default=0.0)
    found = [Phase(str(entry.get("phase") or ""), _span(entry, last), bool(entry.get("down"))) for entry in entries]
    return sorted(found, key=lambda phase: phase.span)


def _span(entry: dict[str, Any], last: float) -> Span:
    end = entry.get("to")
    return Span(float(entry["from"]), max(float(entry["from"]), float(end if known(end) else last)))


def happening(found: Iterable[Phase]) -> list[Span]:
    """The time in which something is done."""
    return [phase.span for phase in found if phase.name != "wait"]


class Axis:
    """Times as percent of the width, all of one scale, without long pauses."""

    def __init__(self, spans: Iterable[Span], may_cut: bool = True) -> None:
        busy = _merged(spans)
        done = sum(span.end - span.start for span in busy)
        pauses = [Span(one.end, other.start) for one, other in zip(busy, busy[1:], strict=False)]
        long = [pause for pause in pauses if may_cut and pause.end - pause.start > done * _LONG_PAUSE]
        drawn = (busy[-1].end - busy[0].start if busy else 0.0) - sum(pause.end - pause.start for pause in long)
        cut_width = min(_CUT_WIDTH, _CUTS_WIDTH / len(long)) if long else 0.0
        self.seconds = drawn
        self._per_second = (100 - cut_width * len(long)) / drawn if drawn > 0 else 0.0
        self._knots = [(busy[0].start, 0.0)] if busy else [(0.0, 0.0)]
        self.cuts: list[Cut] = []
        for pause in long:
            x = self.at(pause.start)
            self._knots += [(pause.start, x), (pause.end, x + cut_width)]
            self.cuts.append(Cut(_round(x), _round(cut_width), duration(pause.end - pause.start)))
        self.span = Span(busy[0].start, busy[-1].end) if busy else Span(0.0, 0.0)

    def at(self, time: float) -> float:
        """Where a time is; within a pause that is cut out, in its gap."""
        place = max(0, bisect_right(self._knots, (time, math.inf)) - 1)
        start, x = self._knots[place]
        on = max(0.0, x + (time - start) * self._per_second)
        if place + 1 < len(self._knots) and place % 2:
            return min(on, self._knots[place + 1][1])
        return min(on, 100.0)

    def draw(self, span: Span, look: str, label: str = "", words: str = "") -> Bar:
        x = self.at(span.start)
        width = max(_THINNEST, self.at(span.end) - x)
        return Bar(_round(min(x, 100 - width)), _round(width), look, label, _fit(label, width), words)

    def ticks(self, elapsed: bool = False) -> list[Tick]:
        """Marks at round times of the clock, or at so many seconds from the beginning."""
        step = next((step for step in _STEPS if self.seconds / step <= _TICKS), _STEPS[-1])
        found: list[Tick] = []
        wide = narrow = -math.inf
        for time in self._round_times(step, self.span.start if elapsed else 0.0):
            label = _elapsed(time - self.span.start, step) if elapsed else _clock(time, step)
            x, broad = self.at(time), len(label) + 2
            if x - wide < broad * _LETTER_WIDE or x > 100 - len(label) * _LETTER_WIDE:
                continue
            fits = x - narrow >= broad * _LETTER_NARROW and x <= 100 - len(label) * _LETTER_NARROW
            wide, narrow = x, x if fits else narrow
            found.append(Tick(_round(x), label, "narrow" if fits else "wide"))
        return found

    def _round_times(self, step: float, origin: float) -> Iterator[float]:
        """Round times that are drawn: a night that is cut out has thousands of them which are not."""
        edges = [self.span.start, *(time for time, _x in self._knots[1:]), self.span.end]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            first = math.ceil((start - origin) / step - 1e-9)
            for number in range(first, math.floor((end - origin) / step + 1e-9) + 1):
                yield origin + number * step


def host_drawing(found: Sequence[Phase]) -> HostDrawing | None:
    """The timeline of one host, or None where nothing was begun."""
    spans = happening(found)
    if not spans:
        return None
    axis = Axis(spans)
    drawn = [phase for phase in found if phase.name != "wait"]
    return HostDrawing(_bars(axis, drawn), axis.cuts, axis.ticks(), _enlarged(axis, [phase for phase in drawn if phase.down]))


def _bars(axis: Axis, found: Iterable[Phase]) -> list[Bar]:
    return [axis.draw(phase.span, _look(phase), phase.name, f"{phase.name}, {duration(phase.seconds)}") for phase in found]


def _look(phase: Phase) -> str:
    return "down" if phase.down else "load" if phase.name in _LOADS else "look"


def _enlarged(axis: Axis, down: list[Phase]) -> Enlarged | None:
    spans = [phase.span for phase in down]
    if not spans:
        return None
    own = Axis(spans, may_cut=False)
    x, end = axis.at(own.span.start), axis.at(own.span.end)
    if end - x >= _ENLARGE_BELOW:
        return None
    return Enlarged(_round(x), _round(end), _bars(own, down), own.ticks(elapsed=True))


def fleet_axis(hosts: Iterable[Sequence[Phase]]) -> Axis:
    """One axis for all hosts: a pause is one in which no host does anything."""
    return Axis([span for found in hosts for span in happening(found)])


def fleet_bars(axis: Axis, found: Sequence[Phase]) -> list[Bar]:
    """A host in the timeline of the fleet: what follows without a pause is one bar, for there may be hundreds of hosts."""
    working = _merged(phase.span for phase in found if phase.name != "wait" and not phase.down)
    down = _merged(phase.span for phase in found if phase.name != "wait" and phase.down)
    return [*(axis.draw(span, "load") for span in working), *(axis.draw(span, "down") for span in down)]


def _merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end + 1e-6:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def _fit(label: str, width: float) -> str:
    letters = len(label) + 1
    if not label or letters * _LETTER_WIDE > width:
        return ""
    return "narrow" if letters * _LETTER_NARROW <= width else "wide"


def _clock(time: float, step: float) -> str:
    if step < 1:
        return f"{clock(time)}.{int(time * 10) % 10}"
    return clock(time) if step < 60 else clock(time)[:5]


def _elapsed(seconds: float, step: float) -> str:
    if step < 60:
        return f"{seconds:.1f} s" if step < 1 else f"{seconds:.0f} s"
    return duration(seconds)


def _round(percent: float) -> float:
    return round(percent, 2)
