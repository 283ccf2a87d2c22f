# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examination of a file that others write to: nothing is called damaged that is not."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move import check as _examination
from ansible_collections.openwebui.postgres.plugins.module_utils._move.check import CHECKS, FAILURES, examine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source

# The release whose files have hardly more than the tables that every file of a test has.
OF_SO_FEW_TABLES = "UPDATE alembic_version SET version_num = 'ca81bd47c050'"

SERVER = "db.execute('SELECT * FROM user').fetchall()"


def look(path: str, *fail_on: str) -> tuple[dict, str]:
    return examine(path, list(CHECKS), list(fail_on or FAILURES))


@pytest.fixture
def served(make_source, start_writer):
    """A file in a rollback journal mode that a server has open: it is read without a lock."""
    path = make_source("INSERT INTO user VALUES ('u', 'Ada')", OF_SO_FEW_TABLES)
    start_writer(path, SERVER)
    return path


def write(path: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE user SET name = name || 'x'")


def torn(monkeypatch, path: str, times: int, writes: bool = True) -> list[int]:
    """The first looks seem to find damage, as when pages of before and after a write are read together."""
    looks: list[int] = []
    integrity = Source.integrity

    def seem_damaged(self, quick=False):
        looks.append(1)
        if len(looks) > times:
            return integrity(self, quick)
        if writes:
            write(path)
        return ["Tree 2 page 5: btreeInitPage() returns error code 11"]

    monkeypatch.setattr(Source, "integrity", seem_damaged)
    return looks


@pytest.mark.parametrize("times", [1, 2])
def test_looks_again_when_a_write_may_be_behind_it(served, monkeypatch, times):
    looks = torn(monkeypatch, served, times)
    report, failure = look(served)
    assert len(looks) == times + 1
    assert report["integrity"] == {"ok": True, "errors": []}
    assert failure == ""
    assert report["in_use"]


def test_does_not_call_damaged_what_is_written_to_all_the_time(served, monkeypatch):
    torn(monkeypatch, served, 99)
    report, failure = look(served)
    assert report["integrity"] == {"ok": None, "errors": []}
    assert failure == ""
    assert not report["ready"]
    message = "it was written to while it was examined, so some of this may not be so; try again, or stop Open WebUI"
    assert {"kind": "in_use", "message": message} in report["problems"]


def test_damage_in_a_file_that_nobody_wrote_to_is_damage(served, monkeypatch):
    looks = torn(monkeypatch, served, 99, writes=False)
    report, failure = look(served)
    assert len(looks) == 1
    assert report["integrity"]["ok"] is False
    assert failure == f"{served}: integrity: Tree 2 page 5: btreeInitPage() returns error code 11"


@pytest.mark.parametrize(("times", "works"), [(2, True), (99, False)])
def test_a_reading_that_a_write_breaks_is_tried_again(served, monkeypatch, times, works):
    broken: list[int] = []
    count = Source.count

    def break_down(self, table):
        if len(broken) < times:
            broken.append(1)
            write(served)
            raise refuse("source", "is damaged")
        return count(self, table)

    monkeypatch.setattr(Source, "count", break_down)
    if works:
        assert look(served)[1] == ""
    else:
        with pytest.raises(Refused, match="is written to all the time, so it cannot be examined; stop Open WebUI for it"):
            look(served)
    assert len(broken) == min(times, _examination.ATTEMPTS)


def test_a_reading_that_breaks_without_a_write_is_refused_at_once(served, monkeypatch):
    def break_down(self, table):
        raise refuse("source", "is damaged")

    monkeypatch.setattr(Source, "count", break_down)
    with pytest.raises(Refused, match="is damaged"):
        look(served)


def test_a_write_that_does_no_harm_costs_no_second_look(served, monkeypatch):
    looks: list[int] = []
    orphans = Source.orphans

    def write_meanwhile(self, exclude=()):
        looks.append(1)
        write(served)
        return orphans(self, exclude)

    monkeypatch.setattr(Source, "orphans", write_meanwhile)
    assert look(served)[0]["integrity"]["ok"]
    assert len(looks) == 1


def test_a_reading_that_a_passing_write_broke_is_tried_again(served, monkeypatch):
    """A log that came and went leaves no trace: the second question whether anybody has written is answered otherwise than the first."""
    answers = [True, False]
    count = Source.count

    def break_down(self, table):
        if answers:
            raise refuse("source", "is damaged")
        return count(self, table)

    monkeypatch.setattr(Source, "count", break_down)
    monkeypatch.setattr(_examination, "_is_disturbed", lambda _source: answers.pop(0) if answers else False)
    report, failure = look(served)
    assert report["tables"]
    assert failure == ""
