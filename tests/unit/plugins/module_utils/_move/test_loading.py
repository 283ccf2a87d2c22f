# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What loading computes by itself: the digest that proves it, and the clock. The rest needs a server."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move import loading as _loading
from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import Clock
from ansible_collections.openwebui.postgres.plugins.module_utils._move.proof import Digest

ROWS = [b"a\t1\n", b"b\t2\n", b"c\t\\N\n", "d\té\n".encode(), b"e\t\n"]


def digest(*rows: bytes) -> Digest:
    made = Digest()
    for row in rows:
        made.add(row)
    return made


def test_the_order_of_rows_does_not_matter():
    assert len({str(digest(*order)) for order in itertools.permutations(ROWS)}) == 1


def test_it_is_64_hexadecimal_digits_whatever_the_number_of_rows():
    dice = random.Random(1)
    for rows in (0, 1, 5000):
        assert re.fullmatch("[0-9a-f]{64}", str(digest(*(dice.randbytes(8) for _row in range(rows)))))


def test_rows_and_bytes_are_counted():
    made = digest(*ROWS)
    assert (made.rows, made.size) == (5, sum(map(len, ROWS)))
    assert (digest().rows, digest().size, str(digest())) == (0, 0, "0" * 64)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:-1],
        [*ROWS, ROWS[0]],
        [*ROWS[:-1], b"e\t\\N\n"],
        [*ROWS[:-1], b"e\t \n"],
        [b"a\t2\n", b"b\t1\n", *ROWS[2:]],
        [*ROWS[:-1], b"e", b"\t\n"],
        [],
    ],
    ids=["lost", "doubled", "NULL for empty", "a blank more", "values swapped between rows", "cut in two", "nothing"],
)
def test_any_change_is_seen(rows):
    assert str(digest(*rows)) != str(digest(*ROWS))


def test_equal_rows_count_each():
    """A sum, not an exclusive or: two equal rows do not cancel each other out."""
    assert len({str(digest(*[ROWS[0]] * times)) for times in range(5)}) == 5


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_rows_come_as_any_kind_of_bytes(kind):
    """psycopg hands out memoryviews on some ways."""
    assert str(digest(*map(kind, ROWS))) == str(digest(*ROWS))


class Watch:
    """A clock that goes a given way each time it is looked at."""

    def __init__(self, *times: float) -> None:
        self.times = list(times)

    def monotonic(self) -> float:
        return self.times.pop(0)


def test_the_clock_times_phases_also_one_inside_another(monkeypatch):
    monkeypatch.setattr(_loading, "time", Watch(10.0, 10.5, 11.75, 14.0))
    clock = Clock()
    with clock.phase("total"), clock.phase("plan"):
        pass
    assert clock.seconds == {"plan": 1.25, "total": 4.0}


def test_the_clock_times_a_phase_that_fails(monkeypatch):
    monkeypatch.setattr(_loading, "time", Watch(1.0, 1.0004))
    clock = Clock()
    with pytest.raises(KeyError), clock.phase("load"):
        raise KeyError("x")
    assert clock.seconds == {"load": 0.0}
