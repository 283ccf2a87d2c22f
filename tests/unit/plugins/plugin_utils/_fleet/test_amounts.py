# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers as a page says them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import amounts

FUNCTIONS = (amounts.count, amounts.size, amounts.duration, amounts.clock, amounts.moment, amounts.zone, amounts.iso)


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.00 s"),
        (0.42, "0.42 s"),
        (4.24, "4.2 s"),
        (9.99, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.7, "1 h"),
        (18720, "5 h 12 min"),
        (86399, "1 d"),
        (183600, "2 d 3 h"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert amounts.duration(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1450, "1.4 kB"),
        (999_960, "1.0 MB"),
        (1_450_000, "1.4 MB"),
        (123_456_789, "123 MB"),
        (4.2e9, "4.2 GB"),
        (5e15, "5.0 PB"),
        (2e19, "20,000 PB"),
    ],
)
def test_sizes(number: float, said: str) -> None:
    assert amounts.size(number) == said


def test_times_are_by_the_clock_of_the_controller(in_berlin: None) -> None:
    assert amounts.moment(1_790_000_000) == "21 Sep 2026, 16:13:20"
    assert amounts.clock(1_790_000_000) == "16:13:20"
    assert amounts.zone(1_790_000_000) == "UTC+02:00"
    assert amounts.iso(1_790_000_000) == "2026-09-21T14:13:20Z"


@pytest.mark.parametrize("value", [None, "12", True, float("nan"), float("inf"), [1]])
def test_what_is_no_number_is_not_said(value: object) -> None:
    assert [function(value) for function in FUNCTIONS] == [""] * len(FUNCTIONS)
