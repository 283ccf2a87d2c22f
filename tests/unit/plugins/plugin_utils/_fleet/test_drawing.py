# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in a drawing: durations to scale, long pauses cut out."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.drawing import (
    Axis,
    Bar,
    HostDrawing,
    Span,
    fleet_axis,
    fleet_bars,
    host_drawing,
    phases,
)
from lab import report_sample as sample


def drawn(record: dict[str, Any]) -> HostDrawing:
    found = host_drawing(phases(record))
    assert found is not None
    return found


def per_second(bars: list[Bar], record: dict[str, Any]) -> list[float]:
    """How many percent of the width a second takes in each bar."""
    seconds = {phase.name: phase.seconds for phase in phases(record)}
    return [one.width / seconds[one.label] for one in bars]


def test_a_second_is_as_wide_everywhere() -> None:
    record = sample.migrated("chat1")
    # Fifty seconds in all.
    assert per_second(drawn(record).bars, record) == pytest.approx([2.0] * 8)


def test_what_is_enlarged_has_one_scale_too() -> None:
    record = sample.migrated("chat1")
    enlarged = drawn(record).enlarged
    assert enlarged is not None
    assert [one.label for one in enlarged.bars] == ["stop", "load", "switch"]
    assert per_second(enlarged.bars, record) == pytest.approx([10.0] * 3)
    whole = [one for one in drawn(record).bars if one.look == "down"]
    assert (enlarged.x, enlarged.end) == (whole[0].x, pytest.approx(whole[-1].x + whole[-1].width))


def test_a_short_pause_is_drawn_and_a_long_one_cut_out() -> None:
    short, long = sample.migrated("chat1"), sample.night()["hosts"][0]
    assert drawn(short).cuts == []
    (cut,) = drawn(long).cuts
    assert cut.words == "5 h 12 min"
    bars = drawn(long).bars
    before, after = (next(one for one in bars if one.label == label) for label in ("load ahead", "catch up"))
    assert (cut.x, cut.x + cut.width) == (pytest.approx(before.x + before.width), pytest.approx(after.x))
    assert per_second(bars, long) == pytest.approx([(100 - cut.width) / 44] * 8, rel=0.01)


def test_pauses_leave_most_of_the_picture_to_what_happened() -> None:
    axis = Axis([Span(100.0 * number, 100.0 * number + 1) for number in range(50)])
    assert len(axis.cuts) == 1 + 48
    assert sum(cut.width for cut in axis.cuts) < 40
    assert axis.at(4901.0) == pytest.approx(100)


def test_everything_stays_in_the_picture() -> None:
    axis = Axis([Span(0, 1), Span(5000, 5000.001)])
    assert axis.at(-50) == 0
    assert axis.at(9000) == 100
    one = axis.draw(Span(5000, 5000.001), "load")
    assert one.width > 0
    assert one.x + one.width <= 100


def test_marks_are_at_round_times_and_none_is_in_a_cut() -> None:
    axis = Axis([Span(1_790_000_003, 1_790_000_040), Span(1_790_030_000, 1_790_030_020)])
    (cut,) = axis.cuts
    ticks = axis.ticks()
    assert 3 <= len(ticks) <= 9
    assert [tick for tick in ticks if not tick.label.endswith("0")] == []
    assert [tick for tick in ticks if cut.x < tick.x < cut.x + cut.width] == []


def test_marks_of_a_long_night_are_few() -> None:
    axis = Axis([Span(0, 1), Span(10_000_000, 10_000_001)])
    assert len(axis.ticks()) < 12


def test_a_phase_without_an_end_ends_with_the_last_that_is_known() -> None:
    record = {"at": 30.0, "timeline": [{"phase": "look", "from": 1.0, "to": 4.0}, {"phase": "load ahead", "from": 4.0, "to": None}]}
    assert [(phase.name, phase.span) for phase in phases(record)] == [("look", (1.0, 4.0)), ("load ahead", (4.0, 30.0))]


def test_a_phase_that_ends_before_it_begins_has_no_length() -> None:
    (phase,) = phases({"timeline": [{"phase": "look", "from": 10.0, "to": 4.0}]})
    assert phase.seconds == 0


@pytest.mark.parametrize("timeline", [None, [], [{"phase": "wait", "from": 1.0, "to": 2.0}], [{"phase": "look", "from": None}]])
def test_where_nothing_was_begun_there_is_no_drawing(timeline: Any) -> None:
    assert host_drawing(phases({"timeline": timeline})) is None


def test_phases_of_no_length_are_drawn_at_the_beginning() -> None:
    (one,) = drawn({"timeline": [{"phase": "look", "from": 5.0, "to": 5.0}]}).bars
    assert one.x == 0


def test_in_the_fleet_all_hosts_have_the_same_scale() -> None:
    hosts = [phases(record) for record in sample.three()["hosts"]]
    axis = fleet_axis(hosts)
    widths = [next(one.width for one in fleet_bars(axis, found) if one.look == "down") for found in hosts]
    assert widths == [pytest.approx(seconds * widths[0] / 10, abs=0.02) for seconds in (10, 14, 10)]
    starts = [fleet_bars(axis, found)[0].x for found in hosts]
    assert starts[0] == 0 < starts[1] == starts[2]


def test_in_the_fleet_what_follows_without_a_pause_is_one_bar() -> None:
    found = phases(sample.migrated("chat1"))
    assert [one.look for one in fleet_bars(fleet_axis([found]), found)] == ["load", "load", "load", "down"]
