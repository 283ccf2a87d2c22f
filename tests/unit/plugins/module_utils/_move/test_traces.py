# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the numbers of transactions in rows tell, also where they have been used up once and begin again."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.traces import Traces, in_full, in_rows, say_something

WRAP = 1 << 32


@pytest.mark.parametrize(
    ("now", "writers", "numbers"),
    [
        (1000, {1000}, [1000]),
        (1000, {1000, 1002}, [1000, 1002]),
        (WRAP + 7, {7, 9}, [WRAP + 7, WRAP + 9]),
        # A savepoint whose number is the first one after the wrap.
        (2 * WRAP - 1, {WRAP - 1, 3}, [2 * WRAP - 1, 2 * WRAP + 3]),
        (1000, set(), []),
    ],
)
def test_what_a_row_has_is_made_whole(now, writers, numbers):
    assert in_full(now, writers) == numbers
    assert in_rows(numbers) == writers


@pytest.mark.parametrize(
    ("now", "transactions", "believed"),
    [
        (1000, [1000], True),
        (1000, [990, 995], True),
        (1000, [], True),
        (WRAP + 5, [WRAP - 5], True),
        (1000 + WRAP // 2 - 1, [1000], True),
        (1000 + WRAP // 2, [1000], False),
        (1000 + WRAP, [1000], False),
        (1000 + WRAP, [1000, 900 + WRAP], False),
        # As in a target that was restored into another server.
        (1000, [5000], False),
    ],
)
def test_how_long_numbers_are_believed(now, transactions, believed):
    assert say_something(now, transactions) is believed


def test_rows_by_others():
    traces = Traces({"chat": {7: 10, 9: 1}, "tag": {}})
    assert (traces.count("chat"), traces.count("tag"), traces.writers) == (11, 0, {7, 9})
    assert (traces.not_by({7}, "chat"), traces.not_by({7, 9}, "chat"), traces.not_by(set(), "tag")) == (1, 0, 0)
