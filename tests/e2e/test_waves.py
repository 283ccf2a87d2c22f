# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts in waves, in turns and in hours. What is looked at is the run: a small program stands in for each Open WebUI, on real data."""

from __future__ import annotations

import contextlib
import itertools
import math
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lab import webui_play
from lab.webui_play import Run

from .conftest import Site, SiteMaker, play_until

ONE_AFTER_THE_OTHER = ("-e", "webui_cutover_at_once=1")
UNWELL = "STAND_IN_UNWELL_ON=postgresql\n"
# Waits until this moment, in seconds since 1970, before it stops what it is to stop.
STOP_LATE = 'sleep $(({until} - $(date +%s))); exec "$0"'


@dataclass
class Fleet:
    """Hosts by their names, in the order of the inventory."""

    places: dict[str, Site]

    def __getitem__(self, name: str) -> Site:
        return self.places[name]

    def inventory(self) -> Path:
        first = next(iter(self.places.values()))
        hosts = {name: place.variables for name, place in self.places.items()}
        return webui_play.write_inventory(first.service.folder / "fleet.json", hosts)

    def play(self, playbook: str, *arguments: str) -> Run:
        return webui_play.play(playbook, self.inventory(), *arguments)

    def records(self) -> dict[str, dict[str, Any]]:
        return webui_play.records(self.inventory())

    def states(self) -> dict[str, str]:
        return states_of(self.records())

    def on_postgresql(self) -> list[str]:
        """Whoever runs on PostgreSQL now, with all users there that the old file has."""
        return [name for name, place in self.places.items() if place.database_url() and place.users_on_postgresql() == _users(place)]

    def pids(self) -> dict[str, int | None]:
        return {name: place.service.pid for name, place in self.places.items()}


def states_of(records: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: record["state"] for name, record in records.items()}


