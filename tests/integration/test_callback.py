# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of several hosts looks like with the callback openwebui.postgres.webui, on every promised release of ansible-core."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lab import paths, releases, webui_play
from lab.webui_play import Run

PLAYBOOKS = {"controller": webui_play.ANSIBLE_PLAYBOOK} | {one.series: one.ansible_playbook for one in releases.installed()}
HOSTS = ["chat1", "chat2", "chat10"]
TRIED = [
    {
        "block": [
            {"name": "Ask", "ansible.builtin.ping": {}},
            {"name": "Refuse", "ansible.builtin.fail": {"msg": "one\ntwo"}, "when": "inventory_hostname == 'chat2'"},
        ],
        "rescue": [{"name": "Go back", "ansible.builtin.include_tasks": "back.yml"}],
    }
]
BACK = [{"name": "Ask again", "ansible.builtin.ping": {}}]
PLAY = [
    {"name": "Look", "ansible.builtin.include_tasks": "tried.yml"},
    {"name": "Look elsewhere", "ansible.builtin.include_tasks": "tried.yml", "when": "false"},
    {"name": "Write", "ansible.builtin.copy": {"content": "new\n", "dest": "{{ playbook_dir }}/{{ inventory_hostname }}.txt"}},
    {"name": "Say", "ansible.builtin.debug": {"msg": ["all", "is well"]}, "when": "inventory_hostname == 'chat1'"},
    {"name": "Keep", "ansible.builtin.fail": {"msg": "hunter2"}, "no_log": True, "when": "inventory_hostname == 'chat10'"},
]


@pytest.fixture
def look(tmp_path: Path):
    """look(release, arguments…, strategy=…) -> the run of the play"""

    def run(release: str, *arguments: str, strategy: str = "linear", quiet: str = "no") -> Run:
        play = [{"name": "Move", "hosts": "webui", "gather_facts": False, "strategy": strategy, "tasks": PLAY}]
        for name, content in {"play": play, "tried": TRIED, "back": BACK}.items():
            (tmp_path / f"{name}.yml").write_text(json.dumps(content), encoding="utf-8")
        variables: dict[str, Any] = {"ansible_connection": "local", "ansible_python_interpreter": str(paths.PYTHON)}
        inventory = webui_play.write_inventory(tmp_path / "inventory.json", dict.fromkeys(HOSTS, variables))
        env = webui_play.environment(
            ANSIBLE_NOCOLOR="1", ANSIBLE_STDOUT_CALLBACK="openwebui.postgres.webui", HOME=str(tmp_path), OPENWEBUI_QUIET=quiet
        )
        return webui_play.play(str(tmp_path / "play.yml"), inventory, *arguments, env=env, ansible_playbook=PLAYBOOKS[release])

    return run


def lines(run: Run) -> list[str]:
    """Without what differs from run to run: the time of day, how long it took, and the width of columns."""
    text = run.output.partition("PLAY RECAP")[0]
    plain = (re.sub(r"^\d\d:\d\d:\d\d | +\d+\.\d s$", "", line) for line in text.splitlines())
    return [" ".join(line.split()) for line in plain if line.strip()]


@pytest.mark.parametrize(("release", "strategy"), [*((release, "linear") for release in PLAYBOOKS), ("controller", "free")])
def test_one_line_for_each_host_and_phase(look, release, strategy):
    run = look(release, strategy=strategy)
    assert run.code == 2
    assert "WARNING" not in run.output
    assert lines(run)[0] == "Move"
    assert sorted(lines(run)[1:]) == sorted(
        [
            *("chat1 Look ok", "chat10 Look ok", "chat2 Look not ok", "one; two", "chat2 Go back ok"),
            *("chat1 Write changed", "chat10 Write changed", "chat2 Write changed"),
            *("chat1 Say", "all", "is well"),
            *("chat10 Keep FAILED", "what it says is hidden, because no_log is set"),
        ]
    )
    assert lines(run).index("chat2 Look not ok") < lines(run).index("chat2 Go back ok") < lines(run).index("chat2 Write changed")
    assert run.changed == 3
    assert "hunter2" not in run.output


def test_in_check_mode_it_says_what_would_be_changed(look):
    run = look("controller", "--check", "--diff")
    assert lines(run)[0] == "Move (check mode: nothing is changed)"
    assert "chat1 Write would change" in lines(run)
    assert "+new" in lines(run)


def test_a_quiet_run_says_what_failed_and_no_more(look):
    run = look("controller", quiet="yes")
    assert lines(run) == ["chat10 Keep FAILED", "what it says is hidden, because no_log is set"]
    assert run.changed == 3


@pytest.mark.parametrize("release", PLAYBOOKS)
def test_with_v_it_is_what_ansible_shows(look, release):
    run = look(release, "-v")
    assert "TASK [Ask again] " in run.output
    assert 'fatal: [chat2]: FAILED! => {"changed": false, "msg": "one\\ntwo"}' in run.output
