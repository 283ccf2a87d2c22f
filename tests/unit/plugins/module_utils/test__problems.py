# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How problems are counted, listed and put into one line."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import (
    KEY_LENGTH,
    KEYS_SHOWN,
    LISTED_AT_MOST,
    Findings,
    Problem,
    Refused,
    Tally,
    key_text,
    refuse,
    summary,
)


def some(number: int) -> list[Problem]:
    return [Problem("value", f"problem {position}") for position in range(1, number + 1)]


def test_a_problem_is_returned_without_what_it_does_not_say():
    assert Problem("orphan", "rows", table="chat").as_result() == {"kind": "orphan", "message": "rows", "table": "chat"}
    assert Problem("orphan", "rows", key="").as_result() == {"kind": "orphan", "message": "rows", "key": ""}


@pytest.mark.parametrize(
    ("number", "total", "line"),
    [
        (1, None, "problem 1"),
        (3, None, "problem 1; problem 2; problem 3"),
        (4, None, "problem 1; problem 2; problem 3; and 1 more (see problems)"),
        (5, 2000, "problem 1; problem 2; problem 3; and 1997 more (see problems)"),
    ],
)
def test_the_first_three_in_words_and_the_rest_as_a_number(number, total, line):
    assert summary(some(number), total) == line
    assert str(Refused(some(number), total)) == line
    assert Refused(some(number), total).total == (total or number)


def test_a_single_reason():
    refusal = refuse("source", "is empty", table="chat")
    assert refusal.problems == [Problem("source", "is empty", table="chat")]
    assert str(refusal) == "is empty"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (("a",), "a"),
        ((b"a", 7, None), "a, 7, None"),
        (("é".encode(),), "é"),
        ((b"a\xffb",), "a\\xffb"),
        (("a\nb\0c",), "a\\nb\\x00c"),
        ((), ""),
    ],
)
def test_a_key_is_one_line(values, text):
    assert key_text(values) == text


def test_a_long_key_is_cut():
    assert key_text(("k" * KEY_LENGTH,)) == "k" * KEY_LENGTH
    cut = key_text(("k" * 60_000_000,))
    assert cut == "k" * (KEY_LENGTH - 1) + "…"


def test_values_are_counted_by_table_column_and_rule():
    tally = Tally()
    for number in range(KEYS_SHOWN + 3):
        tally.add("chat", "title", "nul", f"c{number}")
    tally.add("chat", "title", "empty", "c0")
    tally.add("note", "title", "nul", "n0")
    assert tally.groups() == [
        {"table": "chat", "column": "title", "rule": "nul", "rows": KEYS_SHOWN + 3, "sample_keys": [f"c{n}" for n in range(KEYS_SHOWN)]},
        {"table": "chat", "column": "title", "rule": "empty", "rows": 1, "sample_keys": ["c0"]},
        {"table": "note", "column": "title", "rule": "nul", "rows": 1, "sample_keys": ["n0"]},
    ]


def test_all_findings_are_counted_and_the_first_are_kept():
    findings = Findings()
    for number in range(LISTED_AT_MOST + 5):
        findings.add("value", f"problem {number}", table="chat", column="title", key=str(number), rule="null")
    assert findings.total == LISTED_AT_MOST + 5
    assert len(findings.problems) == LISTED_AT_MOST
    assert findings.values.groups()[0]["rows"] == LISTED_AT_MOST + 5
    with pytest.raises(Refused) as caught:
        findings.refuse_if_any()
    assert caught.value.total == LISTED_AT_MOST + 5
    assert str(caught.value).endswith(f"and {LISTED_AT_MOST + 2} more (see problems)")


def test_no_finding_no_refusal():
    findings = Findings()
    findings.refuse_if_any()
    assert findings.values.groups() == []


def test_problems_from_elsewhere_are_findings_too():
    findings = Findings()
    findings.extend([Problem("source", "gone"), Problem("value", "odd", "chat", "title", "c1", "nul")])
    assert findings.total == 2
    assert findings.problems[1].key == "c1"
    # Only what has a rule is about a value.
    assert [group["rule"] for group in findings.values.groups()] == ["nul"]
