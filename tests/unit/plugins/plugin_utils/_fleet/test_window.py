# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hours in which Open WebUI may be stopped, by a clock that is set twice a year."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Iterator

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.window import window


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The controller is where the clock is set at 02:00 on 2026-03-29 and at 03:00 on 2026-10-25."""
    # Written out, so that no database of time zones has to be there.
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def hours(not_before: Any, not_after: Any, now: str) -> tuple[str, str]:
    found = window(not_before, not_after, at(now))
    assert found is not None
    return tuple(datetime.fromtimestamp(moment).strftime("%d %H:%M") for moment in found)  # type: ignore[return-value]


@pytest.mark.parametrize("nothing", ["", None])
def test_every_time_is_right_where_none_is_set(nothing: Any) -> None:
    assert window(nothing, nothing, at("2026-11-26T12:00")) is None


@pytest.mark.parametrize(
    ("now", "found"),
    [
        # Before, at the first moment, in it, at the last one, and when it is over.
        ("2026-11-26T00:30", ("26 02:00", "26 05:00")),
        ("2026-11-26T02:00", ("26 02:00", "26 05:00")),
        ("2026-11-26T03:00", ("26 02:00", "26 05:00")),
        ("2026-11-26T04:59:59.999", ("26 02:00", "26 05:00")),
        ("2026-11-26T05:00", ("27 02:00", "27 05:00")),
        ("2026-11-26T23:59", ("27 02:00", "27 05:00")),
    ],
)
def test_the_window_that_is_open_or_the_next_one(now: str, found: tuple[str, str]) -> None:
    assert hours("02:00", "05:00", now) == found


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2026-11-26T21:59", ("26 22:00", "27 04:30")),
        ("2026-11-26T22:00", ("26 22:00", "27 04:30")),
        ("2026-11-27T00:00", ("26 22:00", "27 04:30")),
        ("2026-11-27T04:29:59", ("26 22:00", "27 04:30")),
        ("2026-11-27T04:30", ("27 22:00", "28 04:30")),
        # The month has an end, too.
        ("2026-11-30T23:00", ("30 22:00", "01 04:30")),
    ],
)
def test_a_window_over_midnight(now: str, found: tuple[str, str]) -> None:
    assert hours("22:00", "04:30", now) == found


@pytest.mark.parametrize("not_after", ["", None])
def test_a_window_that_only_begins_is_open_for_six_hours(not_after: Any) -> None:
    assert hours("22:00", not_after, "2026-11-26T23:00") == ("26 22:00", "27 04:00")


@pytest.mark.parametrize("written", ["22:30", " 22:30 ", 1350, "1350"])
def test_the_number_that_yaml_makes_of_a_time_without_quotes_is_that_time(written: Any) -> None:
    assert hours(written, "23:00", "2026-11-26T12:00") == ("26 22:30", "26 23:00")


def test_midnight_and_single_digits_are_times() -> None:
    assert hours("0:00", "5:15", "2026-11-26T01:00") == ("26 00:00", "26 05:15")


@pytest.mark.parametrize(
    "told", ["25:00", "24:00", "12:60", "2", "2am", "noon", 90, 599, 1440, 12.5, True, ["02:00"], "02:00\n03:00", "-1:00"]
)
def test_nonsense_is_refused_in_one_line_by_its_name(told: Any) -> None:
    for name, times in (("webui_not_before", (told, "05:00")), ("webui_not_after", ("02:00", told))):
        with pytest.raises(ValueError, match="no time of the day") as caught:
            window(*times, at("2026-11-26T12:00"))
        assert str(caught.value) == f'{name} is "{told}", which is no time of the day; write it like "02:00".'


def test_an_end_without_a_beginning_and_a_window_of_no_length_are_refused() -> None:
    with pytest.raises(ValueError, match="webui_not_after is of use with webui_not_before only"):
        window("", "05:00", at("2026-11-26T12:00"))
    with pytest.raises(ValueError, match="are the same time"):
        window("05:00", "5:00", at("2026-11-26T12:00"))


# When the clock is set


def test_a_window_after_the_clock_was_set_is_where_the_new_clock_shows_it() -> None:
    """Begun in the evening, when the clock still shows the old time."""
    spring = window("04:00", "05:00", at("2026-03-28T22:00"))
    assert spring == (at("2026-03-29T04:00+02:00"), at("2026-03-29T05:00+02:00"))
    autumn = window("04:00", "05:00", at("2026-10-24T22:00"))
    assert autumn == (at("2026-10-25T04:00+01:00"), at("2026-10-25T05:00+01:00"))


def test_a_window_over_the_hour_that_comes_twice_is_an_hour_longer() -> None:
    found = window("01:00", "04:00", at("2026-10-24T22:00"))
    assert found is not None
    assert found.closes_at - found.opens_at == 4 * 3600


def test_a_window_that_begins_in_the_hour_that_is_left_out_is_not_closed_before_it_opens() -> None:
    assert hours("02:30", "03:10", "2026-03-28T22:00") == ("30 02:30", "30 03:10")


def test_the_second_of_two_equal_hours_is_not_before_the_first() -> None:
    """02:30 comes twice; a window to 02:15 is over then."""
    found = window("01:00", "02:15", at("2026-10-25T02:30+01:00"))
    assert found is not None
    assert found.opens_at == at("2026-10-26T01:00")
