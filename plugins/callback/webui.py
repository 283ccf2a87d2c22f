# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: webui
type: stdout
short_description: One line for each host and phase of a move
version_added: 0.1.0
description:
  - Shows a run of this collection's playbooks as people want to read it, one line for each host and phase, when the phase is over. A phase
    is what the outermost task of the play does on a host, for example all that a role does which that task includes.
  - What failed is told at once, with its reasons in lines. What failed and was put right by the play is told in one line.
  - Tasks within a phase are shown with C(-v) and more, exactly as P(ansible.builtin.default#callback) shows them.
  - Differences are shown with C(--diff), and a line says C(would change) where C(--check) kept a task from changing something.
extends_documentation_fragment:
  - ansible.builtin.default_callback
  - ansible.builtin.result_format_callback
requirements:
  - set as stdout in configuration
options:
  quiet:
    description:
      - Whether to show nothing but the summaries of waves, failures and the recap, as fits the log of a CI run.
      - No progress of a load is shown then either, whichever callback is used, if it is set in the environment.
    type: bool
    default: false
    env:
      - name: OPENWEBUI_QUIET
    ini:
      - section: callback_webui
        key: quiet
author:
  - openwebui.postgres contributors (@openwebui)
"""

import functools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable

from ansible import constants as C
from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import text

INDENT = "    "
# What an operator sees nothing of: a phase of nothing else has no line. Those of this collection speak for themselves.
SILENT = frozenset(("add_host", "assert", "group_by", "include_vars", "meta", "set_fact", "validate_argument_spec", "webui_fleet"))
HIDDEN = "what it says is hidden, because no_log is set"
# The last lines of what a program has said are shown with its failure.
OUTPUT_LINES = 10
OUTPUTS = ("stderr", "module_stderr", "stdout", "module_stdout")
# With so many hosts there is a line for each of them in the recap.
RECAP_HOSTS = 10

CLOCK_COLUMNS = 8
SECONDS_COLUMNS = 8
PHASE_COLUMNS = (20, 60)
HOST_COLUMNS = 30


@dataclass
class Phase:
    """What one of the play's own tasks does on one host, with all that it includes."""

    key: str
    name: str
    begun: float
    ended: float
    worked: bool = False
    changed: bool = False
    would_change: bool = False

    @property
    def state(self) -> tuple[str, str]:
        """What came of it, and its colour."""
        if self.changed:
            return "changed", C.COLOR_CHANGED
        return ("would change", C.COLOR_CHANGED) if self.would_change else ("ok", C.COLOR_OK)


class Sums:
    """The figures of many hosts for a recap: those that failed one by one, the others as if they were one host."""

    def __init__(self, stats: Any) -> None:
        each = {host: stats.summarize(host) for host in stats.processed}
        told = {host: figures for host, figures in each.items() if figures["failures"] or figures["unreachable"]}
        others = [figures for host, figures in each.items() if host not in told]
        self.custom = stats.custom
        self.processed = dict(told)
        if others:
            sums = Counter(dict.fromkeys(others[0], 0))
            for figures in others:
                sums.update(figures)
            self.processed[f"{len(others)} {'other hosts' if told else 'hosts'}"] = dict(sums)

    def summarize(self, host: str) -> dict[str, int]:
        return self.processed[host]


def part(result: Any, name: str) -> Any:
    """Of a task's result: its task, its host, or what it returned. Up to ansible-core 2.18 these are private."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")


def phase_of(task: Task) -> tuple[str, str]:
    """Which phase the task belongs to: what tells it from others, and its name."""
    found = node = task
    rescuing, is_settled = None, False
    # What is imported is where it was imported, and knows the import as its parent all the same.
    way = {task._uuid}
    while (node := getattr(node, "_parent", None)) is not None:
        if isinstance(node, Task):
            if not is_settled:
                found = node
                # The innermost file of the playbook's own: what includes that one has several phases.
                is_settled = isinstance(node, TaskInclude) and not isinstance(node, IncludeRole) and node._role is None
        elif isinstance(node, Block) and node._role is None and any(one._uuid in way for one in node.rescue or ()):
            # What puts a failure right is a phase of its own.
            rescuing = found
        way.add(node._uuid)
    found = found if rescuing is None else rescuing
    # A play may also name roles, and no tasks of its own.
    return (found._role or found)._uuid, (found._role or found).get_name()


def action_of(task: Task) -> str:
    """The name of what the task does, without its collection."""
    return task.action.rpartition(".")[2]


def reasons(result: dict[str, Any], output_lines: int = 0) -> list[str]:
    """Why a task failed, in lines that people can read."""
    if _is_hidden(result):
        return [HIDDEN]
    problems = result.get("problems")
    # What webui_sqlite_check has found is not all in the way.
    if problems and "ready" not in result:
        return [text.one_line(problem["message"]) for problem in problems]
    first, *rest = _lines(result.get("msg")) or ["no reason given"]
    # That is what ansible-core puts before errors of its own from 2.19 on.
    return [first.removeprefix("Task failed: "), *rest, *_output(result, output_lines)]


def _is_hidden(result: dict[str, Any]) -> bool:
    return bool(result.get("_ansible_no_log")) or "censored" in result


def _lines(message: Any) -> list[str]:
    """A message in lines, whether it was given as a text, as a list of texts or as anything else."""
    if isinstance(message, list):
        return [line for one in message for line in _lines(one)]
    if isinstance(message, dict):
        message = json.dumps(message, indent=2, ensure_ascii=False, default=str)
    return [text.clean(line).rstrip() for line in str("" if message is None else message).splitlines() if line.strip()]


def _output(result: dict[str, Any], most: int) -> list[str]:
    said = next((lines for name in OUTPUTS if (lines := _lines(result.get(name) or ""))), [])
    return said[-most:] if most else []


def readable(method: Callable[..., None]) -> Callable[..., None]:
    """In place of the method of ansible.builtin.default, unless tasks are to be seen one by one."""
    default = getattr(Default, method.__name__)

    @functools.wraps(method)
    def chosen(self: CallbackModule, *arguments: Any, **named: Any) -> None:
        (default if self._display.verbosity else method)(self, *arguments, **named)

    return chosen


class CallbackModule(Default):
    """The callback, for Ansible."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "openwebui.postgres.webui"

    def __init__(self) -> None:
        super().__init__()
        self._phases: dict[str, Phase] = {}
        # What items of a loop said, or why they failed, by host and task, until the task has ended.
        self._items: dict[tuple[str, str], list[str]] = {}
        self._hosts: set[str] = set()
        self._host_columns = 0
        self._title = ""
        self._title_due = False
        self._first = True
        self._lockstep = True

    def set_options(self, *arguments: Any, **named: Any) -> None:
        super().set_options(*arguments, **named)
        self._quiet = self.get_option("quiet")
        if self._quiet:
            # Tasks run in processes that are forked from this one. Those that show something of their own ask there.
            os.environ["OPENWEBUI_QUIET"] = "yes"

    # When a phase begins and ends

    @readable
    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._flush()
        title = text.one_line(play.get_name())
        if play.check_mode:
            title += " (check mode: nothing is changed)"
        # The batches of a play are one play to whoever reads.
        self._title_due = self._title_due or title != self._title
        self._title = title
        self._play = play
        self._lockstep = play.strategy.rpartition(".")[2] not in ("free", "host_pinned")

    @readable
    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        if self._lockstep:
            self._flush(but=phase_of(task)[0])

    @readable
    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        if self._lockstep:
            self._flush(but=phase_of(task)[0])

    @readable
    def v2_runner_on_start(self, host: Any, task: Task) -> None:
        self._enter(host.get_name(), task)

    def _enter(self, host: str, task: Task) -> Phase:
        """The phase that the host is in with this task."""
        key, name = phase_of(task)
        phase = self._phases.get(host)
        if phase is None or phase.key != key:
            self._leave(host)
            now = time.time()
            phase = self._phases[host] = Phase(key, name, now, now)
            self._widen(host)
        return phase

    def _leave(self, host: str) -> None:
        self._tell(host, self._phases.pop(host, None))

    def _tell(self, host: str, phase: Phase | None) -> None:
        if phase and phase.worked and not self._quiet:
            state, color = phase.state
            self._say(self._line(host, phase, state), color)

    def _split(self, host: str, phase: Phase) -> None:
        """Something is told in the middle of a phase: what comes after it has a line of its own."""
        self._phases[host] = Phase(phase.key, phase.name, phase.ended, phase.ended)

    def _flush(self, but: str | None = None) -> None:
        """The lines of all phases that are over, in the order in which they ended."""
        over = [(phase.ended, host) for host, phase in self._phases.items() if phase.key != but]
        for _ended, host in sorted(over):
            self._leave(host)

    # What comes of a task

    @readable
    def v2_runner_on_ok(self, result: Any) -> None:
        task, answer = part(result, "task"), part(result, "result")
        self._handle_warnings(answer)
        phase = self._note(result)
        if isinstance(task, TaskInclude):
            return
        if action_of(task) == "debug":
            self._debug(result, phase)
            return
        if answer.get("changed"):
            held = result._task_fields.get("check_mode") is True
            phase.would_change |= held
            phase.changed |= not held
        phase.worked |= action_of(task) not in SILENT or phase.changed or phase.would_change

    def _note(self, result: Any) -> Phase:
        phase = self._enter(part(result, "host").get_name(), part(result, "task"))
        phase.ended = time.time()
        return phase

    def _debug(self, result: Any, phase: Phase) -> None:
        """What a playbook says."""
        lines = self._of_items(result) or self._said(part(result, "result"))
        if self._quiet:
            return
        host, name = part(result, "host").get_name(), result.task_name
        self._tell(host, phase)
        self._split(host, phase)
        self._say("\n".join([f"{self._clock(phase.ended)} {self._label(host)}  {text.one_line(name)}", *self._indented(lines)]))

    @staticmethod
    def _said(answer: dict[str, Any]) -> list[str]:
        if _is_hidden(answer):
            return [HIDDEN]
        if "msg" in answer:
            return _lines(answer["msg"])
        others = {name: value for name, value in answer.items() if not name.startswith("_") and name not in ("changed", "item")}
        return [line for name, value in others.items() for line in (f"{name}:", *(INDENT + one for one in _lines(value)))]

    @readable
    def v2_runner_on_skipped(self, result: Any) -> None:
        self._handle_warnings(part(result, "result"))
        self._note(result)

    @readable
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        answer = part(result, "result")
        self._handle_warnings(answer)
        host = part(result, "host").get_name()
        phase = self._note(result)
        self._split(host, phase)
        final = not ignore_errors and host in self._play._removed_hosts
        why = self._of_items(result) or reasons(answer, OUTPUT_LINES if final else 1)
        if final:
            self._display_failed("\n".join([self._line(host, phase, "FAILED"), *self._indented(why)]), C.COLOR_ERROR)
        elif not self._quiet:
            why = "; ".join(line.strip().rstrip(".") for line in why)
            self._say("\n".join([self._line(host, phase, "not ok"), self._fitting(INDENT + why)]), C.COLOR_WARN)

    @readable
    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._handle_warnings(part(result, "result"))
        host = part(result, "host").get_name()
        phase = self._note(result)
        del self._phases[host]
        why = " ".join(line.strip() for line in reasons(part(result, "result")))
        line = f"{self._start_of(host, phase)}  unreachable: {why}"
        self._display_failed(line, C.COLOR_UNREACHABLE)

    @readable
    def v2_on_file_diff(self, result: Any) -> None:
        answer = part(result, "result")
        answers = answer["results"] if part(result, "task").loop and "results" in answer else [answer]
        changed = [one for one in answers if one.get("changed") and one.get("diff")]
        difference = "".join(self._get_diff(one["diff"]) for one in changed)
        if difference:
            host, name = part(result, "host").get_name(), result.task_name
            self._say(f"{self._clock(time.time())} {self._label(host)}  {text.one_line(name)}:\n{difference.rstrip()}")

    @readable
    def v2_runner_item_on_ok(self, result: Any) -> None:
        answer = part(result, "result")
        self._handle_warnings(answer)
        if action_of(part(result, "task")) == "debug":
            self._items.setdefault(self._key(result), []).extend(self._said(answer))

    @readable
    def v2_runner_item_on_failed(self, result: Any) -> None:
        answer = part(result, "result")
        self._handle_warnings(answer)
        found = self._items.setdefault(self._key(result), [])
        found += [line for line in reasons(answer, 1) if line not in found]

    def _of_items(self, result: Any) -> list[str]:
        return self._items.pop(self._key(result), [])

    @staticmethod
    def _key(result: Any) -> tuple[str, str]:
        return part(result, "host").get_name(), part(result, "task")._uuid

    @readable
    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._handle_warnings(part(result, "result"))

    @readable
    def v2_runner_retry(self, result: Any) -> None:
        """An inner matter, as are those that follow."""

    @readable
    def v2_runner_on_async_poll(self, result: Any) -> None:
        pass

    @readable
    def v2_runner_on_async_ok(self, result: Any) -> None:
        pass

    @readable
    def v2_runner_on_async_failed(self, result: Any) -> None:
        pass

    @readable
    def v2_playbook_on_include(self, included_file: Any) -> None:
        pass

    @readable
    def v2_playbook_on_no_hosts_remaining(self) -> None:
        pass

    # The end

    @readable
    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._flush()
        super().v2_playbook_on_stats(Sums(stats) if len(stats.processed) > RECAP_HOSTS else stats)

    # Lines

    def _line(self, host: str, phase: Phase, state: str) -> str:
        lasted = text.right(text.seconds(phase.ended - phase.begun), SECONDS_COLUMNS)
        return f"{self._start_of(host, phase)}  {text.left(state, self._state_columns)}  {lasted}"

    def _start_of(self, host: str, phase: Phase) -> str:
        least, most = PHASE_COLUMNS
        taken = CLOCK_COLUMNS + 1 + self._host_columns + 2 + 2 + self._state_columns + 2 + SECONDS_COLUMNS
        room = max(least, min(most, self._display.columns - taken))
        return f"{self._clock(phase.ended)} {self._label(host)}  {text.left(text.cut(text.one_line(phase.name), room), room)}"

    @property
    def _state_columns(self) -> int:
        return len("would change" if self._play.check_mode else "changed")

    @staticmethod
    def _clock(at: float) -> str:
        return time.strftime("%H:%M:%S", time.localtime(at))

    def _label(self, host: str) -> str:
        return text.left(text.one_line(host), self._host_columns)

    def _widen(self, host: str) -> None:
        if host not in self._hosts:
            self._hosts.add(host)
            self._host_columns = max(self._host_columns, min(HOST_COLUMNS, text.width(text.one_line(host))))

    def _fitting(self, line: str) -> str:
        """One line on a terminal. In a file nothing is cut."""
        return text.cut(line, self._display.columns) if sys.stdout.isatty() else line

    @staticmethod
    def _indented(lines: list[str]) -> Iterator[str]:
        return (INDENT + line for line in lines)

    def _display_failed(self, lines: str, color: str) -> None:
        self._say(lines, color, stderr=self.get_option("display_failed_stderr"))

    def _say(self, lines: str, color: str | None = None, stderr: bool = False) -> None:
        """Show the lines in one go, so that those of others come before or after them."""
        if self._title_due and not self._quiet:
            self._display.display(self._title if self._first else f"\n{self._title}")
        self._title_due = self._first = False
        self._display.display(lines, color=color, stderr=stderr)
