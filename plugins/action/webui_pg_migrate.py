# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live progress of webui_pg_migrate, on a terminal and in the log of a CI run alike.

Ansible hands over what a module says when it has ended. So the module runs in the background here, writes its progress
into a small file, and this plugin reads that file and prints a line now and then, until the module has ended. Where the
environment of Ansible says OPENWEBUI_QUIET, it prints none; so it does where openwebui.postgres.webui is told to be quiet.
"""

from __future__ import annotations

import json
import os
import shlex
import time
import uuid
from collections.abc import Iterable
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import text

POLL = 0.5
# The module removes its file when it ends; should it have been killed, this is how long nobody notices.
ASK_AFTER = 10.0
LINE_EVERY_SECONDS = 5.0
LINE_EVERY_PERCENT = 10
# With several hosts at a time nobody follows each of them so closely, and what is soon over needs no line.
SECONDS_BETWEEN_LINES_OF_MANY = 10.0
SECONDS_BEFORE_LINES_OF_MANY = 3.0
HOST_COLUMNS = 30
QUIET = "OPENWEBUI_QUIET"
# Nobody waits longer than this for a migration: a limit that Ansible needs to have.
TIME_LIMIT = 7 * 24 * 3600

MEGABYTE = 1_000_000
_DOING = {
    "scan": "looking at every value",
    "compare": "looking for what has changed",
    "load": "loading",
    "rehearse": "loading for the rehearsal",
    "prove": "reading back",
}
_DOING_COLUMNS = max(map(len, _DOING.values()))


class Narrator:
    """Turns the module's progress into lines, by percent or by seconds, not by poll."""

    def __init__(self, host: str, hosts: Iterable[str] = ()) -> None:
        self.host = text.one_line(host)
        names = [text.one_line(name) for name in hosts]
        self._many = len(names) > 1
        self._columns = min(HOST_COLUMNS, max(map(text.width, [self.host, *names])))
        self._phase = ""
        self._percent = 0
        self._told: float | None = None

    def tell(self, state: dict[str, Any], now: float) -> str | None:
        """The line that is due at this time, or None."""
        phase = state.get("phase")
        if phase not in _DOING:
            return None
        percent = self._done(state)
        if self._told is None:
            before = SECONDS_BEFORE_LINES_OF_MANY if self._many else 0.0
            self._told = now + before - SECONDS_BETWEEN_LINES_OF_MANY
        if not self._is_due(phase, percent, now - self._told):
            return None
        self._phase, self._percent, self._told = phase, percent, now
        return self._short_line(state, percent) if self._many else self._line(state, percent)

    def _is_due(self, phase: str, percent: int, since: float) -> bool:
        further = phase != self._phase or percent >= self._percent + LINE_EVERY_PERCENT
        if self._many:
            return further and since >= SECONDS_BETWEEN_LINES_OF_MANY
        return further or since >= LINE_EVERY_SECONDS

    @staticmethod
    def _done(state: dict[str, Any]) -> int:
        done, total = state["bytes"], state["bytes_total"]
        if not total:
            done, total = state["rows"], state["rows_total"]
        # The total of bytes is an estimate, so nothing is complete before the module says so.
        return min(99, 100 * done // total) if total else 0

    def _line(self, state: dict[str, Any], percent: int) -> str:
        parts = [f"[{self.host}] {_DOING[state['phase']]} {percent:2d} %", state["table"] or "starting"]
        parts.append(f"{state['rows']:,} of {state['rows_total']:,} rows")
        if state["bytes"]:
            parts.append(f"{state['bytes'] / MEGABYTE:,.1f} MB")
        return " | ".join([*parts, *self._pace(state, percent)])

    def _short_line(self, state: dict[str, Any], percent: int) -> str:
        """A line among those of other hosts: columns that begin at the same place."""
        start = f"[{text.left(self.host, self._columns)}] {_DOING[state['phase']]:{_DOING_COLUMNS}} {percent:2d} %"
        return " | ".join([start, *self._pace(state, percent)])

    @staticmethod
    def _pace(state: dict[str, Any], percent: int) -> list[str]:
        """How fast it is, and how long it takes yet, where that is known."""
        seconds = state["seconds"]
        speed = [f"{state['bytes'] / MEGABYTE / seconds:,.1f} MB/s"] if state["bytes"] and seconds else []
        return speed + ([f"about {seconds * (100 - percent) / percent:.0f} s left"] if percent else [])


class ActionModule(ActionBase):
    """Runs the module, with progress where it is wanted and possible."""

    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        own_async = bool(self._task.async_val)
        if own_async or not self._wanted():
            result.update(self._execute_module(task_vars=task_vars, wrap_async=own_async))
            return result
        result.update(self._run_with_progress(task_vars or {}))
        return result

    def _wanted(self) -> bool:
        if boolean(os.environ.get(QUIET, "no"), strict=False):
            return False
        arguments = self._task.args
        if arguments.get("state", "migrated") not in ("migrated", "preloaded") or arguments.get("progress_file"):
            return False
        return boolean(arguments.get("progress", True), strict=False)

    def _run_with_progress(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        # The name cannot be guessed, so nobody can have put a link there.
        progress_file = f"{self.get_shell_option('system_tmpdirs', ['/tmp'])[-1]}/.webui-progress-{uuid.uuid4().hex}"
        started = self._start({**self._task.args, "progress_file": progress_file}, task_vars)
        job = started.get("results_file")
        if job is None:
            return started
        try:
            return self._follow(job, progress_file, task_vars)
        finally:
            self._forget(job, progress_file, task_vars)

    def _start(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        # The time limit is a property of the task, and asking for async_status must not start in the background too.
        self._task.async_val = TIME_LIMIT
        try:
            return self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=True)
        finally:
            self._task.async_val = 0

    def _follow(self, job: str, progress_file: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        narrator = Narrator(task_vars.get("inventory_hostname", "this host"), task_vars.get("ansible_play_batch", ()))
        asked = time.monotonic()
        while True:
            time.sleep(POLL)
            state = self._read(progress_file)
            now = time.monotonic()
            line = narrator.tell(state, now)
            if line:
                Display().display(line)
            if not state or now - asked >= ASK_AFTER:
                status = self._async_status(job, "status", task_vars)
                asked = now
                if status.get("finished"):
                    return self._without_job(status)

    def _read(self, progress_file: str) -> dict[str, Any]:
        answer = self._low_level_execute_command(f"cat {shlex.quote(progress_file)} 2>/dev/null || true")
        try:
            state = json.loads(answer["stdout"])
        except ValueError:
            return {}
        return state if isinstance(state, dict) else {}

    def _async_status(self, job: str, mode: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        # The folder that the module itself has named: HOME need not be the home folder of the account.
        folder, _slash, job_id = job.rpartition("/")
        arguments = {"jid": job_id, "mode": mode, "_async_dir": folder}
        # A rehearsal, too, has to be asked for and cleaned up after.
        check_mode, self._task.check_mode = self._task.check_mode, False
        try:
            return self._execute_module("ansible.legacy.async_status", module_args=arguments, task_vars=task_vars)
        finally:
            self._task.check_mode = check_mode

    @staticmethod
    def _without_job(status: dict[str, Any]) -> dict[str, Any]:
        internal = {"ansible_job_id", "started", "finished", "results_file", "stdout", "stderr"}
        result = {name: value for name, value in status.items() if name not in internal}
        if not result:
            raise AnsibleActionFail("the module ended without a result; it may have been killed. Run it again: nothing is half done")
        return result

    def _forget(self, job: str, progress_file: str, task_vars: dict[str, Any]) -> None:
        self._low_level_execute_command(f"rm -f {shlex.quote(progress_file)} {shlex.quote(progress_file + '.new')}")
        self._async_status(job, "cleanup", task_vars)
