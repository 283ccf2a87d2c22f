# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move will take, held against what moves have taken."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.estimate import MB, Rates, estimate, rates_of
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.record import Told, record

GB = 1000 * MB


def source(size: int, seconds: float | None = None, wal: int = 0) -> dict[str, Any]:
    timing = {} if seconds is None else {"timing": {"began_at": 1790000000.5, "ended_at": 1790000000.5 + seconds}}
    return {"size_bytes": size, "wal_bytes": wal, "value_findings": [], **timing}


def move(size: int, load: float, downtime: float, own: float = 8.0, online: bool = True, **more: Any) -> dict[str, Any]:
    """The record of a host that was moved. Catching up took longer than the load itself."""
    phases = [("load ahead", load), ("load ahead", load * 2), ("load", 1.0)] if online else [("back up", 1.0), ("load", load)]
    timeline, at = [{"phase": "look", "from": 100.0, "to": 130.0, "down": False}], 200.0
    for phase, seconds in phases:
        whole = {"whole": True} if seconds == load else {}
        timeline.append({"phase": phase, "from": at, "to": at + seconds, "down": not online, **whole})
        at += seconds
    return {
        "state": "migrated",
        "source": {"size_bytes": size, "wal_bytes": 0},
        "downtime": {"seconds": downtime, "own_seconds": own},
        "timeline": timeline,
        **more,
    }


# Size, seconds of the examination, loaded ahead, downtime of a restart; and the downtime that was measured: benchmarks/README.md.
MEASURED = [
    (50 * MB, 0.5, True, 10.5, 16.3),
    (500 * MB, 4.0, True, 8.9, 14.0),
    (4 * GB, 32.0, True, 16.4, 26.7),
    (50 * MB, 0.5, False, 11.1, 17.9),
    (500 * MB, 4.0, False, 8.1, 23.5),
]


@pytest.mark.parametrize("is_looked_at", [True, False])
@pytest.mark.parametrize(("size", "look", "online", "own", "downtime"), MEASURED)
def test_the_moves_of_the_benchmark_are_told_within_a_fifth(size, look, online, own, downtime, is_looked_at):
    found = estimate(source(size, look if is_looked_at else None), Rates(own=own), online=online)
    assert found["downtime_seconds"] == pytest.approx(downtime, rel=0.2)


def test_the_load_and_the_database_of_the_benchmark_are_told():
    found = estimate(source(500 * MB, 4.0), Rates())
    # 2.6 s snapshot, 7.1 s load, and the way there; 317 MB with lz4, 360 MB without.
    assert (found["online_seconds"], found["disk_bytes"], found["server_bytes"]) == (14, GB, 360 * MB)


def test_how_fast_a_small_file_was_read_says_nothing():
    small, large = (source(size, 5.0) for size in (49 * MB, 50 * MB))
    assert estimate(small, Rates()) == estimate(source(49 * MB), Rates())
    assert estimate(large, Rates())["online_seconds"] > estimate(source(50 * MB), Rates())["online_seconds"]


def test_a_clock_that_was_set_back_meanwhile_tells_nothing():
    assert estimate(source(GB, -3600.0), Rates()) == estimate(source(GB, 0.0), Rates()) == estimate(source(GB), Rates())


def test_a_look_without_the_values_tells_nothing_of_how_long_they_take():
    looked = source(GB, 0.1)
    del looked["value_findings"]
    assert estimate(looked, Rates()) == estimate(source(GB), Rates())


def test_a_host_that_reads_slower_takes_longer_by_as_much():
    quick, slow = (estimate(source(GB, seconds), Rates()) for seconds in (2.0, 6.0))
    assert (quick["online_seconds"] - 4, slow["online_seconds"] - 4) == (5, 15)
    assert slow["downtime_seconds"] >= quick["downtime_seconds"]
    assert quick["from"] == (
        "how fast the audit has read the file, 500 MB/s; what does not grow with it: what benchmarks of this collection took"
    )


def test_where_the_load_takes_long_a_second_snapshot_lies_beside_the_first():
    short, long = (estimate(source(size), Rates()) for size in (GB - MB, 2 * GB))
    assert (short["disk_bytes"], long["disk_bytes"]) == (2 * GB, 6 * GB)
    assert long["online_seconds"] > 40 * 1.3


def test_with_never_everything_is_downtime_and_only_the_backup_needs_room():
    ahead, never = (estimate(source(2 * GB), Rates(), online=online) for online in (True, False))
    assert (never["disk_bytes"], never["server_bytes"]) == (2 * GB, ahead["server_bytes"])
    assert never["downtime_seconds"] == 55
    assert ahead["downtime_seconds"] == 18


def test_without_room_for_a_snapshot_it_is_as_with_never_and_that_is_said():
    asked = {"source": source(2 * GB, wal=100 * MB), "rates": Rates()}
    room, none, unknown = (estimate(**asked, free_bytes=free) for free in (2_100 * MB, 2_100 * MB - 1, None))
    never = estimate(**asked, online=False)
    assert room == unknown
    assert none == {**never, "from": f"{never['from']}; there is no room for a snapshot, so everything is loaded while Open WebUI is down"}
    assert estimate(**asked, online=False, free_bytes=0) == never


def test_the_log_counts_as_the_file_does():
    assert estimate(source(100 * MB, wal=300 * MB), Rates()) == estimate(source(400 * MB), Rates())


def test_of_a_file_that_nothing_is_known_of_nothing_is_told():
    assert estimate({}, Rates()) == estimate({"size_bytes": None, "wal_bytes": None}, Rates()) == {}


