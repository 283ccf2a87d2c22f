# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role webui_python makes a virtual environment, leaves it alone, and follows what it is asked for.

The tests of this file are steps of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from lab import paths, webui_play
from lab.webui_play import Run

PLAY = [{"hosts": "webui", "gather_facts": False, "roles": [{"role": "openwebui.postgres.webui_python"}]}]


class Target:
    """A host with nothing of ours on it yet."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self._playbook = folder / "play.json"
        self._playbook.write_text(json.dumps(PLAY), encoding="utf-8")
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(paths.PYTHON),
            # Nobody has looked at Open WebUI, so nobody knows what runs it.
            "webui_python_docker": False,
            "webui_state_dir": str(self.state),
            "webui_python_command": str(paths.PYTHON),
        }
        self._inventory = webui_play.write_inventory(folder / "hosts.json", {"host": variables})

    def play(self, *arguments: str) -> Run:
        return webui_play.play(str(self._playbook), self._inventory, *arguments)

    def versions(self) -> dict[str, str]:
        """What is installed, by the folders that hold its metadata."""
        found = (path.name.removesuffix(".dist-info").rsplit("-", 1) for path in self.state.rglob("*.dist-info"))
        return dict(found)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target(tmp_path_factory.mktemp("python"))


def test_check_mode_makes_nothing(target: Target) -> None:
    target.play("--check").succeeded()
    assert not target.state.exists()


def test_the_first_run_makes_it(target: Target) -> None:
    assert target.play().succeeded().changed
    assert "psycopg" in target.versions()
    assert "requests" not in target.versions()


def test_a_second_run_leaves_it_alone(target: Target) -> None:
    assert target.play().succeeded().changed == 0


def test_another_version_that_is_asked_for_is_installed(target: Target) -> None:
    before = target.versions()["psycopg"]
    assert not before.startswith("3.2.")
    assert target.play("-e", "webui_python_psycopg=psycopg[binary]==3.2.*").succeeded().changed
    assert target.versions()["psycopg"].startswith("3.2.")


def test_what_docker_needs_is_added(target: Target) -> None:
    assert target.play("-e", "webui_python_docker=true").succeeded().changed
    assert "requests" in target.versions()


def test_another_interpreter_is_only_looked_at(target: Target, tmp_path: Path) -> None:
    bare = tmp_path / "bare" / "bin" / "python"
    subprocess.run([paths.PYTHON, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    target.play("-e", "webui_python_interpreter=/nowhere/python").failed_saying("/nowhere/python is not there on the target host")
    target.play("-e", f"webui_python_interpreter={bare}").failed_saying(f"{bare} has no psycopg 3.1 or newer")
    assert target.play("-e", f"webui_python_interpreter={paths.PYTHON}").succeeded().changed == 0
