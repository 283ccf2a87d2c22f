# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host record as lines and small tables of a page. What is not known is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .amounts import count, duration, size

Record = dict[str, Any]


class Fact(NamedTuple):
    """A line of what is known. `code`: to be shown as it would be typed."""

    label: str
    text: str
    code: bool = False


class Counted(NamedTuple):
    """A line of a small table, and how many rows it is about."""

    cells: list[str]
    number: str


class Listing(NamedTuple):
    """A small table that counts rows."""

    title: str
    columns: list[str]
    rows: list[Counted]


def facts_of(record: Record) -> list[Fact]:
    """What runs on the host, from which file into which database, and what it takes."""
    return _known((*_instance(record), *_databases(record), *_figures(record)))


def kept_of(record: Record) -> list[Fact]:
    """The files that the run has left on the host."""
    backup, repairs = record.get("backup") or {}, record.get("repairs") or {}
    return _known(
        (
            Fact("Backup of the SQLite database", _text(backup.get("file")), True),
            Fact("SHA-256 of the backup", _text(backup.get("sha256")), True),
            Fact("Size of the backup", size(backup.get("bytes"))),
            *(Fact("Quarantine of orphaned rows", _text(file), True) for file in record.get("quarantine") or []),
            Fact("Originals of repaired values", _text(repairs.get("file")), True),
        )
    )


def listings_of(record: Record) -> list[Listing]:
    """Repairs, orphans and what was left out: counts, never contents."""
    repairs = (record.get("repairs") or {}).get("by_rule") or []
    found = (
        Listing("Repaired on the way", ["Table", "Column", "Rule"], _counted(repairs, "table", "column", "rule")),
        Listing(
            "Orphaned: the row they belong to is gone",
            ["Table", "Without its", "What became of them"],
            _counted(record.get("orphans"), "table", "parent", "fate"),
        ),
        Listing("Left out", ["Table", "Column", "Why"], _counted(record.get("left_out"), "table", "column", "why")),
        Listing(
            "Values that PostgreSQL does not take as they are",
            ["Table", "Column", "Rule", "What becomes of them"],
            _counted(map(_with_fate, record.get("values") or []), "table", "column", "rule", "fate"),
        ),
    )
    return [listing for listing in found if listing.rows]


def _with_fate(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "fate": "refused: put them right first" if value.get("refused") else "repaired on the way"}


def _counted(entries: Iterable[dict[str, Any]] | None, *keys: str) -> list[Counted]:
    return [Counted([_text(entry.get(key)) for key in keys], count(entry.get("rows"))) for entry in entries or []]


def _instance(record: Record) -> Iterator[Fact]:
    instance = record.get("instance") or {}
    running = instance.get("running")
    yield Fact("Open WebUI", _text(instance.get("version")))
    yield Fact("Runtime", _text(instance.get("runtime")))
    yield Fact("Running when looked at", "" if running is None else "yes" if running else "no")
    yield Fact("Image", _text(instance.get("image")), True)
    yield Fact("Data directory", _text(instance.get("data_dir")), True)


def _databases(record: Record) -> Iterator[Fact]:
    source, target = record.get("source") or {}, record.get("target") or {}
    log = size(source.get("wal_bytes")) if source.get("wal_bytes") else ""
    versions = _text(source.get("versions"))
    yield Fact("SQLite file", _text((record.get("instance") or {}).get("sqlite_path")), True)
    yield Fact("Size of the file", _joined(", ", size(source.get("size_bytes")), log and f"{log} of write-ahead log"))
    yield Fact("Rows in the file", count(source.get("rows")))
    yield Fact("Revision of the file", _joined(" ", _text(source.get("revision")), versions and f"({versions})"))
    yield Fact("PostgreSQL", _address(target), True)
    yield Fact("Revision of PostgreSQL", _text(target.get("revision")))


def _address(target: dict[str, Any]) -> str:
    place = _joined(":", _text(target.get("host")), _text(target.get("port")))
    return _joined(" at ", _text(target.get("name")), place)


def _figures(record: Record) -> Iterator[Fact]:
    downtime, estimate = record.get("downtime") or {}, record.get("estimate") or {}
    own = duration(downtime.get("own_seconds"))
    yield Fact("Downtime", _joined(", ", duration(downtime.get("seconds")), own and f"of which Open WebUI's own stop and start {own}"))
    yield Fact("Downtime to expect", duration(estimate.get("downtime_seconds")))
    yield Fact("Loading ahead, to expect", duration(estimate.get("online_seconds")))
    yield Fact("Disk needed for the move", size(estimate.get("disk_bytes")))
    yield Fact("Where these figures come from", _text(estimate.get("from")))


def _known(found: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in found if fact.text]


def _joined(between: str, *parts: str) -> str:
    return between.join(part for part in parts if part)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
