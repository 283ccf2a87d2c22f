# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI that the operator's own commands start and stop, with an env file.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import subprocess
from typing import Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._instance.command import ask, insist, run, wait_until_stopped
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.env_file import look, secrets_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Capabilities, Instance, Runtime
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Service, of_commands
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, one_line, refuse

COMMANDS = ("probe", "stop", "start", "bootstrap")
_LOOKUP = 'for word; do command -v "$word" >/dev/null || echo "$word"; done'


class Command(Runtime):
    """Commands of the operator's, and an env file that Open WebUI is started with."""

    name = "command"
    capabilities = Capabilities(by_commands=True)
    variables = ("webui_env_file",)
    how_to_end = ", or make webui_command_stop wait until Open WebUI has ended"
    how_to_choose = "; otherwise point webui_env_file at the right file."

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self.how_to_connect = f" and that webui_command_start reads {asked.env_file}"

    def absence(self) -> str:
        return ""

    def find(self) -> list[Instance]:
        """The one that the commands and the env file are about; none where there is no word of either."""
        if self.asked.runtime != self.name and not any((self.asked.commands or {}).values()):
            return []
        instance: Instance = {
            "name": "",
            "path": "",
            "exists": False,
            "switched": False,
            "no_way_back": [],
            "data_dir": "",
            "sqlite_path": "",
            "database": {"kind": "sqlite", "where": "", "set_by": []},
            "findings": [],
            "cannot_write": [],
        }
        if self.asked.env_file:
            instance.update(look(self.asked.env_file, self.asked.data_dir, self.asked.sqlite_path))
        return [{**instance, "runtime": self.name}]

    def findings(self, instance: Instance) -> list[Problem]:
        nameless = "Set webui_env_file to the file with the environment of Open WebUI; it need not exist yet."
        messages = [
            *(instance["cannot_write"] if self.asked.env_file else [nameless]),
            *(f"webui_command_{name} is not set; this runtime needs it." for name in COMMANDS if not self._words(name)),
            *(
                f"{word} is no command on the target host; correct the webui_command_ variable that names it."
                for word in _unknown([self._words(name)[0] for name in COMMANDS if self._words(name)])
            ),
        ]
        return [Problem("command", one_line(message)) for message in messages]

    def service(self, instance: Instance) -> Service:
        return of_commands(instance["running"], instance["database"]["where"], instance["health_url"])

    def _words(self, name: str) -> list[str]:
        return (self.asked.commands or {}).get(name) or []

    # -- handling it --------------------------------------------------------------------------------------------------------------

    def is_running(self, instance: Instance) -> bool:
        answer = ask(self._needed("probe"), self.asked.env_file, self.asked.command_timeout, self._hidden())
        return answer.code == 0

    def stop(self, instance: Instance) -> None:
        """Run the stop command, and wait until the probe says that it has stopped."""
        probe = self._needed("probe")
        self._run("stop")
        wait_until_stopped(probe, self.asked.env_file, self.asked.command_timeout, self.asked.settle_timeout, self._hidden())

    def start(self, instance: Instance) -> None:
        self._run("start")

    def log(self, instance: Instance, lines: int) -> list[str]:
        """Its log is left to whoever wrote the commands."""
        return []

    def _run(self, name: str) -> None:
        argv, timeout = self._needed(name), self.asked.command_timeout
        insist(argv, run(argv, self.asked.env_file, timeout), timeout, self._hidden())

    def _needed(self, name: str) -> list[str]:
        """
        :raises Refused: when the operator has not said it.
        """
        if not self._words(name):
            raise refuse("command", f"webui_command_{name} is not set; this runtime needs it.")
        return self._words(name)

    def _hidden(self) -> list[str]:
        return secrets_of(self.asked.env_file, {}) if self.asked.env_file else []


def _unknown(words: Sequence[str]) -> list[str]:
    """Those of these words that a shell knows no command for."""
    words = [os.path.expanduser(os.path.expandvars(word)) for word in dict.fromkeys(words)]
    answer = subprocess.run(["/bin/sh", "-c", _LOOKUP, "sh", *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return answer.stdout.decode("utf-8", "replace").splitlines()
