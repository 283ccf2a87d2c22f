# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a run, in a sentence or two: for the head of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .amounts import known
from .states import STATES, failed

Record = dict[str, Any]


def headline(run: dict[str, Any], records: Sequence[Record]) -> str:
    """What came of it, in a few words."""
    if not records:
        return "No host in this run"
    number, states = len(records), [record["state"] for record in records]
    hosts = "host" if number == 1 else "hosts"
    if not known(run.get("ended_at")):
        begun = sum(state != "pending" for state in states)
        return f"Under way: {begun:,} of {number:,} {hosts} done"
    if number == 1:
        return f"{records[0]['host']}: {STATES[states[0]].words}"
    if set(states) == {"kept"}:
        return f"All {number:,} hosts on {_end(run)} already"
    done = sum(STATES[state].kind == "good" or (state == "kept" and not _looks_only(run)) for state in states)
    return f"{'All' if done == number else f'{done:,} of'} {number:,} hosts {_goal(run)}"


def remarks(run: dict[str, Any], records: Sequence[Record]) -> list[str]:
    """What else has to be said at once."""
    bad = sum(failed(record["state"]) for record in records)
    pending = sum(record["state"] == "pending" for record in records)
    by_hand = sum(bool(record.get("todo")) and not failed(record["state"]) for record in records)
    kept = sum(record["state"] == "kept" for record in records)
    before = f"on {_end(run)} already" if _looks_only(run) else f"on {_end(run)} before"
    going = not known(run.get("ended_at"))
    sentences = [
        (bad, "needs attention", "need attention"),
        (pending, *(("is still to come", "are still to come") if going else ("was not begun", "were not begun"))),
        (by_hand, "leaves something to be done by hand", "leave something to be done by hand"),
        (kept, f"was {before}", f"were {before}"),
    ]
    if len(records) == 1:
        sentences = sentences[2:3]
    return [f"{number:,} {'host ' + one if number == 1 else 'hosts ' + more}." for number, one, more in sentences if number]


def _looks_only(run: dict[str, Any]) -> bool:
    return bool(run.get("check")) or run.get("playbook") == "audit"


def _end(run: dict[str, Any]) -> str:
    return "SQLite" if run.get("playbook") == "rollback" else "PostgreSQL"


def _goal(run: dict[str, Any]) -> str:
    if not _looks_only(run):
        return f"on {_end(run)}"
    return f"ready to go back to {_end(run)}" if run.get("playbook") == "rollback" else "ready to move"
