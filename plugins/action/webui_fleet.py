# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over many hosts, on the controller alone: begun, each host noted, each wave closed, ended. No host is connected to."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import prose, waves
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.exit_status import failing_states
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.record import FACTS, Told, record
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.report import Report
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.window import window

PLAYBOOKS = ["audit", "migrate", "rollback"]
# What of a host's variables tells it from others.
TELLING = (
    *("ansible_connection", "ansible_host", "ansible_port"),
    *("webui_instance_name", "webui_container_name", "webui_state_dir", "webui_postgres_delegate_to"),
    *("webui_database_host", "webui_database_port", "webui_database_name", "webui_database_schema"),
)
# What was touched and did not come to a good end. A host that was refused was not touched, and says nothing of the next one.
STOPS_WAVES = ("restored", "down", "lost")


class ActionModule(ActionBase):
    """Translates between the playbooks and what is in C(plugin_utils/_fleet)."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _validation, told = self.validate_argument_spec(
            argument_spec={
                "state": {"type": "str", "choices": ["begun", "noted", "closed", "ended", "judged"], "required": True},
                "playbook": {"type": "str", "choices": PLAYBOOKS},
                "report_dir": {"type": "str", "default": ""},
                "inventory": {"type": "list", "elements": "str", "default": []},
                "canary": {"type": "str", "default": ""},
                "not_before": {"type": "raw"},
                "not_after": {"type": "raw"},
                "run": {"type": "raw", "default": {}},
                "host": {"type": "dict", "default": {}},
                "fail_on": {"type": "list", "elements": "str", "default": ["never"]},
                "noted": {"type": "dict", "default": {}},
                "wave": {"type": "list", "elements": "str"},
                "max_fail_percentage": {"type": "raw", "default": 0},
                "at_once": {"type": "raw", "default": 1},
            },
            required_if=[("state", "begun", ["playbook"]), ("state", "noted", ["playbook"]), ("state", "closed", ["wave"])],
        )
        work = {"begun": self._begin, "noted": self._note, "closed": self._close, "ended": self._end, "judged": self._judge}[told["state"]]
        try:
            result.update(changed=False, **work(told, task_vars or {}))
        except OSError as error:
            raise AnsibleActionFail(f"{error.filename or 'the folder of reports'}: {error.strerror}; correct webui_report_dir") from None
        return result

    def _begin(self, told: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        hosts = list(task_vars["ansible_play_hosts_all"])
        known = self._inventory_told(set(hosts) | set(told["inventory"]), task_vars)
        machines = {host: waves.machine(host, values) for host, values in known.items()}
        instances = [waves.instance(host, values, machines) for host, values in known.items()]
        clashes, hours = waves.clashes(instances), None
        # Whoever only looks is to see everything that there is, and nobody is to be kept from going back.
        is_move = told["playbook"] == "migrate"
        problems = [Problem("shared", clash) for clash in clashes] if is_move else []
        canary = told["canary"]
        if canary and canary not in hosts:
            missing = f"webui_canary is {canary}, which is not among the hosts of this run; correct it, or leave it out."
            problems.append(Problem("variable", missing))
        try:
            failing_states(told["playbook"], told["fail_on"])
            hours = window(told["not_before"], told["not_after"], time.time())
        except ValueError as error:
            problems.append(Problem("variable", str(error)))
        percentage = _number(str(told["max_fail_percentage"]).rstrip("%"))
        if percentage is None:
            what = f'webui_max_fail_percentage is "{told["max_fail_percentage"]}", which is no number; write it like 10.'
            problems.append(Problem("variable", what))
        at_once = _number(str(told["at_once"])) or 0
        if at_once < 1:
            what = f'webui_cutover_at_once is "{told["at_once"]}", which is no number of hosts; write it like 5.'
            problems.append(Problem("variable", what))
        if problems:
            return _refusal(problems)
        report = Report.begin(told["report_dir"], told["playbook"], hosts, canary, check=bool(self._task.check_mode))
        return {
            "warnings": [] if is_move else clashes,
            "run": {"folder": str(report.folder), "kept": report.kept},
            "hosts": report.hosts,
            "max_fail_percentage": percentage,
            "at_once": int(at_once),
            "opens_at": hours.opens_at if hours else None,
            "closes_at": hours.closes_at if hours else None,
            "neighbours": waves.neighbours(instances),
        }

    @staticmethod
    def _inventory_told(hosts: set[str], task_vars: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """What tells the hosts of the whole inventory from each other, in the inventory's order."""
        hostvars = task_vars["hostvars"]
        return {host: _told_of(hostvars[host]) for host in hostvars if host in hosts}

    def _note(self, told: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        facts = _plain({name: task_vars[name] for name in FACTS if name in task_vars})
        asked = Told(
            **{
                "host": task_vars["inventory_hostname"],
                "playbook": told["playbook"],
                "check": bool(self._task.check_mode),
                **_plain(told["host"]),
            }
        )
        report = self._report(told)
        noted = record(asked, facts, report.rates)
        report.note(noted)
        has_failed = noted["state"] in failing_states(told["playbook"], told["fail_on"])
        return {"record": noted, "not_as_asked": has_failed, "why": prose.message(noted) if has_failed else ""}

    def _close(self, told: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        report = self._report(told)
        records = report.close_wave(told["wave"], lambda host: self._fate(host, task_vars))
        if len(records) < len(report.hosts):
            Display().display(report.wave_summary(records))
        stopping = sum(record["state"] in STOPS_WAVES for record in records)
        return {"stop": 100 * stopping > float(told["max_fail_percentage"]) * len(records)}

    def _end(self, told: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        report = self._report(told)
        for line in report.end(lambda host: self._fate(host, task_vars), shutil.get_terminal_size((120, 24)).columns):
            Display().display(line)
        return {"page": str(report.page) if report.page else None, "counts": report.told.get("counts", {})}

    def _judge(self, told: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        # Ansible ends with another status then, and so does everything that goes by it.
        how = "unreachable" if told["noted"]["record"]["state"] == "unreachable" else "failed"
        return {how: True, "msg": told["noted"]["why"]}

    @staticmethod
    def _fate(host: str, task_vars: dict[str, Any]) -> str:
        """What became of a host that has noted nothing: its run ended on the way, or it never began."""
        began = task_vars["hostvars"][host].get("webui_instance_info") if host in task_vars["hostvars"] else None
        return "lost" if began else "pending"

    def _report(self, told: dict[str, Any]) -> Report:
        return Report(**_plain(told["run"]))


def _refusal(problems: list[Problem]) -> dict[str, Any]:
    return {
        "failed": True,
        "msg": "\n".join(["Nothing was stopped. First put right:", *(problem.message for problem in problems)]),
        "problems": [problem.as_result() for problem in problems],
        "problems_total": len(problems),
    }


def _told_of(variables: Any) -> dict[str, Any]:
    """What is not known yet, because it needs what only the host itself can tell, is as if it were not set."""
    told = {}
    for name in TELLING:
        with contextlib.suppress(AnsibleError):
            # Older releases of Ansible hand back what they could not work out.
            if name in variables and "{{" not in str(variables[name]):
                told[name] = variables[name]
    return told


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _plain(value: Any) -> Any:
    """The same without what Ansible has tied to its values."""
    return json.loads(json.dumps(value, default=str))
