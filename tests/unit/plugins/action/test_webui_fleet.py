# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over many hosts as the playbooks ask for it, without any host."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Iterator, Mapping

import pytest
from ansible.errors import AnsibleActionFail, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase
from ansible_collections.openwebui.postgres.plugins.action import webui_fleet
from ansible_collections.openwebui.postgres.plugins.action.webui_fleet import ActionModule
from lab import fleet_facts
from lab.fleet_facts import SECRET

FIRST = "Nothing was stopped. First put right:"
FAILED = {"failure": ["Start it:", "unhealthy"]}


class Variables(Mapping[str, Any]):
    """Those of a host. Some cannot be worked out yet, and Ansible says so when they are asked for."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told

    def __getitem__(self, name: str) -> Any:
        if self.told[name] == "later":
            raise AnsibleUndefinedVariable("'ansible_facts' is undefined")
        return self.told[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.told)

    def __len__(self) -> int:
        return len(self.told)


class Fleet:
    """Three hosts, a folder of reports, and what was shown on the terminal."""

    def __init__(self, reports: Path, lines: list[str]) -> None:
        self.reports = reports
        self.lines = lines
        self.hosts: dict[str, dict[str, Any]] = {"chat1": {}, "chat2": {}, "chat3": {}}
        self.play = ["chat1", "chat2", "chat3"]
        self.playbook = "migrate"
        self.check = False
        self.run: dict[str, Any] = {}

    def call(self, state: str, name: str = "chat1", found: Mapping[str, Any] | None = None, /, **arguments: Any) -> dict[str, Any]:
        """A task: what it returns."""
        plugin = ActionModule.__new__(ActionModule)
        plugin._task = SimpleNamespace(args={"state": state, **arguments}, check_mode=self.check)
        plugin._load_name = "webui_fleet"
        told = {
            "inventory_hostname": name,
            "ansible_play_hosts_all": self.play,
            "hostvars": {host: Variables(known) for host, known in self.hosts.items()},
        }
        answer = plugin.run(task_vars={**told, **(found or {})})
        # It goes from one process to another.
        assert json.loads(json.dumps(answer)) == answer
        assert answer["changed"] is False
        return answer

    def begin(self, **arguments: Any) -> dict[str, Any]:
        answer = self.call("begun", **{"playbook": self.playbook, "report_dir": str(self.reports), **arguments})
        self.run = answer.get("run", {})
        return answer

    def note(self, host: str, found: Mapping[str, Any], fail_on: Any = "never", **told: Any) -> dict[str, Any]:
        given = {
            "database": {"name": "openwebui", "host": "db1", "port": "5432"},
            "sqlite_path": "/srv/webui.db",
            "data_dir": "/srv",
            **told,
        }
        return self.call("noted", host, found, playbook=self.playbook, run=self.run, host=given, fail_on=fail_on)

    def close(self, *wave: str, **arguments: Any) -> dict[str, Any]:
        return self.call("closed", run=self.run, wave=list(wave), **arguments)

    def end(self) -> dict[str, Any]:
        return self.call("ended", run=self.run)

    @property
    def states(self) -> dict[str, str]:
        report = json.loads((Path(self.run["folder"]) / "report.json").read_text(encoding="utf-8"))
        return {record["host"]: record["state"] for record in report["hosts"]}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet(tmp_path / "reports", [])
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(webui_fleet, "Display", lambda: SimpleNamespace(display=made.lines.append))
    monkeypatch.setattr(webui_fleet.shutil, "get_terminal_size", lambda _fallback: SimpleNamespace(columns=100, lines=24))
    return made


# Begun


def test_a_run_begins_with_its_hosts_in_order(fleet: Fleet) -> None:
    answer = fleet.begin(canary="chat3")
    assert answer["hosts"] == ["chat3", "chat1", "chat2"]
    assert answer["run"]["kept"] is True
    assert Path(answer["run"]["folder"]).parent == fleet.reports / "runs"
    assert (answer["opens_at"], answer["closes_at"], answer["neighbours"], answer["warnings"]) == (None, None, [], [])


@pytest.mark.parametrize(("said", "number"), [("25%", 25.0), ("0", 0.0), (10, 10.0)])
def test_a_percentage_may_be_written_as_one(fleet: Fleet, said: Any, number: float) -> None:
    assert fleet.begin(max_fail_percentage=said)["max_fail_percentage"] == number


@pytest.mark.parametrize("told", [{"max_fail_percentage": "some"}, {"at_once": 0}, {"at_once": "all"}, {"at_once": ""}])
def test_what_is_no_number_is_refused_before_a_host_is_looked_at(fleet: Fleet, told: dict[str, Any]) -> None:
    (problem,) = fleet.begin(**told)["problems"]
    assert "which is no number" in problem["message"]


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_left(fleet: Fleet) -> None:
    fleet.hosts = {name: {"webui_database_host": "db1", "webui_database_name": "chats"} for name in fleet.hosts}
    answer = fleet.begin(canary="chat9", not_before="2am")
    assert answer["failed"] is True
    assert [problem["kind"] for problem in answer["problems"]] == ["shared", "variable", "variable"]
    assert answer["problems_total"] == 3
    messages = [problem["message"] for problem in answer["problems"]]
    assert messages[0].startswith("chat1, chat2 and chat3 would share the database chats at db1, port 5432")
    assert messages[1] == "webui_canary is chat9, which is not among the hosts of this run; correct it, or leave it out."
    assert messages[2] == 'webui_not_before is "2am", which is no time of the day; write it like "02:00".'
    assert answer["msg"].splitlines() == [FIRST, *messages]
    assert not fleet.reports.exists()


@pytest.mark.parametrize("playbook", ["audit", "rollback"])
def test_what_hosts_would_share_is_a_warning_where_nothing_is_moved(fleet: Fleet, playbook: str) -> None:
    fleet.playbook = playbook
    fleet.hosts = {name: {"ansible_host": "192.0.2.1"} for name in fleet.hosts}
    answer = fleet.begin()
    assert "failed" not in answer
    assert len(answer["warnings"]) == 1
    assert answer["warnings"][0].startswith("chat1, chat2 and chat3 are on one machine")
    assert answer["neighbours"] == ["chat1", "chat2", "chat3"]


def test_an_audit_is_refused_what_it_is_to_fail_on_before_it_looks(fleet: Fleet) -> None:
    fleet.playbook = "audit"
    answer = fleet.begin(fail_on="not_redy")
    assert answer["problems"][0]["message"].startswith("webui_audit_fail_on: not_redy is none of")


def test_a_host_that_the_run_is_not_about_is_in_its_way_all_the_same(fleet: Fleet) -> None:
    same = {"webui_database_host": "db1", "webui_database_name": "chats"}
    fleet.hosts |= {"chat1": same, "chat4": same, "db1": {}}
    fleet.play = ["chat1"]
    assert fleet.begin(inventory=["chat1", "chat4"])["problems"][0]["message"].startswith("chat1 and chat4 would share")
    # Hosts that are neither in the run nor in the group that it is about are others' affair.
    assert "failed" not in fleet.begin(inventory=["chat1"])


@pytest.mark.parametrize("unknown", ["later", "{{ ansible_facts.hostname }}"])
def test_what_only_the_host_itself_can_tell_is_as_if_it_was_not_set(fleet: Fleet, unknown: str) -> None:
    names = ("webui_database_name", "webui_database_port", "ansible_port", "ansible_host", "webui_database_host")
    fleet.hosts = {name: dict.fromkeys(names, unknown) for name in fleet.hosts}
    assert "failed" not in fleet.begin()


def test_a_window_is_told_in_seconds(fleet: Fleet) -> None:
    answer = fleet.begin(not_before="02:00", not_after="")
    assert answer["closes_at"] - answer["opens_at"] in (5 * 3600, 6 * 3600, 7 * 3600)


def test_a_folder_that_cannot_be_made_is_said_in_one_line(fleet: Fleet) -> None:
    fleet.reports.write_text("")
    with pytest.raises(AnsibleActionFail) as caught:
        fleet.begin()
    assert str(caught.value).startswith(str(fleet.reports))
    assert str(caught.value).endswith("; correct webui_report_dir")


@pytest.mark.parametrize(
    "arguments", [{"state": "begun"}, {"state": "noted"}, {"state": "closed"}, {"state": "later"}, {"state": "ended", "to": 1}]
)
def test_arguments_are_held_against_the_documentation(fleet: Fleet, arguments: dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail, match=r"playbook|wave|value of state|Unsupported"):
        fleet.call(arguments.pop("state"), **arguments)


# Noted


def test_what_came_of_a_host_is_on_disk_at_once(fleet: Fleet) -> None:
    fleet.begin()
    answer = fleet.note("chat2", fleet_facts.moved())
    assert (answer["record"]["state"], answer["not_as_asked"], answer["why"]) == ("migrated", False, "")
    kept = (Path(fleet.run["folder"]) / "hosts" / "chat2.json").read_text(encoding="utf-8")
    assert json.loads(kept) == answer["record"]
    assert SECRET not in kept


def test_of_all_variables_of_a_host_only_what_the_roles_register_is_looked_at(fleet: Fleet) -> None:
    fleet.begin()
    answer = fleet.note("chat1", {**fleet_facts.moved(), "webui_database_password": SECRET, "vault": {"token": SECRET}})
    assert SECRET not in json.dumps(answer)


@pytest.mark.parametrize(
    ("playbook", "fail_on", "told", "fails"),
    [
        ("migrate", "never", {"findings": ["No room."]}, True),
        ("audit", "never", {"findings": ["No room."]}, False),
        ("audit", "not_ready", {"findings": ["No room."]}, True),
        ("audit", "not_ready", {}, False),
        ("audit", "not_moved", {}, True),
        ("audit", ["not_ready", "kept"], {"already": True}, True),
        ("audit", "not_ready,kept", {"already": True}, True),
    ],
)
def test_whether_a_host_is_as_it_was_asked_for(fleet: Fleet, playbook: str, fail_on: Any, told: dict[str, Any], fails: bool) -> None:
    fleet.playbook = playbook
    fleet.begin(fail_on=fail_on)
    answer = fleet.note("chat1", fleet_facts.looked(), fail_on, **told)
    assert answer["not_as_asked"] == fails
    assert bool(answer["why"]) == fails


def test_check_mode_is_noted_as_what_it_is(fleet: Fleet) -> None:
    fleet.check = True
    fleet.begin()
    assert fleet.note("chat1", fleet_facts.looked())["record"]["state"] == "rehearsed"


# Closed


@pytest.mark.parametrize(
    ("most", "failed", "stops"),
    [
        (None, 0, False),
        (None, 1, True),
        (0, 1, True),
        (50, 1, False),
        # Half of them is not more than half.
        (50, 2, False),
        (50, 3, True),
        ("50", 3, True),
        (100, 4, False),
    ],
)
def test_no_further_wave_begins_where_more_went_wrong_than_may(fleet: Fleet, most: Any, failed: int, stops: bool) -> None:
    fleet.play = ["chat1", "chat2", "chat3", "chat4"]
    fleet.hosts["chat4"] = {}
    fleet.begin()
    for number, host in enumerate(fleet.play):
        fleet.note(host, fleet_facts.moved(), **(FAILED if number < failed else {}))
    assert fleet.close(*fleet.play, **({} if most is None else {"max_fail_percentage": most}))["stop"] is stops


@pytest.mark.parametrize(
    ("told", "stops"),
    [({"findings": ["No room."]}, False), ({"window_over": True}, False), ({"failure": ["x"], "return_failure": ["y"]}, True)],
)
def test_only_what_was_touched_says_something_of_the_next_wave(fleet: Fleet, told: dict[str, Any], stops: bool) -> None:
    fleet.begin()
    fleet.note("chat1", fleet_facts.moved() if stops else fleet_facts.looked(), **told)
    assert fleet.close("chat1")["stop"] is stops


def test_a_host_that_could_not_be_reached_stops_nothing_and_one_that_was_lost_does(fleet: Fleet) -> None:
    fleet.begin()
    fleet.note("chat1", {"webui_instance_info": {"unreachable": True, "msg": "No route to host"}})
    assert fleet.close("chat1")["stop"] is False
    # It was looked at, and has noted nothing: its connection ended on the way.
    fleet.hosts["chat2"] = {"webui_instance_info": fleet_facts.instance()}
    assert fleet.close("chat2")["stop"] is True
    fleet.end()
    assert fleet.states == {"chat1": "unreachable", "chat2": "lost", "chat3": "pending"}


def test_a_wave_is_told_in_a_line_where_there_are_several(fleet: Fleet) -> None:
    fleet.begin()
    fleet.note("chat1", fleet_facts.moved())
    fleet.close("chat1")
    assert [line.partition(":")[0] for line in fleet.lines] == ["Wave 1, 1 of 3 hosts so far"]
    # One of all hosts says nothing that the end does not.
    other = fleet.begin()
    fleet.close(*other["hosts"])
    assert len(fleet.lines) == 1


# Ended


def test_a_run_of_several_hosts_ends_with_a_table(fleet: Fleet) -> None:
    fleet.begin()
    fleet.note("chat1", fleet_facts.moved())
    fleet.note("chat2", fleet_facts.moved(), **FAILED)
    answer = fleet.end()
    page = Path(fleet.run["folder"]) / "report.html"
    assert answer["counts"] == {"restored": 1, "pending": 1, "migrated": 1}
    assert answer["page"] == str(page)
    assert page.exists()
    assert [line.split()[0] for line in fleet.lines[:4]] == ["host", "chat2", "chat3", "chat1"]
    assert fleet.lines[-1] == f"Report: {page}"


def test_a_run_of_one_host_ends_in_prose(fleet: Fleet) -> None:
    fleet.play = ["chat1"]
    fleet.begin()
    fleet.note("chat1", fleet_facts.moved())
    fleet.close("chat1")
    fleet.end()
    assert fleet.lines[0] == "Open WebUI runs on PostgreSQL: openwebui at db1:5432, revision 0bd252b206fb."


def test_without_a_folder_of_reports_everything_is_said_and_nothing_kept(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fleet.begin(report_dir="")
    fleet.note("chat1", fleet_facts.moved())
    assert fleet.end() == {"changed": False, "page": None, "counts": {}}
    assert fleet.lines[0].startswith("host")
    assert list(tmp_path.iterdir()) == []


# Judged


@pytest.mark.parametrize(
    ("found", "told", "how", "begins"),
    [
        (fleet_facts.looked, {"findings": ["No room."]}, "failed", FIRST),
        (lambda: {"webui_instance_info": {"unreachable": True, "msg": "No route to host"}}, {}, "unreachable", FIRST),
        (fleet_facts.moved, FAILED, "failed", "FAILED, and Open WebUI runs on SQLite again"),
    ],
)
def test_a_host_fails_as_what_came_of_it(
    fleet: Fleet, found: Callable[[], dict[str, Any]], told: dict[str, Any], how: str, begins: str
) -> None:
    fleet.begin()
    answer = fleet.call("judged", noted=fleet.note("chat1", found(), **told))
    assert {name for name in ("failed", "unreachable") if answer.get(name)} == {how}
    assert answer["msg"].startswith(begins)
