# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run ends with."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.exit_status import (
    fail_on,
    failing,
    failing_states,
    reason,
    status,
)
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.states import STATES

NOT_LOOKED_AT = {"unreachable", "lost"}


def records(*states: str) -> list[dict[str, str]]:
    return [{"host": f"chat{number}", "state": state} for number, state in enumerate(states, start=1)]


@pytest.mark.parametrize(
    ("wanted", "states"),
    [
        ("never", set()),
        ("", set()),
        ([], set()),
        ("not_ready", {"refused"}),
        ("not_moved", {"refused", "ready"}),
        ("kept", {"kept"}),
        ("refused, ready", {"refused", "ready"}),
        (["not_ready", "kept"], {"refused", "kept"}),
        (["never", "kept"], {"kept"}),
    ],
)
def test_an_audit_fails_on_what_it_is_told_to_and_on_hosts_that_it_could_not_look_at(wanted, states):
    assert fail_on(wanted) == failing_states("audit", wanted) == states | NOT_LOOKED_AT


@pytest.mark.parametrize(("wanted", "named"), [("notready", "notready"), (["kept", "migrated"], "migrated"), ("a,b", "a, b")])
def test_what_is_none_of_the_words_is_named_with_all_that_are(wanted, named):
    with pytest.raises(ValueError, match="webui_audit_fail_on") as caught:
        fail_on(wanted)
    assert str(caught.value) == (f"webui_audit_fail_on: {named} is none of never, not_ready, not_moved, refused, ready, kept; correct it.")


@pytest.mark.parametrize("playbook", ["migrate", "rollback"])
def test_all_other_runs_fail_with_every_host_that_is_not_where_it_was_to_be(playbook):
    states = failing_states(playbook, "never")
    assert states == {"down", "lost", "unreachable", "restored", "refused", "waiting"}
    assert states.isdisjoint({"migrated", "rolled_back", "rehearsed", "kept"})


@pytest.mark.parametrize(
    ("states", "wanted", "code"),
    [
        (("ready", "refused", "kept"), "never", 0),
        (("ready", "kept"), "not_ready", 0),
        (("ready", "refused"), "not_ready", 2),
        (("ready", "kept"), "not_moved", 2),
        (("kept", "kept"), "not_moved", 0),
        (("ready", "lost"), "never", 2),
        (("ready", "unreachable"), "never", 4),
        (("refused", "unreachable"), "not_ready", 4),
        ((), "not_ready", 0),
    ],
)
def test_what_an_audit_ends_with(states, wanted, code):
    assert status(records(*states), fail_on(wanted)) == code


@pytest.mark.parametrize(("states", "code"), [(("rehearsed", "kept"), 0), (("rehearsed", "refused"), 2), (("refused", "unreachable"), 4)])
def test_what_a_rehearsal_ends_with(states, code):
    assert status(records(*states), failing_states("migrate")) == code


def test_the_hosts_that_fail_a_run_are_told_worst_first():
    found = failing(records("ready", "refused", "unreachable", "refused"), fail_on("not_ready"))
    assert [record["host"] for record in found] == ["chat3", "chat2", "chat4"]


def test_why_a_run_fails_is_one_line():
    audited = records("ready", "refused", "unreachable", "refused")
    assert reason(audited, fail_on("not_ready")) == "3 of 4 hosts: 1 unreachable, 2 refused."
    assert reason(audited, fail_on("never")) == "1 of 4 hosts: 1 unreachable."
    assert reason(records("ready"), fail_on("not_ready")) == ""
    everything = records(*STATES)
    assert reason(everything, STATES).startswith(f"{len(STATES)} of {len(STATES)} hosts: 1 DOWN, 1 lost,")
