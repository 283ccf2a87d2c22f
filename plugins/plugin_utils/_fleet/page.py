# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run as one HTML file: what became of the fleet, and of each host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

from . import amounts
from .drawing import FleetDrawing, HostDrawing, Phase, Row, fleet_axis, fleet_bars, host_drawing, phases
from .facts import Fact, Listing, facts_of, kept_of, listings_of
from .html_page import fill
from .states import STATES, State, counts, failed, worst_first
from .verdict import headline, remarks

Record = dict[str, Any]

# So many hosts are read from end to end; of more, only those are open that failed, and of those so many.
_FEW = 3
_FAILED_OPEN = 10
# In the strip, and in the timeline of the fleet, so many hosts have room for their names.
_NAMED = 12
# The timeline of the fleet: how high all of it may be, and a single host.
_FLEET_HEIGHT = 900.0
_ROW_HEIGHTS = (2.0, 12.0)
_NAME_HEIGHT = 18.0
_WAVE_HEIGHT = 24.0
_MARGIN = 6.0


class Host(NamedTuple):
    """A host as the page shows it."""

    id: str
    name: str
    record: Record
    state: State
    wave: int | None
    open: bool
    phases: list[Phase]
    drawing: HostDrawing | None
    facts: list[Fact]
    kept: list[Fact]
    listings: list[Listing]
    tables: list[dict[str, Any]]

    @property
    def downtime(self) -> Any:
        """Seconds for which nobody could work, where there were any."""
        return (self.record.get("downtime") or {}).get("seconds")

    @property
    def expected(self) -> Any:
        """Seconds of downtime that a move would take, where there was none yet."""
        return None if amounts.known(self.downtime) else (self.record.get("estimate") or {}).get("downtime_seconds")

    @property
    def rows(self) -> Any:
        """Rows that were moved, or that are there to be moved."""
        return self.record.get("rows") if amounts.known(self.record.get("rows")) else (self.record.get("source") or {}).get("rows")

    @property
    def bytes(self) -> Any:
        """Bytes that were moved, or that there are."""
        moved = self.record.get("bytes")
        return moved if amounts.known(moved) else (self.record.get("source") or {}).get("size_bytes")

    @property
    def rows_of_tables(self) -> int:
        """Rows of all tables together."""
        return sum(table["rows"] for table in self.tables if amounts.known(table.get("rows")))

    @property
    def has_section(self) -> bool:
        """Of a host that was not begun there is nothing to say but its name, except somebody says why."""
        return self.state.kind != "pending" or any(self.record.get(key) for key in ("reasons", "todo", "timeline"))


class Wave(NamedTuple):
    """Hosts that went together; number 0 where there are no waves."""

    number: int
    hosts: list[Host]
    closed_at: Any


class RowHeights(NamedTuple):
    """How high the rows in the timeline of the fleet are: a bar, one while users work, the name above it, and from row to row."""

    thick: float
    thin: float
    name: float
    step: float

    @classmethod
    def of(cls, number: int) -> RowHeights:
        """The more hosts, the thinner."""
        low, high = _ROW_HEIGHTS
        thick = round(max(low, min(high, _FLEET_HEIGHT / number)), 2)
        name = _NAME_HEIGHT if number <= _NAMED else 0.0
        return cls(thick, round(thick * 0.45, 2), name, thick + (name or min(1.0, thick / 4)))


class FleetWave(NamedTuple):
    """A wave in the timeline of the fleet."""

    y: float
    height: float
    wave: Wave
    rows: list[Row]
    span: str


class Fleet(NamedTuple):
    """The timeline of the fleet."""

    drawing: FleetDrawing
    waves: list[FleetWave]
    height: float
    row: float
    thin: float
    named: bool


def render(report: dict[str, Any]) -> str:
    """The page of a run, from the content of its report.json."""
    run = report.get("run") or {}
    records = _records(run, report.get("hosts") or [])
    hosts = _hosts(run, records)
    ordered = {host.name: host for host in hosts}
    waves = _waves(run, ordered)
    return fill(
        "page.html.j2",
        run=run,
        headline=headline(run, records),
        remarks=remarks(run, records),
        worst=worst_first(records)[0]["state"] if records else "pending",
        counts=counts(records),
        facts=_fleet_facts(hosts),
        hosts=hosts,
        waves=waves,
        fleet=_fleet(waves),
        took=_took(run),
        known_at=max((record["at"] for record in records if amounts.known(record.get("at"))), default=run.get("started_at")),
        named=len(hosts) <= _NAMED,
    )


def _records(run: dict[str, Any], found: Iterable[Record]) -> list[Record]:
    """One record for each host, in the order of the run. Who has none yet was not begun."""
    known = {str(record.get("host")): {**record, "state": record.get("state") or "pending"} for record in found}
    names = dict.fromkeys([*map(str, run.get("hosts") or []), *known])
    return [known.get(name) or {"host": name, "state": "pending"} for name in names]


