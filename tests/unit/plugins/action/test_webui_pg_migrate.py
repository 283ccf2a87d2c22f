# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of progress, and how the module is run in the background for them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.openwebui.postgres.plugins.action import webui_pg_migrate
from ansible_collections.openwebui.postgres.plugins.action.webui_pg_migrate import ActionModule, Narrator


def state(phase: str = "load", **given: Any) -> dict[str, Any]:
    nothing = {"table": "chat", "rows": 0, "rows_total": 1000, "bytes": 0, "bytes_total": 100_000_000, "seconds": 0.0}
    return {"phase": phase, **nothing, **given}


# What a line says


def test_a_line_while_loading():
    line = Narrator("web1").tell(state(rows=1234, rows_total=56789, bytes=40_000_000, seconds=2.0), 0.0)
    assert line == "[web1] loading 40 % | chat | 1,234 of 56,789 rows | 40.0 MB | 20.0 MB/s | about 3 s left"


def test_the_first_line_knows_nothing_yet():
    assert Narrator("web1").tell(state(table=""), 0.0) == "[web1] loading  0 % | starting | 0 of 1,000 rows"


def test_where_bytes_are_not_counted_rows_tell_how_far_it_is():
    line = Narrator("web1").tell(state("scan", rows=250, bytes_total=0, seconds=1.0), 0.0)
    assert line == "[web1] looking at every value 25 % | chat | 250 of 1,000 rows | about 3 s left"


def test_reading_back():
    line = Narrator("web1").tell(state("prove", rows=999, bytes=99_500_000, seconds=1.0), 0.0)
    assert line == "[web1] reading back 99 % | chat | 999 of 1,000 rows | 99.5 MB | 99.5 MB/s | about 0 s left"


@pytest.mark.parametrize("size", [100_000_000, 250_000_000])
def test_nothing_is_complete_before_the_module_says_so(size):
    assert " 99 % " in Narrator("web1").tell(state(rows=1000, bytes=size, seconds=1.0), 0.0)


def test_an_empty_source_is_no_division_by_zero():
    assert " 0 % " in Narrator("web1").tell(state(rows_total=0, bytes_total=0), 0.0)


@pytest.mark.parametrize("content", [{}, {"phase": "plan"}, state("commit"), {"phase": None}, {"phase": "later"}])
def test_there_is_nothing_to_say_of_other_phases(content):
    assert Narrator("web1").tell(content, 0.0) is None


def test_a_line_among_those_of_many_hosts():
    narrator = Narrator("web1", ["web1", "web-twelve"])
    narrator.tell(state(), 0.0)
    line = narrator.tell(state(rows=1234, rows_total=56789, bytes=40_000_000, seconds=20.0), 20.0)
    assert line == "[web1      ] loading                      40 % | 2.0 MB/s | about 30 s left"


def test_a_host_orders_nothing_on_a_terminal():
    assert Narrator("we\x1b[2Jb\n1").tell(state(), 0.0).startswith("[web 1] loading")


# When there is a line


def told(*states: tuple[float, dict[str, Any]]) -> list[float]:
    """The times at which there was one."""
    narrator = Narrator("web1")
    return [now for now, content in states if narrator.tell(content, now)]


def test_a_line_for_every_ten_percent():
    steps = [(position / 100, state(bytes=position * 1_000_000)) for position in range(100)]
    assert told(*steps) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def test_a_line_every_five_seconds_when_it_is_slow():
    assert told(*((now / 2, state(bytes=1_000_000)) for now in range(30))) == [0.0, 5.0, 10.0]


def test_a_new_phase_is_told_at_once():
    assert told((0.0, state("load", bytes=50_000_000)), (0.1, state("prove")), (0.2, state("prove", bytes=9_000_000))) == [0.0, 0.1]


def test_a_file_that_is_not_there_for_a_moment_changes_nothing():
    assert told((0.0, state()), (0.5, {}), (1.0, state())) == [0.0]


def told_of_many(*states: tuple[float, dict[str, Any]]) -> list[float]:
    narrator = Narrator("web1", ["web1", "web2"])
    return [now for now, content in states if narrator.tell(content, now)]


