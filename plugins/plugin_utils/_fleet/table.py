# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over several hosts on a terminal, and as a table for other programs."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone
from typing import Any, Callable, Iterable, NamedTuple

from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import amounts, states, text

Record = dict[str, Any]

GAP = "  "
# A name of a host that is longer says no more than its beginning.
HOST_COLUMNS = 40
# A note that is shorter says nothing; columns of figures make room for it. All of them are in the report.
NOTE_COLUMNS = 20
# So many of the hosts that were not moved are named after a wave.
NAMED = 3
_RUNS_ON = {"migrated": "PostgreSQL", **dict.fromkeys(("restored", "waiting", "ready", "rehearsed"), "SQLite")}
_KINDS = ("good", "neutral", "pending", "warn", "bad")


# What is known of a host, as other programs want it: numbers stay numbers, and None is not known.


def _in(record: Record, *keys: str) -> Any:
    """What is at the end of this way into a record; None where the way ends before."""
    found: Any = record
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _rows(record: Record) -> int | None:
    moved: int | None = record.get("rows")
    found: int | None = _in(record, "source", "rows")
    return found if moved is None else moved


def _bytes(record: Record) -> int | None:
    moved = record.get("bytes")
    return moved if moved is not None else _source_bytes(record)


def _source_bytes(record: Record) -> int | None:
    found = [_in(record, "source", name) for name in ("size_bytes", "wal_bytes")]
    return None if found[0] is None else found[0] + (found[1] or 0)


def _orphans(record: Record) -> int | None:
    found = record.get("orphans")
    return None if found is None else sum(orphan.get("rows") or 0 for orphan in found)


def _database(record: Record) -> str | None:
    """What Open WebUI runs on after this run; None where the state does not say so."""
    if record["state"] == "kept":
        return "SQLite" if record.get("playbook") == "rollback" else "PostgreSQL"
    if record.get("playbook") == "rollback":
        return "SQLite" if record["state"] == "rolled_back" else None
    return _RUNS_ON.get(record["state"])


# The table on a terminal


class _Column(NamedTuple):
    title: str
    cell: Callable[[Record], str]
    figures: bool = True


def _or_empty(write: Callable[[Any], str], find: Callable[[Record], Any]) -> Callable[[Record], str]:
    def cell(record: Record) -> str:
        found = find(record)
        return "" if found is None else write(found)

    return cell


def _at(*keys: str) -> Callable[[Record], Any]:
    return lambda record: _in(record, *keys)


_HOST = _Column("host", lambda record: text.cut(text.one_line(record["host"]), HOST_COLUMNS), figures=False)
_STATE = _Column("state", lambda record: states.STATES[record["state"]].label, figures=False)
_ROWS = _Column("rows", _or_empty("{:,}".format, _rows))
_ORPHANS = _Column("orphans", _or_empty("{:,}".format, _orphans))
_MOVED = (
    _ROWS,
    _Column("size", _or_empty(amounts.size, _bytes)),
    _Column("downtime", _or_empty(text.seconds, _at("downtime", "seconds"))),
)
_AUDITED = (
    _Column("runtime", _or_empty(text.one_line, _at("instance", "runtime")), figures=False),
    _Column("version", _or_empty(text.one_line, _at("instance", "version")), figures=False),
    _Column("size", _or_empty(amounts.size, _source_bytes)),
    _ROWS,
    _ORPHANS,
    _Column("database", _or_empty(str, _database), figures=False),
    _Column("disk", _or_empty(amounts.size, _at("estimate", "disk_bytes"))),
    _Column("online", _or_empty(text.seconds, _at("estimate", "online_seconds"))),
    _Column("downtime", _or_empty(text.seconds, _at("estimate", "downtime_seconds"))),
)
# What makes room for the note on a narrow terminal, the first of these first.
_SPARED = ("database", "version", "online", "runtime", "disk", "orphans", "size", "rows", "downtime")


def table(report: dict[str, Any], width: int, where: str = "") -> list[str]:
    """One line for each host, the worst first, then the counts; `where` is where the report is. No host takes two lines."""
    records = states.worst_first(report["hosts"])
    wanted = _AUDITED if report["run"]["playbook"] == "audit" else _MOVED
    told = [column for column in wanted if any(map(column.cell, records))]
    rows = _cells([_HOST, _STATE, *told], records)
    spared = [name for name in _SPARED if name in rows[0]]
    has_notes = any(record.get("note") for record in records)
    room = NOTE_COLUMNS + len(GAP) if has_notes else 0
    while spared and _width(rows) > width - room:
        gone = spared.pop(0)
        rows = [{title: cell for title, cell in row.items() if title != gone} for row in rows]
    notes = ["note", *(text.one_line(record.get("note") or "") for record in records)] if has_notes else [""] * len(rows)
    figures = {column.title for column in told if column.figures}
    lines = [text.cut(line + GAP + note, width).rstrip() for line, note in zip(_aligned(rows, figures), notes)]
    return [*lines, "", _counted(records), *([f"Report: {where}"] if where else [])]


