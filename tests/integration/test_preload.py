# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot is loaded ahead, and only what differs follows: the outcome is that of a full load, whatever happened in between."""

from __future__ import annotations

import os

import pytest
from lab.history import History, demand_same_as_a_full_load, digest

# Whatever happened in between


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_a_full_load_makes_of_it(migrate, source, snapshot, pg18, seed):
    history = History(source, seed)
    history.go_on(30)
    target = pg18.create_open_webui_database()
    first = snapshot(source)
    loaded = migrate(first, target, state="preloaded", orphans="leave_out")
    assert not loaded.get("failed"), loaded["msg"]
    assert loaded["road"] == "full"
    latest = first
    if seed % 2:
        history.go_on(20)
        latest = snapshot(source)
        caught_up = migrate(latest, target, state="preloaded", orphans="leave_out")
        assert caught_up.get("road") == "differences", (caught_up.get("msg"), caught_up.get("road_reason"))
    history.go_on(20)
    before = digest(source.path), digest(latest), sorted(os.listdir(source.path.parent)), sorted(os.listdir(latest.parent))
    moved = migrate(source.path, target, snapshot=str(latest), orphans="leave_out")
    assert moved.get("road") == "differences", (moved.get("msg"), moved.get("road_reason"))
    assert before == (digest(source.path), digest(latest), sorted(os.listdir(source.path.parent)), sorted(os.listdir(latest.parent)))
    demand_same_as_a_full_load(migrate, source, target, pg18.create_open_webui_database(), orphans="leave_out")
    assert migrate(source.path, target)["already_migrated"]


def test_it_is_so_on_the_oldest_server_at_hand(migrate, source, snapshot, pg15):
    history = History(source, 99)
    history.go_on(30)
    target = pg15.create_open_webui_database()
    first = snapshot(source)
    assert migrate(first, target, state="preloaded", orphans="leave_out")["changed"]
    history.go_on(30)
    assert migrate(source.path, target, snapshot=str(first), orphans="leave_out").get("road") == "differences"
    demand_same_as_a_full_load(migrate, source, target, pg15.create_open_webui_database(), orphans="leave_out")
