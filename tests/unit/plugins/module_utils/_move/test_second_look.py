# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sifting: lots are halved until the rows are found that are refused. What refuses them is only described here."""

from __future__ import annotations

from types import SimpleNamespace

import psycopg
import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move import second_look as _second_look
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.second_look import SecondLook
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings

NOTE = TablePlan("note", (), ("id",), 0)


class FakeReader:
    def __init__(self, rows: int) -> None:
        self._rows = rows

    def rows(self):
        return ([str(number).encode()] for number in range(1, self._rows + 1))

    def keys_of(self, numbers):
        return {number: f"key {number}" for number in numbers}


class Sifted(SecondLook):
    """Refuses the rows of these numbers; number 0 is a load without rows."""

    def __init__(self, rows: int, refused: set[int], error: psycopg.Error) -> None:
        target = SimpleNamespace(foreign_keys=list, indexes=dict, may_create_temporary=lambda: False)
        super().__init__(None, target, Plan([NOTE], [], "r"), Findings(), lambda _table: FakeReader(rows), set())
        self.refused = refused
        self.error = error
        self.lots: list[int] = []

    def _refusal(self, table, rows):
        self.lots.append(len(rows))
        numbers = {row.number for row in rows} or {0}
        return self.error if numbers & self.refused else None


@pytest.fixture
def sift(monkeypatch):
    monkeypatch.setattr(_second_look, "LOT", 8)

    def run(rows: int, refused: set[int], error: psycopg.Error | None = None) -> Sifted:
        look = Sifted(rows, refused, error or psycopg.errors.ProgramLimitExceeded("secret"))
        look.sift()
        return look

    return run


@pytest.mark.parametrize("refused", [set(), {1}, {8}, {9}, {1, 2, 20}, set(range(1, 21))])
def test_all_that_are_refused_are_named_and_no_others(sift, refused):
    look = sift(20, refused)
    assert [problem.key for problem in look.findings.problems] == [f"key {number}" for number in sorted(refused)]
    assert "secret" not in repr(look.findings.problems)


def test_few_offenders_need_few_attempts(sift):
    assert sift(800, set()).lots == [0] + [8] * 100
    assert len(sift(800, {5}).lots) == 101 + 6


def test_not_more_than_can_be_listed_are_looked_for(sift, monkeypatch):
    monkeypatch.setattr(_second_look, "LISTED_AT_MOST", 10)
    look = sift(10_000, set(range(1, 10_001)))
    assert look.findings.total == 10
    assert len(look.lots) < 40


def test_what_is_refused_without_any_row_blames_none(sift):
    look = sift(20, {0})
    (problem,) = look.findings.problems
    assert (problem.table, problem.key) == ("note", None)
    assert look.lots == [0]


def test_what_the_probe_has_named_is_not_named_again(sift):
    look = Sifted(3, {2}, psycopg.errors.UniqueViolation("secret"))
    look.findings.add("unique", "1 and 2 are equal", table="note")
    look.sift()
    assert look.findings.total == 1
