# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move will take: room, the time beside working users, and the time they wait.

A move reads everything and loads it: that grows with the file, and all that grows is told from the speed of that load. What earlier moves
of the same report folder took is the best guide to it, how fast the audit itself has read the file the next best. What does not grow is
Open WebUI's own stop and start, and Ansible's way to the host.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Any, Iterable, Mapping, NamedTuple

MB = 1_000_000

# From benchmarks/README.md. 500 MB took 2.6 s to copy and verify as a snapshot and some 7 s to load and prove, where the examination of an
# audit took 4 s; 4 GB loaded ahead cost 5 s more of downtime than 50 MB.
BYTES_PER_SECOND = 70.0 * MB
LOADS_PER_LOOK = 1.8
COPIES_PER_LOAD = 0.37
DIFFERENCES_PER_LOAD = 0.09
# Of the same: 500 MB became a database of 317 MB with lz4, and of 360 MB without; an empty one with the schema has some MB.
DATABASE_SHARE = 0.7
EMPTY_DATABASE = 10 * MB
# Of the same: a restart, what a downtime was beyond it, and the way to the host and back for a snapshot and a load of a few MB.
OWN_SECONDS = 10.0
WAY_SECONDS = 5.0
BASE_SECONDS = 4.0

# Smaller files tell nothing of how time grows with the size.
LARGE = 50 * MB
# webui_migrate_catch_up: where the load took longer, what was written meanwhile is loaded from a second snapshot.
CATCH_UP_AFTER = 20.0


class Rates(NamedTuple):
    """How long things take.

    :ivar moves: how many moves were measured for it.
    :ivar bytes_per_second: to load and to prove; None where no move of a large file was measured.
    :ivar own: seconds of Open WebUI's own stop and start.
    :ivar way: seconds of downtime beyond those that do not grow with the size.
    """

    moves: int = 0
    bytes_per_second: float | None = None
    own: float = OWN_SECONDS
    way: float = WAY_SECONDS


class Move(NamedTuple):
    """A measured move: bytes of its source, seconds, and whether it was loaded while Open WebUI worked."""

    size: int
    load: float
    online: bool
    downtime: float
    own: float


def rates_of(records: Iterable[Mapping[str, Any]]) -> Rates:
    """The median of what the moves of earlier runs took; what none of them tells is as it was on the project's own machine."""
    moves = [move for move in map(_move, records) if move is not None]
    if not moves:
        return Rates()
    speeds = [move.size / move.load for move in moves if move.size >= LARGE]
    return Rates(
        len(moves),
        median(speeds) if speeds else None,
        median(move.own for move in moves),
        median(max(move.downtime - move.own - _grown(move.load, move.online), 0.0) for move in moves),
    )


def _grown(load: float, online: bool) -> float:
    """The seconds of a downtime that grow with the size."""
    return load * DIFFERENCES_PER_LOAD if online else load * (1 + COPIES_PER_LOAD)


def _move(record: Mapping[str, Any]) -> Move | None:
    """What a host record tells of a move; None where it tells of none that was measured from end to end."""
    downtime, source = record.get("downtime") or {}, record.get("source") or {}
    seconds, own, size = downtime.get("seconds"), downtime.get("own_seconds"), source.get("size_bytes")
    if record.get("state") != "migrated" or seconds is None or own is None or size is None:
        return None
    ahead = _whole_load(record, "load ahead")
    load = ahead or _whole_load(record, "load")
    return Move(size + (source.get("wal_bytes") or 0), load, ahead > 0, seconds, own) if load > 0 else None


def _whole_load(record: Mapping[str, Any], name: str) -> float:
    """The seconds of the phase in which everything was loaded; 0 without one. Catching up, or what an earlier run has left, takes less."""
    phases = [phase for phase in record.get("timeline") or [] if phase.get("phase") == name and phase.get("whole")]
    return max((float(phase["to"] - phase["from"]) for phase in phases), default=0.0)


def estimate(source: Mapping[str, Any], rates: Rates, online: bool = True, free_bytes: int | None = None) -> dict[str, Any]:
    """What the move of a file will take, as far as that can be said beforehand.

    :param source: what webui_sqlite_check returns: the size matters, and how long it took where it has looked at the values, too.
    :param online: whether everything is loaded while Open WebUI works: it runs, and C(webui_migrate_online) is not C(never).
    :param free_bytes: the room where snapshots and backups go, where that is known.
    :returns: ``disk_bytes`` on the host, for snapshots and the backup; ``server_bytes``, the new database with its indexes;
        ``online_seconds``, while Open WebUI works, for the load ahead, or for the rehearsal where there is none; ``downtime_seconds``;
        ``from``, in one line what they come from. Empty for a file of which nothing is known.
    """
    size = (source.get("size_bytes") or 0) + (source.get("wal_bytes") or 0)
    if not size:
        return {}
    # As the move itself does where a snapshot has no room.
    short = online and free_bytes is not None and free_bytes < size
    ahead = online and not short
    look = _look_seconds(source) if size >= LARGE else 0.0
    load = _load_seconds(size, look, rates)
    catches_up = ahead and load > CATCH_UP_AFTER
    snapshots = ahead + catches_up
    return {
        # The backup, and the snapshots that are kept beside it until users are back.
        "disk_bytes": _rounded(size * (1 + snapshots)),
        "server_bytes": _rounded(EMPTY_DATABASE + size * DATABASE_SHARE),
        "online_seconds": _rounded(BASE_SECONDS + load * (1 + snapshots * COPIES_PER_LOAD + catches_up * DIFFERENCES_PER_LOAD)),
        "downtime_seconds": _rounded(rates.own + rates.way + _grown(load, ahead)),
        "from": _words(size, look, rates) + (_NO_ROOM if short else ""),
    }


def _look_seconds(source: Mapping[str, Any]) -> float:
    """How long the whole examination took; 0 where that is not known, or the host's clock was set meanwhile."""
    timing = (source.get("timing") if "value_findings" in source else None) or {}
    return max(float((timing.get("ended_at") or 0) - (timing.get("began_at") or 0)), 0.0)


def _load_seconds(size: int, look: float, rates: Rates) -> float:
    if rates.bytes_per_second:
        return size / rates.bytes_per_second
    return look * LOADS_PER_LOOK if look else size / BYTES_PER_SECOND


def _words(size: int, look: float, rates: Rates) -> str:
    measured = f"the median of {rates.moves} earlier move{'s' if rates.moves > 1 else ''}" if rates.moves else _BENCHMARK
    if rates.bytes_per_second:
        return f"{measured}, which loaded {_speed(rates.bytes_per_second)}"
    load = f"how fast the audit has read the file, {_speed(size / look)}" if look else _BENCHMARK
    return load if load == measured else f"{load}; what does not grow with it: {measured}"


def _speed(bytes_per_second: float) -> str:
    return f"{_rounded(bytes_per_second / MB)} MB/s"


_BENCHMARK = "what benchmarks of this collection took"
_NO_ROOM = "; there is no room for a snapshot, so everything is loaded while Open WebUI is down"


def _rounded(value: float) -> int:
    """Up, to two digits: more would promise what nobody knows."""
    step: int = 10 ** max(math.floor(math.log10(value)) - 1, 0) if value > 1 else 1
    return max(math.ceil(round(value / step, 6)) * step, 1)
