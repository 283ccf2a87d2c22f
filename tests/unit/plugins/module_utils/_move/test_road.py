# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which road a move takes, and why."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move import road as road_module
from ansible_collections.openwebui.postgres.plugins.module_utils._move.bookkeeping import Preload
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import Request
from ansible_collections.openwebui.postgres.plugins.module_utils._move.road import choose, terms
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.snapshots import describe
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import open_source

CHAT = TablePlan("chat", (TargetColumn("id", "text"),), ("id",), 1)
PLAN = Plan([CHAT], [], "r1")


class FakeTarget:
    """Answers what the choice asks of a target."""

    schema = "public"

    def __init__(self) -> None:
        self.temporary = True
        self.watched: list[tuple[str, str]] = []

    def may_create_temporary(self) -> bool:
        return self.temporary

    def rows(self, query: str, *parameters: object) -> list[tuple[str, str]]:
        assert "pg_trigger" in query
        return self.watched


class Case:
    """A target that holds a snapshot of a source."""

    def __init__(self, path: str, snapshot: str) -> None:
        self.path = path
        self.snapshot = snapshot
        self.request = Request(path, {}, snapshot=snapshot)
        self.plan = PLAN
        self.target = FakeTarget()
        self.untouched = True
        self.preload: Preload | None = self.loaded()

    def loaded(self, **others: Any) -> Preload:
        known = {
            "preload_id": "p",
            "source_host": os.uname().nodename,
            "source_path": os.path.realpath(self.path),
            "snapshot": describe(self.snapshot),
            "revision": "r1",
            # As it comes out of the bookkeeping.
            "terms": json.loads(json.dumps(terms(self.request, self.plan))),
            "tables": [],
            "transactions": [],
            "finished_at": "2026-01-01T00:00:00Z",
        }
        return Preload(**{**known, **others})

    def choose(self) -> tuple[str, str]:
        with open_source(self.path) as source:
            return tuple(choose(self.request, self.target, source, self.plan, self.preload, self.untouched))


@pytest.fixture
def case(make_source, tmp_path) -> Case:
    path = make_source("CREATE TABLE note (id TEXT PRIMARY KEY)")
    return Case(path, shutil.copy(path, tmp_path / "snapshot.db"))


def test_differences(case):
    assert case.choose() == ("differences", f"the target holds the snapshot {case.snapshot}")


def test_a_later_snapshot_is_compared_with_the_one_that_is_there(case, tmp_path):
    later = shutil.copy(case.path, tmp_path / "later.db")
    case.request = Request(str(later), {}, copy_of=case.path, ahead=True)
    assert case.choose()[0] == "differences"


def test_a_snapshot_in_another_place(case, tmp_path):
    case.request = case.request._replace(snapshot=shutil.copy(case.snapshot, tmp_path / "elsewhere.db"))
    assert case.choose()[0] == "differences"


def change(case: Case, **others: Any) -> None:
    for name, value in others.items():
        setattr(case, name, value)


def write(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


REASONS = {
    "nothing loaded": (lambda case: change(case, preload=None), "no snapshot was loaded ahead"),
    "none named": (lambda case: change(case, request=case.request._replace(snapshot=None)), "no snapshot was named"),
    "another host": (lambda case: change(case, preload=case.loaded(source_host="elsewhere")), "from another source"),
    "another file": (lambda case: change(case, preload=case.loaded(source_path="/elsewhere.db")), "from another source"),
    "written to": (lambda case: change(case, untouched=False), "somebody has written to the target"),
    "gone": (lambda case: os.unlink(case.snapshot), "is not there any more"),
    "longer": (lambda case: write(case.snapshot), "or not the snapshot that was loaded"),
    "other bytes": (lambda case: change(case, preload=case.loaded(snapshot={**describe(case.path), "sha256": "0"})), "or not the snapshot"),
    "revision": (lambda case: change(case, preload=case.loaded(revision="r0")), "was loaded at revision r0"),
    "software": (
        lambda case: change(case, preload=case.loaded(terms={**case.preload.terms, "software": "rules 0"})),
        "by other releases of this collection, SQLite or Python",
    ),
    "repair": (lambda case: change(case, request=case.request._replace(repair=False)), "with other options (repair)"),
    "exclude": (lambda case: change(case, request=case.request._replace(exclude_tables=("x",))), "with other options (exclude_tables)"),
    "a column": (
        lambda case: change(case, plan=Plan([CHAT._replace(columns=(TargetColumn("id", "text", not_null=True),))], [], "r1")),
        "tables or columns of the target have changed",
    ),
    "a table": (
        lambda case: change(case, plan=Plan([CHAT, CHAT._replace(name="tag")], [], "r1")),
        "tables or columns of the target have changed",
    ),
    "no temporary tables": (lambda case: change(case.target, temporary=False), "may not create temporary tables"),
    "trigger": (lambda case: change(case.target, watched=[("chat", "trigger t")]), "trigger t on table chat of the target would fire"),
}


@pytest.mark.parametrize(("happens", "reason"), REASONS.values(), ids=list(REASONS))
def test_everything_otherwise(case, happens, reason):
    happens(case)
    kind, why = case.choose()
    assert kind == "full"
    assert reason in why


def test_rules_that_were_changed_make_it_all_rows(case, monkeypatch):
    monkeypatch.setattr(road_module, "RULES", 2)
    assert case.choose()[0] == "full"


@pytest.mark.parametrize("exclude", [("Tag", "chat"), ("CHAT", "tag", "tag")])
def test_how_excluded_tables_are_written_does_not_matter(case, exclude):
    case.request = case.request._replace(exclude_tables=("chat", "tag"))
    case.preload = case.loaded()
    case.request = case.request._replace(exclude_tables=exclude)
    assert case.choose()[0] == "differences"
