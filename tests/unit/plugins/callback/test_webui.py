# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback, told of a run as Ansible tells it, with real tasks in real blocks."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.plugins.loader import callback_loader
from ansible.utils.context_objects import CLIArgs
from ansible.vars.manager import VariableManager
from ansible_collections.openwebui.postgres.plugins.callback import webui
from ansible_collections.openwebui.postgres.plugins.callback.webui import HIDDEN, CallbackModule, Sums, phase_of, reasons

ATTEMPT = """
- block:
    - name: Ask the server
      openwebui.postgres.webui_database: {}
    - name: Set a fact
      ansible.builtin.set_fact: {found: true}
  rescue:
    - name: Keep what it found
      ansible.builtin.set_fact: {findings: []}
    - name: Go back
      ansible.builtin.import_tasks: back.yml
"""
BACK = """
- name: Start it as before
  openwebui.postgres.webui_command: {}
"""
TASKS = """
- name: Look
  ansible.builtin.import_tasks: attempt.yml
- name: Cut over
  ansible.builtin.import_tasks: attempt.yml
- name: Report
  ansible.builtin.debug: {msg: hello}
- name: Go no further
  ansible.builtin.fail: {msg: x}
"""


class Screen:
    """Ansible's display: what was shown, each time as one text."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.on_stderr: list[str] = []
        self.warnings: list[str] = []
        self.verbosity = 0
        self.columns = 79

    def display(self, text: str, color: str | None = None, stderr: bool = False, screen_only: bool = False, log_only: bool = False) -> None:
        if not log_only:
            (self.on_stderr if stderr else self.shown).append(text)

    def banner(self, text: str, color: str | None = None) -> None:
        self.shown.append(text)

    def _warning(self, warning: Any) -> None:
        self.warnings.append(warning)


class Run:
    """A run of one play, told event by event; every event comes a second after the one before."""

    def __init__(self, callback: CallbackModule, screen: Screen, folder: Path) -> None:
        self.callback = callback
        self.screen = screen
        self.folder = folder
        self.play(TASKS)

    def play(self, tasks: str, **keywords: Any) -> None:
        for name, content in {"attempt.yml": ATTEMPT, "back.yml": BACK}.items():
            (self.folder / name).write_text(content, encoding="utf-8")
        loader = DataLoader()
        loader.set_basedir(str(self.folder))
        content = {"name": "Move", "hosts": "all", "gather_facts": False, "tasks": yaml.safe_load(tasks), **keywords}
        self.now = Play.load(content, variable_manager=VariableManager(loader), loader=loader)
        self.tasks = [task for block in self.now.compile() for task in tasks_in(block) if not task.implicit]
        self.callback.v2_playbook_on_play_start(self.now)

    def task(self, name: str, within: str = "") -> Task:
        """The task of this name, in the phase of that name where there are several."""
        return next(task for task in self.tasks if task.name == name and within in ("", top_of(task)))

    def start(self, task: Task, *hosts: str) -> None:
        self.callback.v2_playbook_on_task_start(task, is_conditional=False)
        for host in hosts:
            self.callback.v2_runner_on_start(SimpleNamespace(get_name=lambda host=host: host), task)

    def tell(self, event: str, task: Task, host: str = "chat1", old: bool = False, check: bool = False, **answer: Any) -> None:
        """One result of a task, in the shape of this ansible-core, or in that of 2.18."""
        parts = {"task": task, "host": SimpleNamespace(get_name=lambda: host, name=host), "result": answer}
        private = {f"_{name}": value for name, value in parts.items()}
        result = SimpleNamespace(**private, **({} if old else parts), _task_fields={"check_mode": check}, task_name=task.get_name())
        self.callback._current_task_result = SimpleNamespace(warnings=answer.get("warnings", []), deprecations=[], exception=None)
        getattr(self.callback, f"v2_{event}")(result)

    def ok(self, name: str, host: str = "chat1", within: str = "", **answer: Any) -> None:
        task = self.task(name, within)
        self.start(task, host)
        self.tell("runner_on_ok", task, host, **answer)

    def fail(self, name: str, host: str = "chat1", within: str = "", final: bool = False, **answer: Any) -> None:
        task = self.task(name, within)
        self.start(task, host)
        if final:
            self.now._removed_hosts.append(host)
        self.tell("runner_on_failed", task, host, **answer)

    def end(self, **figures: dict[str, int]) -> None:
        self.callback.v2_playbook_on_stats(stats_of(figures or {"chat1": {}}))

    @property
    def lines(self) -> list[str]:
        """What is there to read, with single blanks, and without the title and the recap."""
        text = "\n".join(self.screen.shown).partition("PLAY RECAP")[0]
        return [" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.startswith("Move")]


def tasks_in(node: Any) -> list[Task]:
    if isinstance(node, Block):
        return [task for part in (node.block, node.rescue, node.always) for child in part for task in tasks_in(child)]
    return [node]


def top_of(task: Task) -> str:
    names = []
    node: Any = task
    while node is not None:
        names += [node.name] if isinstance(node, Task) else []
        node = node._parent
    return names[-1]


def stats_of(figures: dict[str, dict[str, int]]) -> SimpleNamespace:
    nothing = dict.fromkeys(("ok", "changed", "unreachable", "failures", "skipped", "rescued", "ignored"), 0)
    each = {host: {**nothing, **given} for host, given in figures.items()}
    return SimpleNamespace(processed=dict.fromkeys(each, 1), custom={}, summarize=each.__getitem__)


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def run(screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    seconds = itertools.count()
    clock = SimpleNamespace(time=lambda: next(seconds), localtime=webui.time.gmtime, strftime=webui.time.strftime)
    monkeypatch.delenv("OPENWEBUI_QUIET", raising=False)
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"check": False, "diff": False}))
    callback = callback_loader.get("openwebui.postgres.webui")
    assert isinstance(callback, CallbackModule)
    monkeypatch.setattr(webui, "time", clock)
    callback.set_options()
    callback._display = screen
    return Run(callback, screen, tmp_path)


# Phases


def test_a_phase_is_told_when_the_next_one_begins(run):
    run.ok("Ask the server", within="Look")
    assert run.lines == []
    run.ok("Ask the server", within="Cut over", changed=True)
    run.end()
    assert run.lines == ["00:00:01 chat1 Look ok 1.0 s", "00:00:03 chat1 Cut over changed 1.0 s"]


def test_the_title_comes_once_and_before_the_first_line(run):
    for _batch in range(2):
        run.callback.v2_playbook_on_play_start(run.now)
        run.ok("Ask the server", within="Look")
    run.end()
    assert [text.splitlines()[0] for text in run.screen.shown[:2]] == ["Move", "00:00:01 chat1  Look" + " " * 40 + "  ok          1.0 s"]
    assert sum(text.startswith("Move") for text in run.screen.shown) == 1


def test_inner_tasks_facts_and_what_is_skipped_are_silent(run):
    run.ok("Set a fact", within="Look", ansible_facts={})
    task = run.task("Ask the server", within="Cut over")
    run.start(task, "chat1")
    run.tell("runner_on_skipped", task)
    run.end()
    assert run.lines == []


def test_hosts_in_lockstep_are_told_in_the_order_in_which_they_were_done(run):
    look, cut_over = (run.task("Ask the server", within=phase) for phase in ("Look", "Cut over"))
    run.start(look, "chat1", "chat10")
    run.tell("runner_on_ok", look, "chat10")
    run.tell("runner_on_ok", look, "chat1")
    run.start(cut_over, "chat1")
    assert run.lines == ["00:00:02 chat10 Look ok 1.0 s", "00:00:03 chat1 Look ok 3.0 s"]
    # Padded, so that phases stand below each other.
    assert len({line.index("Look") for line in run.screen.shown[1:]}) == 1


def test_hosts_that_are_free_are_told_one_by_one(run):
    run.play(TASKS, strategy="ansible.builtin.free")
    look, cut_over = (run.task("Ask the server", within=phase) for phase in ("Look", "Cut over"))
    for host in ("chat1", "chat2"):
        run.start(look, host)
        run.tell("runner_on_ok", look, host)
    run.start(cut_over, "chat2")
    assert [line.split()[1:3] for line in run.lines] == [["chat2", "Look"]]


def test_a_play_of_roles_has_a_phase_for_each_role():
    role = SimpleNamespace(_uuid="r", get_name=lambda: "openwebui.postgres.webui_info")
    task = SimpleNamespace(_uuid="t", _role=role, _parent=None, get_name=lambda: "role : inner")
    assert phase_of(task) == ("r", "openwebui.postgres.webui_info")


def test_a_long_name_is_cut_to_the_terminal_and_a_host_never(run):
    name = " ".join(["Look"] * 30)
    run.play(TASKS.replace("Look", name))
    host = "a-host-with-a-name-that-is-longer-than-a-column"
    run.ok("Ask the server", host, within=name)
    run.end()
    assert run.lines == [f"00:00:01 {host} Look Look Look Look… ok 1.0 s"]


def test_what_would_be_changed_is_not_said_to_be_changed(run):
    run.play(TASKS, check_mode=True)
    run.ok("Ask the server", within="Look", changed=True, check=True)
    run.ok("Ask the server", within="Cut over", changed=True, check=False)
    run.end()
    assert run.screen.shown[0] == "Move (check mode: nothing is changed)"
    assert [line.split(maxsplit=2)[2] for line in run.lines] == ["Look would change 1.0 s", "Cut over changed 1.0 s"]


@pytest.mark.parametrize("old", [False, True], ids=["from 2.19 on", "2.18"])
def test_results_are_read_in_the_shape_of_every_release(run, old):
    task = run.task("Ask the server", within="Look")
    run.start(task, "chat1")
    run.tell("runner_on_ok", task, old=old, changed=True)
    run.end()
    assert run.lines == ["00:00:01 chat1 Look changed 1.0 s"]


# Failures


def test_what_is_rescued_is_one_line_of_reasons_and_the_way_back_a_phase(run):
    run.fail("Ask the server", within="Cut over", msg="no such role\nno such database.")
    run.ok("Keep what it found", within="Cut over")
    run.ok("Start it as before", within="Cut over", changed=True)
    run.end()
    assert run.lines == [
        "00:00:01 chat1 Cut over not ok 1.0 s",
        "no such role; no such database",
        "00:00:05 chat1 Go back changed 1.0 s",
    ]
    assert "fatal" not in "".join(run.screen.shown)


def test_what_is_ignored_is_not_said_to_have_failed(run):
    task = run.task("Ask the server", within="Look")
    run.start(task, "chat1")
    run.now._removed_hosts.append("chat1")
    result = SimpleNamespace(task=task, host=SimpleNamespace(get_name=lambda: "chat1"), result={"msg": "x"})
    run.callback.v2_runner_on_failed(result, ignore_errors=True)
    assert run.lines == ["00:00:01 chat1 Look not ok 1.0 s", "x"]


def test_a_failure_is_told_in_lines(run):
    run.fail("Go no further", msg="Nothing was stopped. First put right:\n  the disk is full\n\n  \x1b[2Jno rights\n", final=True)
    assert run.screen.shown[1].splitlines() == [
        "00:00:01 chat1  Go no further" + " " * 32 + " FAILED      1.0 s",
        "    Nothing was stopped. First put right:",
        "      the disk is full",
        "      no rights",
    ]


def test_what_was_done_before_a_failure_has_no_second_line(run):
    run.ok("Set a fact", within="Look", changed=True)
    run.fail("Ask the server", within="Look", msg="x", final=True)
    run.end()
    assert run.lines == ["00:00:02 chat1 Look FAILED 2.0 s", "x"]


def test_a_host_that_cannot_be_reached_is_one_line(run):
    task = run.task("Ask the server", within="Look")
    run.start(task, "chat1")
    run.tell("runner_on_unreachable", task, msg="Failed to connect via ssh: \r\nConnection refused", unreachable=True)
    run.end()
    assert run.lines == ["00:00:01 chat1 Look unreachable: Failed to connect via ssh: Connection refused"]


def test_failures_go_where_ansible_is_told_to_send_them(run):
    run.callback.set_option("display_failed_stderr", True)
    run.fail("Go no further", msg="x", final=True)
    assert [text.splitlines()[-1] for text in run.screen.on_stderr] == ["    x"]


def test_items_of_a_loop_say_why_they_failed(run):
    task = run.task("Ask the server", within="Look")
    run.start(task, "chat1")
    for item in ("a", "b", "b"):
        run.tell("runner_item_on_failed", task, msg=f"{item} is taken", item=item)
    run.now._removed_hosts.append("chat1")
    run.tell("runner_on_failed", task, msg="One or more items failed", results=[{"msg": "a is taken"}])
    assert run.lines[1:] == ["a is taken", "b is taken"]


def test_only_problems_in_the_way_are_reasons():
    problems = [{"kind": "disk", "message": "the disk is full"}]
    assert reasons({"msg": "2 problems", "problems": problems}) == ["the disk is full"]
    assert reasons({"msg": "not a database", "problems": problems, "ready": False}) == ["not a database"]


def test_the_last_lines_of_a_program_belong_to_its_failure():
    answer = {"msg": "non-zero return code", "stdout": "working", "stderr": "one\ntwo\n\nthree\n"}
    assert reasons(answer, 2) == ["non-zero return code", "two", "three"]
    assert reasons(answer) == ["non-zero return code"]
    assert reasons({"msg": "x", "module_stdout": "said"}, 10) == ["x", "said"]


@pytest.mark.parametrize(
    "answer", [{"_ansible_no_log": True, "msg": "hunter2", "stderr": "hunter2"}, {"censored": "hidden", "msg": "hunter2"}]
)
def test_no_secret_is_told(run, answer):
    run.ok("Report", **answer)
    task = run.task("Ask the server", within="Look")
    run.tell("runner_item_on_failed", task, **answer)
    run.tell("runner_on_failed", task, **answer)
    assert HIDDEN in run.lines
    assert "hunter2" not in "".join(run.screen.shown)


@pytest.mark.parametrize("answer", [{}, {"msg": ""}, {"msg": None}, {"msg": []}])
def test_a_failure_without_a_word_says_so(answer):
    assert reasons(answer) == ["no reason given"]


def test_that_a_task_failed_need_not_be_said_twice():
    assert reasons({"msg": "Task failed: no route to host\nnone at all"}) == ["no route to host", "none at all"]


# What a playbook says, and differences


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ({"msg": "one\ntwo"}, ["    one", "    two"]),
        ({"msg": ["one", "  two", 3]}, ["    one", "      two", "    3"]),
        ({"webui_audit": {"ready": True}, "changed": False}, ["    webui_audit:", "        {", '          "ready": true', "        }"]),
        ({"results": ["a"]}, ["    results:", "        a"]),
    ],
    ids=["text", "list", "variable", "variable of a misleading name"],
)
def test_a_message_is_told_in_lines(run, answer, lines):
    run.ok("Report", _ansible_verbose_always=True, **answer)
    assert run.screen.shown[1].splitlines() == ["00:00:01 chat1  Report", *lines]


def test_messages_of_a_loop_are_told_together(run):
    for item in ("one", "two"):
        run.tell("runner_item_on_ok", run.task("Report"), msg=item, item=item)
    run.tell("runner_item_on_ok", run.task("Ask the server", within="Look"), msg="no one asked")
    run.ok("Report", msg="All items completed", results=[{"msg": "one"}, {"msg": "two"}, {"false_condition": "x"}])
    assert run.lines[-2:] == ["one", "two"]


def test_a_message_comes_after_what_was_done_before_it(run):
    tasks = [{"name": "Settings", "openwebui.postgres.webui_env_file": {}}, {"name": "Report", "ansible.builtin.debug": {"msg": "kept"}}]
    (run.folder / "said.yml").write_text(yaml.safe_dump(tasks), encoding="utf-8")
    run.play("[{name: Keep, ansible.builtin.import_tasks: said.yml}]")
    run.ok("Settings", changed=True)
    run.ok("Report", msg="kept")
    run.ok("Settings")
    run.end()
    assert run.lines == ["00:00:02 chat1 Keep changed 2.0 s", "00:00:02 chat1 Report", "kept", "00:00:03 chat1 Keep ok 1.0 s"]


@pytest.mark.parametrize("loop", [False, True], ids=["one", "items"])
def test_differences_are_shown(run, loop):
    one = {"changed": True, "diff": {"before": "a\n", "after": "b\n"}}
    task = run.task("Ask the server", within="Look")
    task.loop = [1, 2] if loop else None
    run.tell("on_file_diff", task, **({"results": [one, {"changed": False, "diff": one["diff"]}]} if loop else one))
    assert [line for line in run.lines if line in ("-a", "+b")] == ["-a", "+b"]
    assert run.lines[0].endswith("chat1 Ask the server:")


# Warnings, verbosity, quiet


@pytest.mark.parametrize("event", ["runner_on_ok", "runner_on_skipped", "runner_on_failed", "runner_on_unreachable", "runner_item_on_ok"])
def test_warnings_are_shown(run, event):
    run.tell(event, run.task("Ask the server", within="Look"), warnings=["beware"])
    assert run.screen.warnings == ["beware"]


def test_with_v_every_task_is_shown_as_ansible_shows_it(run):
    run.screen.verbosity = 1
    task = run.task("Ask the server", within="Look")
    run.start(task, "chat1")
    run.tell("runner_on_ok", task, changed=True)
    assert run.screen.shown[-2:] == ["TASK [Ask the server]", 'changed: [chat1] => {"changed": true}']


def test_every_event_that_ansible_shows_is_thought_of():
    shown = {name for name in vars(Default) if name.startswith("v2_")}
    # Shown with -vv, or asked for by an option of its own, or all that there is to say.
    as_ever = {"v2_playbook_on_start", "v2_playbook_on_notify", "v2_playbook_on_no_hosts_matched"}
    assert shown - as_ever - {"v2_playbook_on_cleanup_task_start"} == {name for name in vars(CallbackModule) if name.startswith("v2_")}


def test_quiet_shows_failures_and_the_recap_alone(run, monkeypatch):
    monkeypatch.setenv("OPENWEBUI_QUIET", "yes")
    run.callback.set_options()
    run.ok("Ask the server", within="Look", changed=True)
    run.fail("Ask the server", within="Cut over", msg="rescued")
    run.ok("Report", msg="hello")
    run.fail("Go no further", msg="x", final=True)
    run.end()
    assert [line.split(maxsplit=2)[-1] for line in run.lines] == ["Go no further FAILED 1.0 s", "x"]
    assert "PLAY RECAP" in run.screen.shown


@pytest.mark.parametrize(("option", "told"), [(True, "yes"), (False, None)])
def test_those_who_show_progress_learn_that_it_is_quiet(run, monkeypatch, option, told):
    # What the callback sets is undone with it.
    monkeypatch.setenv("OPENWEBUI_QUIET", "")
    monkeypatch.delenv("OPENWEBUI_QUIET")
    run.callback.set_options(direct={"quiet": option})
    assert os.environ.get("OPENWEBUI_QUIET") == told


# The recap


def test_the_recap_of_a_few_hosts_is_that_of_ansible(run):
    run.end(chat1={"ok": 12, "changed": 3}, chat2={"failures": 1})
    words = [text.split() for text in run.screen.shown if text.startswith("chat")]
    assert words[0][:6] == ["chat1", ":", "ok=12", "changed=3", "unreachable=0", "failed=0"]
    assert words[1][:6] == ["chat2", ":", "ok=0", "changed=0", "unreachable=0", "failed=1"]


def test_the_recap_of_many_hosts_names_those_that_failed(run):
    figures = {f"chat{number:02}": {"ok": 2, "changed": 1} for number in range(20)}
    figures["chat07"]["failures"] = figures["chat08"]["unreachable"] = 1
    run.end(**figures)
    lines = [" ".join(text.split()) for text in run.screen.shown[1:] if " : " in text]
    assert [line.partition(" unreachable")[0] for line in lines] == [
        "18 other hosts : ok=36 changed=18",
        "chat07 : ok=2 changed=1",
        "chat08 : ok=2 changed=1",
    ]


def test_many_hosts_that_went_well_are_one_line():
    sums = Sums(stats_of({f"chat{number}": {"ok": 1} for number in range(11)}))
    assert list(sums.processed) == ["11 hosts"]
    assert sums.summarize("11 hosts")["ok"] == 11


def test_the_options_are_those_of_ansible_and_quiet():
    documentation = yaml.safe_load(webui.DOCUMENTATION)
    assert list(documentation["options"]) == ["quiet"]
    assert documentation["options"]["quiet"]["env"] == [{"name": "OPENWEBUI_QUIET"}]
