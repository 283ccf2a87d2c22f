# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runtime of the tests' own: Open WebUI as a process whose number is in a pid file, with its settings in an env file beside it.

Nothing of it is known to the collection. tests/e2e/test_own_runtime.py adds it as docs/runtimes.md says.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

from ansible_collections.openwebui.postgres.plugins.module_utils._instance.env_file import EnvFile, look, secrets_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Capabilities, Instance, Life, Runtime
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Service
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, one_line, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import masked


class PidFile(Runtime):
    """A process of the Python that webui_instance_systemd_python names, with the settings of webui_env_file."""

    name = "pidfile"
    capabilities = Capabilities()
    variables = ("webui_env_file", "webui_instance_systemd_python")

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        stem = os.path.splitext(asked.env_file)[0]
        self.pid_file, self.log_file = f"{stem}.pid", f"{stem}.log"
        self.program = os.path.join(os.path.dirname(asked.python), "open-webui")

    def find(self) -> list[Instance]:
        if not os.path.exists(self.asked.env_file):
            return []
        return [{**look(self.asked.env_file, self.asked.data_dir, self.asked.sqlite_path), "name": self.pid_file}]

    def findings(self, instance: Instance) -> list[Problem]:
        messages = list(instance["cannot_write"])
        if not os.access(self.program, os.X_OK):
            messages.append(f"There is no {self.program}. Set webui_instance_systemd_python to the Python of Open WebUI.")
        return [Problem(self.name, one_line(message)) for message in messages]

    def service(self, instance: Instance) -> Service:
        pid = self._pid()
        inside = instance["database"]["where"]
        on_host = inside if inside.startswith("/") else ""
        return Service("Open WebUI", pid != 0, (pid,) if pid else (), inside, on_host=on_host)

    # -- handling it --------------------------------------------------------------------------------------------------------------

    def is_running(self, instance: Instance) -> bool:
        return self._pid() != 0

    def life(self, instance: Instance) -> Life:
        up = self.is_running(instance)
        return Life(up, 0, "" if up else f"no process of {self.pid_file} runs")

    def stop(self, instance: Instance) -> None:
        pid = self._pid()
        deadline = time.monotonic() + self.asked.stop_timeout
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGTERM)
            while pid and self._pid() == pid:
                if time.monotonic() >= deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.1)
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.pid_file)

    def start(self, instance: Instance) -> None:
        settings = EnvFile(self.asked.env_file).settings
        command = [self.program, "serve", "--host", "127.0.0.1", "--port", settings["PORT"]]
        with open(self.log_file, "ab") as log:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=instance["data_dir"],
                    env={**os.environ, "DATA_DIR": instance["data_dir"], **settings},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise refuse(self.name, f"{self.program} could not be started: {error.strerror}") from None
        with open(self.pid_file, "w", encoding="ascii") as stream:
            stream.write(f"{process.pid}\n")

    def log(self, instance: Instance, lines: int) -> list[str]:
        with contextlib.suppress(OSError), open(self.log_file, encoding="utf-8", errors="replace") as stream:
            return masked(stream.read(), secrets_of(self.asked.env_file, {})).splitlines()[-lines:]
        return []

    def _pid(self) -> int:
        """Its process; 0 where none runs. By now the number may be another's, and one that has ended has no command line."""
        with contextlib.suppress(OSError, ValueError):
            with open(self.pid_file, encoding="ascii") as stream:
                pid = int(stream.read())
            with open(f"/proc/{pid}/cmdline", "rb") as stream:
                return pid if b"open-webui" in stream.read() else 0
        return 0