def _users(place: Site) -> int:
    with contextlib.closing(sqlite3.connect(f"{place.service.database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM user").fetchone()[0]


@pytest.fixture
def fleet(site: SiteMaker, stand_in: Path) -> Callable[..., Fleet]:
    def make(*names: str, **variables: Any) -> Fleet:
        made = Fleet({name: site(name, stand_in, **variables) for name in names})
        for place in made.places.values():
            place.start()
        return made

    return make


def unwell(place: Site) -> None:
    """It will not become healthy on PostgreSQL."""
    with place.service.env_file.open("a", encoding="utf-8") as file:
        file.write(UNWELL)
    place.variables["webui_health_timeout"] = 10


def cure(place: Site) -> None:
    place.service.env_file.write_text(place.service.env_file.read_text(encoding="utf-8").replace(UNWELL, ""), encoding="utf-8")


def enlarge(place: Site, kilobytes: int) -> None:
    """So many more are in the file, and its write-ahead log is empty."""
    with contextlib.closing(sqlite3.connect(place.service.database, isolation_level=None)) as connection:
        text = "x" * 1024 * kilobytes
        # Free pages would take it.
        connection.execute("VACUUM")
        connection.execute("INSERT INTO tag (id, name, user_id) SELECT 'large', ?, id FROM user ORDER BY id LIMIT 1", (text,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def most_at_once(spans: Iterable[dict[str, float]]) -> int:
    """How many of these were going on at the same time, at most."""
    edges = sorted(edge for span in spans for edge in ((span["from"], 1), (span["to"], -1)))
    return max(itertools.accumulate(change for _at, change in edges))


def phases(records: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [phase for record in records for phase in record["timeline"] if phase["phase"] == name]


def downtime(record: dict[str, Any]) -> dict[str, float]:
    """From the first task with users waiting to the end of the last, also where an earlier run has stopped it."""
    spans = [phase for phase in record["timeline"] if phase["down"]]
    return {"from": min(span["from"] for span in spans), "to": max(span["to"] for span in spans)}


def test_a_failed_canary_stops_the_next_wave_and_the_run_is_repeated_as_it_is(fleet: Callable[..., Fleet]) -> None:
    hosts = fleet("second", "late", "canary")
    unwell(hosts["canary"])
    before = hosts.pids()

    run = hosts.play(webui_play.MIGRATE, "-e", "webui_canary=canary").failed_saying("fatal: [canary]")

    assert "fatal: [second]" not in run.output, run.end
    assert {name: pid for name, pid in hosts.pids().items() if name != "canary"} == {name: before[name] for name in ("second", "late")}
    assert hosts["canary"].service.is_running()
    assert not any(place.database_url() for place in hosts.places.values())
    assert hosts.states() == {"canary": "restored", "second": "pending", "late": "pending"}
    assert hosts.records()["canary"]["reasons"]

    # Put right, and repeated. One host of the wave fails, and the other completes: a failure is told when nobody is at work any more.
    cure(hosts["canary"])
    unwell(hosts["late"])
    run = hosts.play(webui_play.MIGRATE, "-e", "webui_canary=canary", "-e", '{"webui_serial": [1, 2]}').failed_saying("fatal: [late]")
    assert hosts.states() == {"canary": "migrated", "second": "migrated", "late": "restored"}
    assert hosts.on_postgresql() == ["second", "canary"]
    assert hosts["late"].service.is_running()


def test_the_smallest_goes_first_and_so_many_at_once_as_was_asked_for_also_after_a_kill(fleet: Callable[..., Fleet]) -> None:
    """Five hosts in waves of one, one and three; two may be stopped at the same time, and one may be loaded."""
    hosts = fleet("one", "two", "three", "four", "small", webui_migrate_at_once=1)
    order = ["small", "four", "three", "two", "one"]
    for number, name in enumerate(order):
        enlarge(hosts[name], 100 * number)
    hosts.play(webui_play.AUDIT).succeeded()

    assert "Stop Open WebUI, and wait" in play_until("Stop Open WebUI, and wait", hosts.inventory())
    run = hosts.play(webui_play.MIGRATE, "-e", "webui_cutover_at_once=2").succeeded()

    # What is known of the run that was killed: which host it was at.
    killed = webui_play.runs(hosts.inventory())[1]
    assert states_of(webui_play.records_of(killed)) == {"small": "lost", **dict.fromkeys(order[1:], "pending")}
    assert hosts.states() == dict.fromkeys(order, "migrated"), run.end
    assert sorted(hosts.on_postgresql()) == sorted(order)
    records = hosts.records()
    assert list(records) == order
    down = [downtime(records[name]) for name in order]
    assert down[0]["to"] < down[1]["from"]
    assert down[1]["to"] < min(span["from"] for span in down[2:])
    assert most_at_once(down) == 2
    assert most_at_once(phases(records.values(), "load ahead")) == 1


def test_stops_wait_for_their_hours_loads_do_not_and_whose_turn_is_too_late_stays(fleet: Callable[..., Fleet]) -> None:
    hosts = fleet("nightly", "later")
    opens_at = math.ceil((time.time() + 60) / 60) * 60
    closes_at = opens_at + 60
    nightly = hosts["nightly"].variables
    nightly["webui_command_stop"] = ["/bin/sh", "-c", STOP_LATE.format(until=closes_at), *nightly["webui_command_stop"]]
    before = hosts.pids()
    hours = ("-e", f"webui_not_before={_clock(opens_at)}", "-e", f"webui_not_after={_clock(closes_at)}")

    run = hosts.play(webui_play.MIGRATE, *webui_play.IN_ONE_WAVE, *ONE_AFTER_THE_OTHER, *hours).failed_saying("fatal: [later]")

    assert "Pausing for" in run.output
    assert hosts.states() == {"nightly": "migrated", "later": "waiting"}
    record = hosts.records()["nightly"]
    assert min(phase["from"] for phase in phases([record], "load ahead")) < opens_at <= record["downtime"]["from"] < closes_at
    assert hosts.on_postgresql() == ["nightly"]
    assert hosts.pids()["later"] == before["later"]


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment):%H:%M}"