def test_of_many_hosts_what_is_soon_over_has_no_line():
    assert told_of_many(*((second / 2, state(bytes=second * 20_000_000)) for second in range(6))) == []


def test_of_many_hosts_a_line_at_most_every_ten_seconds():
    assert told_of_many(*((float(second), state(bytes=second * 5_000_000)) for second in range(20))) == [3.0, 13.0]


def test_of_many_hosts_none_without_progress():
    assert told_of_many(*((float(second), state(bytes=1_000_000)) for second in range(60))) == [3.0]


def test_of_many_hosts_a_new_phase_waits_for_its_turn():
    assert told_of_many(*((float(second), state("load" if second < 5 else "prove")) for second in range(20))) == [3.0, 13.0]


# How the module is run


class Remote:
    """The machine that the module runs on: what it was asked, and what it answers."""

    def __init__(self, states: list[str], result: dict[str, Any]) -> None:
        self.states = states
        self.result = result
        self.calls: list[tuple[str, dict[str, Any], bool]] = []
        self.commands: list[str] = []
        self.check_modes: list[bool] = []

    def execute_module(
        self,
        plugin: ActionModule,
        module_name: str | None = None,
        module_args: dict | None = None,
        task_vars: object = None,
        wrap_async: bool = False,
    ) -> dict[str, Any]:
        arguments = plugin._task.args if module_args is None else module_args
        self.calls.append((module_name or "module", dict(arguments), wrap_async))
        self.check_modes.append(plugin._task.check_mode)
        if module_name is None:
            return {"results_file": "/home/ada/.ansible_async/j1.2", "ansible_job_id": "j1.2"} if wrap_async else self.result
        if module_args["mode"] == "cleanup":
            return {"erased": "x"}
        return {**self.result, "finished": 1, "ansible_job_id": "j1.2", "stdout": "", "stderr": ""} if not self.states else {"finished": 0}

    def run_command(self, command: str) -> dict[str, str]:
        self.commands.append(command)
        return {"stdout": self.states.pop(0) if self.states and command.startswith("cat ") else ""}


@pytest.fixture(autouse=True)
def not_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENWEBUI_QUIET", raising=False)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    """run({"path": …}, states=[…]) -> the task's result, the remote machine, and the lines that were shown"""

    def run_it(
        arguments: dict,
        states: list[str] = (),
        result: dict | None = None,
        async_val: int = 0,
        check: bool = False,
        batch: Iterable[str] = ("web1",),
    ):
        remote = Remote(list(states), {"changed": True} if result is None else result)
        lines: list[str] = []

        def execute_module(plugin: ActionModule, *names, **given) -> dict:
            return remote.execute_module(plugin, *names, **given)

        monkeypatch.setattr(webui_pg_migrate, "Display", lambda: SimpleNamespace(display=lines.append))
        monkeypatch.setattr(webui_pg_migrate.time, "sleep", lambda _seconds: None)
        monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
        monkeypatch.setattr(ActionModule, "_execute_module", execute_module)
        monkeypatch.setattr(ActionModule, "_low_level_execute_command", lambda _plugin, command: remote.run_command(command))
        monkeypatch.setattr(ActionModule, "get_shell_option", lambda *_arguments: ["/var/tmp", "/tmp"])
        plugin = ActionModule.__new__(ActionModule)
        plugin._task = SimpleNamespace(args=arguments, async_val=async_val, check_mode=check)
        answer = plugin.run(task_vars={"inventory_hostname": "web1", "ansible_play_batch": list(batch)})
        assert plugin._task.async_val == async_val
        assert plugin._task.check_mode == check
        return answer, remote, lines

    return run_it