def _hosts(run: dict[str, Any], records: list[Record]) -> list[Host]:
    """The worst first. Identifiers go by the order of the run, so that a link leads to the same host also after the next wave."""
    waves = {str(name): number for number, wave in enumerate(run.get("waves") or [], 1) for name in wave.get("hosts") or []}
    ids = {record["host"]: f"host-{number}" for number, record in enumerate(records, 1)}
    return [
        _host(record, ids[record["host"]], waves.get(record["host"]), _is_open(place, record, len(records)))
        for place, record in enumerate(worst_first(records))
    ]


def _is_open(place: int, record: Record, number: int) -> bool:
    return number <= _FEW or (place < _FAILED_OPEN and failed(record["state"]))


def _host(record: Record, identifier: str, wave: int | None, opened: bool) -> Host:
    found = phases(record)
    return Host(
        id=identifier,
        name=record["host"],
        record=record,
        state=STATES[record["state"]],
        wave=wave,
        open=opened,
        phases=found,
        drawing=host_drawing(found),
        facts=facts_of(record),
        kept=kept_of(record),
        listings=listings_of(record),
        tables=sorted(record.get("tables") or [], key=lambda table: (-(table.get("bytes") or 0), -(table.get("rows") or 0))),
    )


def _waves(run: dict[str, Any], hosts: dict[str, Host]) -> list[Wave]:
    """The waves with their hosts, and last whoever belongs to none yet."""
    left = dict(hosts)
    found = []
    for number, wave in enumerate(run.get("waves") or [], 1):
        members = [left.pop(str(name)) for name in wave.get("hosts") or [] if str(name) in left]
        if members:
            found.append(Wave(number, members, wave.get("closed_at")))
    rest = sorted(left.values(), key=lambda host: int(host.id.rpartition("-")[2]))
    return [*found, Wave(0, rest, None)] if rest else found


def _took(run: dict[str, Any]) -> float | None:
    started, ended = run.get("started_at"), run.get("ended_at")
    return ended - started if amounts.known(started) and amounts.known(ended) else None


def _fleet_facts(hosts: Sequence[Host]) -> list[Fact]:
    migrated = [host for host in hosts if host.record["state"] == "migrated"]
    counted = [host for host in migrated or hosts if amounts.known(host.rows)]
    moved = " moved" if migrated else ""
    times = [host.downtime for host in hosts if amounts.known(host.downtime)]
    expected = [host.expected for host in hosts if amounts.known(host.expected)]
    disk = [(host.record.get("estimate") or {}).get("disk_bytes") for host in hosts]
    longest = " (longest)" if len(hosts) > 1 else ""
    facts = [
        Fact(f"Rows{moved}", amounts.count(sum(host.rows for host in counted)) if counted else ""),
        Fact(f"Data{moved}", amounts.size(sum(host.bytes for host in counted if amounts.known(host.bytes))) if counted else ""),
        Fact(f"Downtime{longest}", amounts.duration(max(times, default=None))),
        Fact("Downtime (median)", amounts.duration(median(times)) if len(times) > 2 else ""),
        Fact(f"Downtime to expect{longest}", amounts.duration(max(expected, default=None))),
        Fact("Disk needed for moving", amounts.size(sum(filter(amounts.known, disk))) if any(disk) else ""),
    ]
    return [fact for fact in facts if fact.text]


def _fleet(waves: Sequence[Wave]) -> Fleet | None:
    """The timeline of the fleet, or None where there is nothing to compare."""
    axis = fleet_axis(host.phases for wave in waves for host in wave.hosts)
    number = sum(len(wave.hosts) for wave in waves)
    if number < 2 or not axis.seconds:
        return None
    rows = RowHeights.of(number)
    found: list[FleetWave] = []
    y = 0.0
    for wave in waves:
        top = y + (_WAVE_HEIGHT if wave.number or len(waves) > 1 else _MARGIN)
        places = [top + place * rows.step + rows.name for place in range(len(wave.hosts))]
        begun = any(host.phases for host in wave.hosts)
        drawn = [
            Row(round(place, 2), round(place + (rows.thick - rows.thin) / 2, 2), fleet_bars(axis, host.phases))
            for place, host in zip(places, wave.hosts, strict=True)
            if begun
        ]
        end = top + len(drawn) * rows.step + _MARGIN
        found.append(FleetWave(round(y, 2), round(end - y, 2), wave, drawn, _wave_span(wave)))
        y = end
    return Fleet(FleetDrawing(axis.cuts, axis.ticks()), found, round(y, 2), rows.thick, rows.thin, bool(rows.name))


def _wave_span(wave: Wave) -> str:
    spans = [phase.span for host in wave.hosts for phase in host.phases]
    if not spans:
        return "not begun"
    return f"{amounts.clock(min(span.start for span in spans))} to {amounts.clock(max(span.end for span in spans))}"
