# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook as an operator runs it: an inventory with variables, this checkout, a process of its own."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths
from .webui_service import OpenWebUI, write_private

ANSIBLE_PLAYBOOK = paths.VENV / "bin" / "ansible-playbook"
MIGRATE = "playbooks/migrate.yml"
AUDIT = "playbooks/audit.yml"
ROLLBACK = "playbooks/rollback.yml"
# A run over several hosts begins with one, and goes on with a quarter of them.
IN_ONE_WAVE = ("-e", "webui_serial=all")
# A play takes some 20 s on an idle machine.
PLAY_SECONDS = 1200


def host_variables(service: OpenWebUI, database: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a host that runs this service with the runtime `command`; `database` gives webui_database_*."""
    commands = {f"webui_command_{name}": [str(service.bin / name)] for name in ("probe", "stop", "start", "bootstrap")}
    return {
        "ansible_connection": "local",
        # Ansible's own interpreter has psycopg, so that no run has to install it first.
        "ansible_python_interpreter": str(paths.PYTHON),
        "webui_python_interpreter": str(paths.PYTHON),
        "webui_runtime": "command",
        "webui_data_dir": str(service.data),
        "webui_env_file": str(service.env_file),
        "webui_health_url": f"{service.url}/ready",
        "webui_state_dir": str(service.folder / "state"),
        **commands,
        **database,
    }


def write_inventory(path: Path, hosts: Mapping[str, Mapping[str, Any]]) -> Path:
    """An inventory with these hosts in the group `webui`. It holds passwords, so nobody else may read it."""
    write_private(path, json.dumps({"webui": {"hosts": hosts}}, indent=2))
    return path


def records(inventory: Path, playbook: str = "") -> dict[str, dict[str, Any]]:
    """What the newest run over this inventory, or the newest one of a playbook, has kept of each host."""
    return records_of(runs(inventory, playbook)[0])


def runs(inventory: Path, playbook: str = "") -> list[Path]:
    """The folders of the reports of runs over this inventory, the newest first."""
    return sorted((inventory.parent / "report" / "runs").glob(f"*-{playbook}*"), reverse=True)


def records_of(run: Path) -> dict[str, dict[str, Any]]:
    """What the report of this run says of each host."""
    return {record["host"]: record for record in json.loads((run / "report.json").read_text())["hosts"]}


def environment(**more: str) -> dict[str, str]:
    """What ansible-playbook needs of the environment: this checkout's configuration, and nothing of the caller's own.

    Tests read what each task says, as Ansible's own callback shows it.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "OPENWEBUI_", "WEBUI_"))}
    return {**inherited, "ANSIBLE_CONFIG": str(paths.ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "default", **more}


@dataclass
class Run:
    """A play that has ended."""

    code: int
    output: str

    @property
    def changed(self) -> int:
        """Sum of `changed=` over all hosts of the recap."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        return sum(int(word.partition("=")[2]) for word in recap.split() if word.startswith("changed="))

    @property
    def said(self) -> list[str]:
        """What the run says at its end, line by line: of one host in prose, of several in a table."""
        lines = self.output.partition("TASK [Say what came of the run]")[2].splitlines()[1:]
        return list(itertools.takewhile(lambda line: not line.startswith("ok: ["), lines))

    @property
    def end(self) -> str:
        """The last lines, which say what failed and why; for messages of assertions."""
        return "\n".join(self.output.splitlines()[-40:])

    def succeeded(self) -> Run:
        assert self.code == 0, self.end
        return self

    def failed_saying(self, *texts: str) -> Run:
        assert self.code != 0, self.end
        assert [text for text in texts if text not in self.output] == [], self.end
        return self


def play(
    playbook: str, inventory: Path, *arguments: str, env: dict[str, str] | None = None, ansible_playbook: Path = ANSIBLE_PLAYBOOK
) -> Run:
    """Run a playbook from the checkout to its end."""
    answer = subprocess.run(
        [ansible_playbook, playbook, "-i", inventory, "-e", f"webui_report_dir={inventory.parent / 'report'}", *arguments],
        cwd=paths.ROOT,
        env=env or environment(ANSIBLE_NOCOLOR="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PLAY_SECONDS,
        check=False,
    )
    return Run(answer.returncode, answer.stdout)
