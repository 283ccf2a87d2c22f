# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet's history as one HTML file: a line for each run that a report folder holds, and a drawing over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from . import amounts
from .html_page import fill, state_of
from .states import STATES

# So many of the last runs are drawn; the table has them all.
_DRAWN = 40
# What a host counts as in the drawing, from the ground up. Who is kept is where the playbook wanted it.
_BANDS = ("moved", "good", "pending", "warn", "bad")


class Part(NamedTuple):
    """A part of a run's bar: so many percent from the top."""

    band: str
    y: float
    height: float


class Bar(NamedTuple):
    """A run in the drawing."""

    x: float
    width: float
    words: str
    parts: list[Part]


class Entry(NamedTuple):
    """A run in the table."""

    run: dict[str, Any]
    link: str
    counts: dict[str, int]
    rows: Any
    took: Any
    end: str

    @property
    def hosts(self) -> int:
        return sum(self.counts.values())


def render(runs: list[dict[str, Any]]) -> str:
    """The page of all runs, from the "run" part of each report, its counts by state, and its rows."""
    ordered = sorted(runs, key=_started, reverse=True)
    entries = [_entry(found, newest=place == 0) for place, found in enumerate(ordered)]
    return fill("history.html.j2", entries=entries, bars=_bars(entries[:_DRAWN][::-1]), drawn=_DRAWN, bands=_BANDS)


def _started(entry: dict[str, Any]) -> float:
    started = entry["run"].get("started_at")
    return started if amounts.known(started) else 0.0


def _entry(found: dict[str, Any], newest: bool) -> Entry:
    run = found["run"]
    counts = {name: found["counts"][name] for name in [*STATES, *found["counts"]] if found.get("counts", {}).get(name)}
    started, ended = run.get("started_at"), run.get("ended_at")
    took = ended - started if amounts.known(started) and amounts.known(ended) else None
    end = "" if amounts.known(ended) else "under way, or killed" if newest else "killed: did not end"
    return Entry(run, f"runs/{quote(str(run.get('id', '')), safe='')}/report.html", counts, found.get("rows"), took, end)


def _bars(entries: Sequence[Entry]) -> list[Bar]:
    """The oldest at the left, each as high as all its hosts."""
    shown = [entry for entry in entries if entry.hosts]
    step = 100 / max(len(shown), 12)
    return [Bar(round(place * step, 2), round(step * 0.72, 2), _words(entry), _parts(entry)) for place, entry in enumerate(shown)]


def _words(entry: Entry) -> str:
    said = ", ".join(f"{number} {state_of(name).label}" for name, number in entry.counts.items())
    return f"{amounts.moment(entry.run.get('started_at'))}, {entry.run.get('playbook') or 'run'}: {said}"


def _parts(entry: Entry) -> list[Part]:
    numbers = dict.fromkeys(_BANDS, 0)
    for name, number in entry.counts.items():
        numbers[_band(entry.run, name)] += number
    parts, top = [], 100.0
    for band, number in numbers.items():
        height = 100 * number / entry.hosts
        top -= height
        if number:
            parts.append(Part(band, round(max(0.0, top), 2), round(height, 2)))
    return parts


def _band(run: dict[str, Any], name: str) -> str:
    """On PostgreSQL is who was moved, and who was there already; after a way back the latter is on SQLite."""
    kind = state_of(name).kind
    if name == "migrated" or (name == "kept" and run.get("playbook") != "rollback"):
        return "moved"
    return "good" if kind == "neutral" else kind
