# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run over many hosts ends with: which states of a host are a failure of the run. docs/fleets.md has the table.

An audit that has looked has done what it was asked for, whatever it has found, unless C(webui_audit_fail_on) says otherwise. All other runs
fail with every host that is not where it was to be.
"""

from __future__ import annotations

from typing import Sequence

from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.states import STATES, failed

# What an audit can say of a host that it could look at.
FOUND = ("refused", "ready", "kept")
# In words that need no knowledge of states: still to be moved, and not to be moved as it is.
WORDS: dict[str, tuple[str, ...]] = {"never": (), "not_ready": ("refused",), "not_moved": ("refused", "ready")}
# Nobody knows what is there, so no pipeline may go on as if all were well.
NOT_LOOKED_AT = frozenset({"lost", "unreachable"})


def fail_on(wanted: str | Sequence[str]) -> frozenset[str]:
    """The states of a host that fail an audit.

    :param wanted: C(webui_audit_fail_on), one or several of :data:`WORDS` and :data:`FOUND`, as a list or with commas between them.
    :raises ValueError: when one of them is none of these; in one line.
    """
    names = [name.strip() for name in (wanted.split(",") if isinstance(wanted, str) else wanted)]
    allowed = {**WORDS, **{state: (state,) for state in FOUND}}
    unknown = [name for name in names if name and name not in allowed]
    if unknown:
        raise ValueError(f"webui_audit_fail_on: {', '.join(unknown)} is none of {', '.join(allowed)}; correct it.")
    return NOT_LOOKED_AT.union(*(allowed[name] for name in names if name))


def failing_states(playbook: str, wanted: str | Sequence[str] = "never") -> frozenset[str]:
    """The states of a host that fail a run.

    :param playbook: C(audit), C(migrate) or C(rollback).
    """
    return fail_on(wanted) if playbook == "audit" else frozenset(state for state in STATES if failed(state))
