# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can come of a run on one host, and how good or bad that is."""

from __future__ import annotations

from typing import Any, Iterable, Literal, NamedTuple

Kind = Literal["good", "neutral", "pending", "warn", "bad"]


class State(NamedTuple):
    """How a state is coloured, and what it is called in tables and in a sentence."""

    kind: Kind
    label: str
    words: str


# The worst first: that is the order of tables.
STATES: dict[str, State] = {
    "down": State("bad", "DOWN", "does not run: the cutover failed, and the way back too"),
    "lost": State("bad", "lost", "its run ended without a result"),
    "unreachable": State("bad", "unreachable", "could not be reached; nothing was done"),
    "restored": State("warn", "restored", "the cutover failed, and Open WebUI runs on SQLite again, as before"),
    "refused": State("warn", "refused", "something stands in the way; nothing was stopped"),
    "waiting": State("warn", "waiting", "loaded ahead; its window was over before its turn"),
    "pending": State("pending", "pending", "not begun"),
    "ready": State("good", "ready", "can be moved"),
    "rehearsed": State("good", "rehearsed", "nothing stands in the way"),
    "migrated": State("good", "migrated", "moved and proven"),
    "rolled_back": State("good", "rolled back", "runs on SQLite again"),
    "kept": State("neutral", "kept", "was where it should be; nothing was done"),
}

_RANK = {name: rank for rank, name in enumerate(STATES)}


def failed(state: str) -> bool:
    """Whether a run over this host did not do what it was asked for."""
    return STATES[state].kind in ("bad", "warn")


def worst_first(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Host records in the order of tables: by state, then as they came."""
    return sorted(records, key=lambda record: _RANK[record["state"]])


def counts(records: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many hosts there are of each state, the worst first; states without any are left out."""
    found = [record["state"] for record in records]
    return {name: found.count(name) for name in STATES if name in found}