def test_progress_is_shown_and_nothing_of_the_background_is_left(run):
    states = [json.dumps(state(bytes=size)) for size in (10_000_000, 12_000_000, 60_000_000)]
    answer, remote, lines = run({"path": "/data/webui.db", "login_password": "hunter2"}, states)
    assert answer == {"changed": True}
    assert [line[:17] for line in lines] == ["[web1] loading 10", "[web1] loading 60"]
    assert [(name, arguments.get("mode")) for name, arguments, _wrap in remote.calls] == [
        ("module", None),
        ("ansible.legacy.async_status", "status"),
        ("ansible.legacy.async_status", "cleanup"),
    ]
    assert remote.calls[1][1] == {"jid": "j1.2", "mode": "status", "_async_dir": "/home/ada/.ansible_async"}
    file = remote.calls[0][1]["progress_file"]
    assert file.startswith("/tmp/.webui-progress-")
    assert remote.commands[-1] == f"rm -f {file} {file}.new"
    assert not any("hunter2" in command for command in remote.commands)


def test_the_arguments_of_the_task_stay_as_they_are(run):
    arguments = {"path": "/data/webui.db"}
    run(arguments)
    assert arguments == {"path": "/data/webui.db"}


def test_no_two_runs_share_a_file(run):
    files = {run({"path": "/data/webui.db"})[1].calls[0][1]["progress_file"] for _run in range(3)}
    assert len(files) == 3


def test_a_rehearsal_is_asked_for_and_cleaned_up_after(run):
    _answer, remote, _lines = run({"path": "/data/webui.db"}, check=True)
    assert remote.check_modes == [True, False, False]


@pytest.mark.parametrize("junk", ["", "{", "[]", "null", "sudo: a password is required"])
def test_what_is_no_state_is_passed_over(run, junk):
    answer, _remote, lines = run({"path": "/data/webui.db"}, [junk])
    assert answer == {"changed": True}
    assert lines == []


@pytest.mark.parametrize(
    "arguments",
    [{"progress": False}, {"progress": "no"}, {"state": "abandoned"}, {"progress_file": "/tmp/mine"}],
    ids=["not wanted", "not wanted, as text", "nothing to show", "someone else shows it"],
)
def test_without_progress_the_module_runs_as_any_other(run, arguments):
    answer, remote, lines = run({"path": "/data/webui.db", **arguments})
    assert answer == {"changed": True}
    assert [(name, wrap) for name, _arguments, wrap in remote.calls] == [("module", False)]
    assert remote.commands == lines == []


def test_a_quiet_run_shows_no_progress(run, monkeypatch):
    monkeypatch.setenv("OPENWEBUI_QUIET", "yes")
    _answer, remote, lines = run({"path": "/data/webui.db"}, [json.dumps(state())])
    assert [(name, wrap) for name, _arguments, wrap in remote.calls] == [("module", False)]
    assert lines == []


@pytest.mark.parametrize("value", ["", "no", "0", "whatever"])
def test_what_does_not_say_quiet_is_not_quiet(run, monkeypatch, value):
    monkeypatch.setenv("OPENWEBUI_QUIET", value)
    _answer, _remote, lines = run({"path": "/data/webui.db"}, [json.dumps(state())])
    assert len(lines) == 1


def test_hosts_that_move_at_the_same_time_are_known(run):
    _answer, _remote, lines = run({"path": "/data/webui.db"}, [json.dumps(state())], batch=["web1", "web2"])
    assert lines == []


def test_a_task_in_the_background_stays_there(run):
    _answer, remote, _lines = run({"path": "/data/webui.db"}, async_val=3600)
    assert [(name, "progress_file" in arguments, wrap) for name, arguments, wrap in remote.calls] == [("module", False, True)]


def test_a_refusal_is_handed_on(run):
    refusal = {"failed": True, "msg": "in use", "problems": [{"kind": "in_use", "message": "in use"}]}
    answer, _remote, _lines = run({"path": "/data/webui.db"}, result=refusal)
    assert answer == refusal


def test_a_module_that_was_killed(run):
    with pytest.raises(AnsibleActionFail, match="the module ended without a result"):
        run({"path": "/data/webui.db"}, result={})


def test_a_module_that_did_not_start(run, monkeypatch):
    def fail(_remote: Remote, *_names: object, **_given: object) -> dict[str, Any]:
        return {"failed": True, "msg": "no python"}

    monkeypatch.setattr(Remote, "execute_module", fail)
    answer, remote, _lines = run({"path": "/data/webui.db"})
    assert answer == {"failed": True, "msg": "no python"}
    assert remote.commands == []
