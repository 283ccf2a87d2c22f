# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI as a unit of the system's own systemd.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess

from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Capabilities, Instance, Life, Runtime
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.service import RUNNING, info
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Service, of_unit
from ansible_collections.openwebui.postgres.plugins.module_utils._last_words import last_words
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, one_line, refuse

UNITS = "/etc/systemd/system"
# Where programs of root are, whether its PATH says so or not.
_SBIN = ("/sbin", "/usr/sbin", "/usr/local/sbin")
_LIFE = ("ActiveState", "Result", "NRestarts")
# As a shell has it.
_NOT_FOUND = 127


class Systemd(Runtime):
    """A unit that starts an Open WebUI of pip or uv."""

    name = "systemd"
    capabilities = Capabilities()
    variables = ("webui_systemd_unit",)

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        # Unit tests put something else in its place.
        self.run = run

    def absence(self) -> str:
        return f"no unit {self.asked.unit}"

    def not_found(self) -> str:
        return f"There is no unit {self.asked.unit} here"

    def find(self) -> list[Instance]:
        service = info(self.run, self.asked.unit, self.asked.python, False, 0, self.asked.sqlite_path)["service"]
        return [service] if service else []

    def findings(self, instance: Instance) -> list[Problem]:
        messages = (
            _no_root()
            + self._no_python(instance)
            + _no_driver(instance, instance["desired"]["driver"])
            + _no_data(instance)
            + _dotenv(instance)
        )
        return [Problem("systemd", one_line(message)) for message in messages]

    def _no_python(self, instance: Instance) -> list[str]:
        if instance["python"]:
            return []
        if self.asked.python:
            return [f"{self.asked.python}, which webui_instance_systemd_python names, has no Open WebUI. Correct it."]
        return [
            f"The Python of {instance['exec'] or 'the service'} was not found, or has no Open WebUI. Set webui_instance_systemd_python to "
            'the Python that Open WebUI is installed for; for uvx, install it with "uv tool install".'
        ]

    def service(self, instance: Instance) -> Service:
        return of_unit(self.run, instance["name"], instance["database"]["where"])

    # -- handling it --------------------------------------------------------------------------------------------------------------

    def is_running(self, instance: Instance) -> bool:
        return self.service(instance).running

    def life(self, instance: Instance) -> Life:
        unit = instance["name"]
        code, output = self.run(["systemctl", "show", "--no-pager", *(f"--property={name}" for name in _LIFE), "--", unit])
        facts = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        if code != 0 or "ActiveState" not in facts:
            raise refuse("systemd", f"systemctl does not say how {unit} is")
        up = facts["ActiveState"] in RUNNING
        why = facts.get("Result") or ""
        end = f"{unit} is {facts['ActiveState']}{f', result {why}' if why not in ('', 'success') else ''}"
        return Life(up, int(facts.get("NRestarts") or 0), "" if up else end)

    def stop(self, instance: Instance) -> None:
        self._systemctl("stop", instance)

    def start(self, instance: Instance) -> None:
        # A run that was killed may have left this out.
        self._systemctl("daemon-reload")
        # One that has ended too often on PostgreSQL would not be started on SQLite either.
        self.run(["systemctl", "reset-failed", "--", instance["name"]])
        self._systemctl("start", instance)

    def log(self, instance: Instance, lines: int) -> list[str]:
        service = info(self.run, instance["name"], self.asked.python, False, lines)["service"]
        return list(service.get("log", []))

    def _systemctl(self, what: str, instance: Instance | None = None) -> None:
        command = ["systemctl", what, *(["--", instance["name"]] if instance else [])]
        code, output = self.run(command)
        if code != 0:
            words = " / ".join(last_words(output)) or "none"
            raise refuse("systemd", f'"{" ".join(command)}" failed with return code {code}. Its last words: {words}')


def _no_root() -> list[str]:
    if os.access(UNITS, os.W_OK):
        return []
    return [f"{UNITS} cannot be written to. Set ansible_become to true: a service is root's."]


def _no_driver(instance: Instance, driver: str) -> list[str]:
    python, drivers = instance["python"], instance["drivers"]
    if not python or driver in drivers:
        return []
    also = " and install psycopg[binary]" if "psycopg" not in drivers else ""
    other = f", or set webui_database_url_scheme to postgresql+psycopg{also} (Open WebUI 0.9.6 or newer)" if driver == "psycopg2" else ""
    return [f"{python} has no {driver}, without which Open WebUI cannot use PostgreSQL. Install {driver}-binary for it{other}."]


def _no_data(instance: Instance) -> list[str]:
    return [] if instance["data_dir"] else [f"Nothing says where {instance['name']} keeps its data. Set webui_data_dir."]


def _dotenv(instance: Instance) -> list[str]:
    dotenv = instance["dotenv"]
    if not dotenv["sets"]:
        return []
    return [
        f"Open WebUI reads {dotenv['path']} by itself, which sets {', '.join(dotenv['sets'])}. Move these lines to an env file of "
        f"{instance['name']}."
    ]


# -- running commands -----------------------------------------------------------------------------------------------------------


def run(command: list[str], user: str = "", environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command; as that user, since root should run no code that is somebody else's.

    :returns: its return code, 127 where there is no such command, and what it printed.
    """
    if user not in ("", "root") and os.geteuid() == 0:
        command = ["runuser", "-u", _name_of(user), "--", *command]
    program = shutil.which(command[0], path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN)))
    if program is None:
        return _NOT_FOUND, ""
    answer = subprocess.run(
        [program, *command[1:]],
        cwd="/",
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    # Why it has failed is said among the errors.
    return answer.returncode, answer.stdout if answer.returncode == 0 else answer.stdout + answer.stderr


def _name_of(user: str) -> str:
    """A unit may name its user by number, or one that systemd makes up when it starts it."""
    try:
        return pwd.getpwuid(int(user)).pw_name if user.isdigit() else pwd.getpwnam(user).pw_name
    except KeyError:
        return "nobody"
