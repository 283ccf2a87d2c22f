# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run ends with."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.exit_status import (
    fail_on,
    failing_states,
)

NOT_LOOKED_AT = {"unreachable", "lost"}


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
