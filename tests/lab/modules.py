# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of this collection for real, in a process and an interpreter of its own.

This is what Ansible does on a target, without the seconds that a play takes: the module reads its arguments as JSON from
standard input and answers with JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from . import paths

PACKAGE = "ansible_collections.openwebui.postgres.plugins.modules"


def _environment() -> dict[str, str]:
    """Compiled once, out of the checkout: a quarter of the time of a short run would be for that, and there are thousands of them."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPATH": str(paths.MODULE_PATH), "PYTHONPYCACHEPREFIX": str(paths.CACHE / "pycache")}


class ModuleResult(dict):
    """The module's answer, with all that the process printed."""

    def __init__(self, answer: dict, stdout: str, stderr: str) -> None:
        super().__init__(answer)
        self.stdout = stdout
        self.stderr = stderr


class ModuleProcess:
    """A module at work, for tests that kill it or look at what happens meanwhile."""

    def __init__(self, name: str, arguments: dict, check: bool, diff: bool, python: Path, remote_tmp: Path) -> None:
        self.name = name
        self._arguments = {
            **arguments,
            "_ansible_module_name": f"openwebui.postgres.{name}",
            "_ansible_check_mode": check,
            "_ansible_diff": diff,
            "_ansible_remote_tmp": str(remote_tmp),
        }
        self.process = subprocess.Popen(
            [python, "-m", f"{PACKAGE}.{name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=paths.COLLECTIONS,
            env=_environment(),
        )
        # Sent at once and closed, so that the module works while the test does something else.
        self.process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": self._arguments}))
        self.process.stdin.close()
        self.process.stdin = None

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def result(self, timeout: float | None = None) -> ModuleResult:
        stdout, stderr = self.process.communicate(timeout=timeout)
        lines = [line for line in stdout.splitlines() if line.startswith("{")]
        if "Traceback (most recent call last)" in stderr or not lines:
            raise AssertionError(
                f"{self.name} broke (exit code {self.process.returncode}):\n{stdout}\n{stderr}",
            )
        said = json.loads(lines[-1])
        # Never the same twice.
        said.pop("timing", None)
        return ModuleResult(said, stdout, stderr)


class ModuleRunner:
    """Call it to run a module to its end; start() leaves it running. A module that fails returns failed=True."""

    def __init__(self, remote_tmp: Path) -> None:
        self._remote_tmp = remote_tmp
        self._started: list[ModuleProcess] = []

    def __call__(
        self,
        name: str,
        args: dict,
        check: bool = False,
        diff: bool = False,
        python: Path | None = None,
    ) -> ModuleResult:
        return self.start(name, args, check=check, diff=diff, python=python).result()

    def start(
        self,
        name: str,
        args: dict,
        check: bool = False,
        diff: bool = False,
        python: Path | None = None,
    ) -> ModuleProcess:
        process = ModuleProcess(name, args, check, diff, python or paths.PYTHON, self._remote_tmp)
        self._started.append(process)
        return process

    def kill_all(self) -> None:
        for started in self._started:
            if started.process.poll() is None:
                started.kill()