@pytest.mark.parametrize(
    ("size", "disk"), [(1, 2), (1234, 2500), (149 * MB, 300 * MB), (151 * MB, 310 * MB), (123_456_789, 250 * MB), (50 * MB, 100 * MB)]
)
def test_two_digits_are_told_and_never_less_than_it_takes(size, disk):
    assert estimate(source(size), Rates())["disk_bytes"] == disk


def test_without_a_move_the_rates_are_those_of_the_benchmark():
    assert rates_of([]) == Rates()
    assert estimate(source(MB), rates_of([]))["from"] == "what benchmarks of this collection took"


def test_earlier_moves_are_the_best_guide():
    """Each of 20 MB/s, with 5 s of own and 7 s beyond that do not grow."""
    moves = [move(size, size / (20 * MB), 12 + 0.09 * size / (20 * MB), own=5.0) for size in (MB, 200 * MB, GB)]
    rates = rates_of(moves)
    assert rates == Rates(3, pytest.approx(20 * MB), 5.0, pytest.approx(7.0))
    found = estimate(source(400 * MB, seconds=900.0), rates)
    assert (found["online_seconds"], found["downtime_seconds"]) == (32, 14)
    assert found["from"] == "the median of 3 earlier moves, which loaded 20 MB/s"


def test_one_move_that_took_long_for_a_reason_of_its_own_does_not_decide():
    moves = [move(GB, seconds, downtime) for seconds, downtime in ((24.0, 14.0), (24.0, 14.0), (400.0, 300.0))]
    assert estimate(source(GB), rates_of(moves))["downtime_seconds"] == 14


def test_a_move_that_was_loaded_while_down_tells_as_much():
    """50 s of load, 18.5 s of backup before it, 10 s of own: 6 s do not grow."""
    assert rates_of([move(GB, 50.0, 84.5, own=10.0, online=False)]) == Rates(1, 20 * MB, 10.0, pytest.approx(6.0))


def test_small_moves_say_nothing_of_how_time_grows():
    rates = rates_of([move(MB, 3.0, 12.0), move(2 * MB, 5.0, 12.0)])
    assert (rates.moves, rates.bytes_per_second) == (2, None)
    found = estimate(source(GB, 10.0), rates)
    assert found["online_seconds"] == pytest.approx(4 + 18 * 1.37, abs=1)
    assert found["from"] == "how fast the audit has read the file, 100 MB/s; what does not grow with it: the median of 2 earlier moves"


@pytest.mark.parametrize(
    "more",
    [
        *({"state": state} for state in ("restored", "refused", "kept", "rehearsed")),
        {"downtime": None},
        {"downtime": {"seconds": 3.0, "own_seconds": None}},
        {"source": None},
        {"source": {"size_bytes": None}},
        {"timeline": None},
        {"timeline": []},
        {"timeline": [{"phase": "look", "from": 1.0, "to": 9.0}]},
        # Loaded ahead by an earlier run, and only caught up with by this one.
        {"timeline": [{"phase": phase, "from": 1.0, "to": 1.2} for phase in ("load ahead", "load")]},
    ],
)
def test_what_was_no_move_from_end_to_end_is_left_out(more):
    none, whole = {**move(GB, 1.0, 1.0), **more}, move(GB, 24.0, 14.0)
    assert rates_of([none]) == Rates()
    assert rates_of([none, whole]) == rates_of([whole])


def test_a_downtime_that_seems_shorter_than_a_restart_is_not_held_against_the_next():
    assert rates_of([move(GB, 24.0, 5.0, own=9.0)]).way == 0.0


def facts(*loads: dict[str, Any], road: str = "differences") -> dict[str, Any]:
    """What the roles leave behind after a move of 1 GB with 12 s of downtime, 5 s of which were Open WebUI's own."""
    at_rest, served = {"stopped_at": 300.0, "at_rest_at": 302.0}, {"started_at": 309.0, "serving_at": 312.0}
    return {
        "webui_instance_info": {"instance": {"runtime": "command"}},
        "webui_migrate_source": {"size_bytes": GB, "wal_bytes": 0, "timing": timing(90.0, 1.0)},
        "webui_migrate_loads": list(loads),
        "webui_instance_at_rest": at_rest,
        "webui_migrate_result": {"rows": 9, "bytes": GB, "changed": True, "road": road, "timing": timing(302.0, 2.0)},
        "webui_cutover_result": served,
    }


def timing(began_at: float, seconds: float) -> dict[str, float]:
    return {"began_at": began_at, "ended_at": began_at + seconds}


def load(seconds: float, road: str = "full", changed: bool = True) -> dict[str, Any]:
    return {"timing": timing(200.0, seconds), "road": road, "changed": changed}


def test_the_record_of_a_move_is_what_the_next_estimate_is_made_of():
    moved = record(Told("chat", "migrate"), facts(load(20.0), load(30.0, road="differences")), Rates())
    assert rates_of([moved]) == Rates(1, 50 * MB, 5.0, pytest.approx(7.0 - 20 * 0.09))


def test_a_move_of_what_was_loaded_in_the_evening_tells_nothing_of_how_long_that_took():
    """At night it is there already, or only caught up with."""
    evenings = ([load(0.5, changed=False)], [load(3.0, road="differences")], [])
    assert [rates_of([record(Told("chat", "migrate"), facts(*loads), Rates())]) for loads in evenings] == [Rates()] * 3


def test_the_record_of_a_move_that_was_loaded_while_down_is_one_too():
    assert rates_of([record(Told("chat", "migrate"), facts(road="full"), Rates())]).bytes_per_second == 500 * MB
