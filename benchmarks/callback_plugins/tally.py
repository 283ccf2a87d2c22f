# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes what a play does, as lines of JSON in the file that TALLY_FILE names.

When each task starts, which module ran on which host, what has failed there and why, and the most memory that Ansible itself has had.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: tally
type: aggregate
short_description: Note when each task starts and whether it runs a module
version_added: 0.1.0
description:
  - For the benchmark of the playbooks; writes to the file that the environment variable E(TALLY_FILE) names.
"""

# These are carried out by Ansible itself, on the controller.
NO_MODULES = {
    "add_host",
    "assert",
    "debug",
    "fail",
    "include_role",
    "include_tasks",
    "include_vars",
    "meta",
    "set_fact",
    "validate_argument_spec",
    "webui_fleet",
}


class CallbackModule(CallbackBase):
    """What a play did, without what it said."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "tally"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._file = open(os.environ["TALLY_FILE"], "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - open as long as the play

    def _note(self, **values: Any) -> None:
        self._file.write(json.dumps({"at": time.time(), **values}) + "\n")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task, also one that will be skipped."""
        self._note(what="task", name=task.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task that has run on a host."""
        self._ran(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task that has failed on a host has run there too."""
        self._ran(result)
        self._failed(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host that cannot be reached has failed as well."""
        self._failed(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end. Of this process alone: what its workers need is theirs."""
        status = Path("/proc/self/status").read_text(encoding="ascii")
        self._note(what="end", peak_kb=int(status.partition("VmHWM:")[2].split()[0]))

    def _ran(self, result: Any) -> None:
        task = _of(result, "task")
        action = task.action.rpartition(".")[2]
        if action not in NO_MODULES:
            changed = bool(_of(result, "result").get("changed"))
            self._note(what="module", name=task.get_name(), action=action, host=_of(result, "host").get_name(), changed=changed)

    def _failed(self, result: Any) -> None:
        """Also what is rescued: the last one of a host is what it ended with."""
        said = _of(result, "result")
        self._note(what="failed", host=_of(result, "host").get_name(), why=str(said.get("msg", "")))


def _of(result: Any, name: str) -> Any:
    """A part of a result. Up to ansible-core 2.18 it is not public."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")