def _cells(columns: Iterable[_Column], records: Iterable[Record]) -> list[dict[str, str]]:
    """The head and the lines: what is in each column, by its title."""
    columns = list(columns)
    head = {column.title: column.title for column in columns}
    return [head, *({column.title: column.cell(record) for column in columns} for record in records)]


def _widths(rows: list[dict[str, str]]) -> dict[str, int]:
    return {title: max(text.width(row[title]) for row in rows) for title in rows[0]}


def _width(rows: list[dict[str, str]]) -> int:
    widths = _widths(rows)
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def _aligned(rows: list[dict[str, str]], figures: set[str]) -> list[str]:
    widths = _widths(rows)
    return [GAP.join((text.right if title in figures else text.left)(cell, widths[title]) for title, cell in row.items()) for row in rows]


def _counted(records: list[Record]) -> str:
    """How many hosts came to what, and what that took, as one line."""
    return "; ".join([_count(records), *_sums(records)])


def _count(records: list[Record], named: int = 0) -> str:
    """How many hosts came to what, the good first; some of those that did not do as they were asked to by name."""
    numbers = states.counts(records)
    order = sorted(numbers, key=lambda name: _KINDS.index(states.STATES[name].kind))
    parts = []
    for name in order:
        part = f"{numbers[name]:,} {states.STATES[name].label}"
        parts.append(f"{part} ({_names(records, name, named)})" if named and states.failed(name) else part)
    return ", ".join(parts) or "no hosts"


def _names(records: list[Record], state: str, most: int) -> str:
    names = [text.cut(text.one_line(record["host"]), HOST_COLUMNS) for record in records if record["state"] == state]
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _sums(records: list[Record]) -> list[str]:
    found = []
    rows = sum(filter(None, map(_rows, records)))
    if rows:
        found.append(text.rows(rows))
    downtimes = [seconds for record in records if (seconds := _in(record, "downtime", "seconds")) is not None]
    if downtimes:
        found.append(f"longest downtime {text.seconds(max(downtimes))}")
    return found


def wave_summary(report: dict[str, Any], wave_index: int) -> str:
    """What came of one wave, as one line; those of its hosts that went wrong by name."""
    run = report["run"]
    wave = run["waves"][wave_index]
    members = set(wave["hosts"])
    records = [record for record in report["hosts"] if record["host"] in members]
    parts = [_count(records, NAMED), *_sums(records)]
    begun = run["waves"][wave_index - 1]["closed_at"] if wave_index else run["started_at"]
    if begun is not None and wave["closed_at"] is not None:
        parts.append(f"took {text.seconds(wave['closed_at'] - begun)}")
    # How many waves there will be is known to nobody but Ansible.
    begun_so_far = sum(len(wave["hosts"]) for wave in run["waves"][: wave_index + 1])
    return f"Wave {wave_index + 1}, {begun_so_far:,} of {len(run['hosts']):,} hosts so far: {'; '.join(parts)}"


# For other programs


def _joined(values: Iterable[Any] | None) -> str:
    return " | ".join(text.one_line(value) for value in values or ())


def _time(value: float | None) -> str | None:
    return None if value is None else datetime.fromtimestamp(value, timezone.utc).isoformat(timespec="seconds")


_CSV: dict[str, Callable[[Record], Any]] = {
    "host": _at("host"),
    "state": _at("state"),
    "note": _at("note"),
    "at": lambda record: _time(record.get("at")),
    "runtime": _at("instance", "runtime"),
    "version": _at("instance", "version"),
    "database": _database,
    "sqlite_path": _at("instance", "sqlite_path"),
    "sqlite_bytes": _source_bytes,
    "sqlite_revision": _at("source", "revision"),
    "rows": _rows,
    "bytes": _bytes,
    "orphans": _orphans,
    "repairs": _at("repairs", "total"),
    "downtime_seconds": _at("downtime", "seconds"),
    "own_seconds": _at("downtime", "own_seconds"),
    "estimated_disk_bytes": _at("estimate", "disk_bytes"),
    "estimated_online_seconds": _at("estimate", "online_seconds"),
    "estimated_downtime_seconds": _at("estimate", "downtime_seconds"),
    "target_host": _at("target", "host"),
    "target_port": _at("target", "port"),
    "target_name": _at("target", "name"),
    "target_revision": _at("target", "revision"),
    "backup": _at("backup", "file"),
    "backup_sha256": _at("backup", "sha256"),
    "reasons": lambda record: _joined(record.get("reasons")),
    "todo": lambda record: _joined(record.get("todo")),
    "rollback": _at("rollback"),
}
# Spreadsheets calculate with what begins so.
_FORMULA = ("=", "+", "-", "@")


def csv_text(report: dict[str, Any]) -> str:
    """One line for each host, in the order of the run, for spreadsheets and other programs."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_CSV)
    writer.writerows([_safe(find(record)) for find in _CSV.values()] for record in report["hosts"])
    return written.getvalue()


def _safe(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula, and figures that are no more precise than they are true."""
    if isinstance(value, float):
        return round(value, 3)
    if not isinstance(value, str):
        return value
    line = text.one_line(value)
    return f"'{line}" if line.startswith(_FORMULA) else line
