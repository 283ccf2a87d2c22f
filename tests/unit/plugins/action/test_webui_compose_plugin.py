# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file goes to the target where the module asks for it, and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.openwebui.postgres.plugins.action.webui_compose_plugin import ActionModule


class Action(ActionModule):
    """The action, without a connection."""

    def __init__(self, source: Path, answers: list[dict[str, Any]], check: bool = False) -> None:
        self._task = SimpleNamespace(args={"src": str(source), "path": "/x/docker-compose"}, check_mode=check)
        self._connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/remote", join_path=lambda *parts: "/".join(parts)))
        self._answers = answers
        self.asked: list[dict[str, Any]] = []
        self.copied: list[tuple[str, str]] = []
        self.removed: list[str] = []

    def _find_needle(self, dirname: str, needle: str) -> str:
        if not Path(needle).exists():
            raise AnsibleError("not found")
        return needle

    def _execute_module(self, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
        self.asked.append(module_args)
        return self._answers.pop(0)

    def _transfer_file(self, local_path: str, remote_path: str) -> None:
        self.copied.append((local_path, remote_path))

    def _fixup_perms2(self, _paths: tuple[str, ...]) -> None:
        """Nobody else's files."""

    def _remove_tmp_path(self, tmp_path: str, force: bool = False) -> None:
        self.removed.append(tmp_path)


@pytest.fixture(autouse=True)
def no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "plugin"
    path.write_bytes(bytes(range(200)))
    return path


def test_what_is_there_is_not_copied(source):
    action = Action(source, [{"changed": False, "version": "v2"}])
    assert action.run() == {"changed": False, "version": "v2"}
    assert action.asked[0]["checksum"] == hashlib.sha1(source.read_bytes()).hexdigest()
    assert action.asked[0]["head"] == source.read_bytes()[:64].hex()
    assert (action.copied, action.removed) == ([], ["/remote"])


def test_what_is_not_there_is_copied(source):
    action = Action(source, [{"changed": True, "needs_upload": True}, {"changed": True, "version": "v2"}])
    assert action.run() == {"changed": True, "version": "v2"}
    assert action.copied == [(str(source), "/remote/docker-compose")]
    assert action.asked[1]["uploaded"] == "/remote/docker-compose"
    assert action.removed == ["/remote"]


def test_check_mode_copies_nothing(source):
    action = Action(source, [{"changed": True, "needs_upload": True}], check=True)
    assert action.run() == {"changed": True}
    assert action.copied == []


def test_a_failure_is_handed_on(source):
    assert Action(source, [{"failed": True, "msg": "wrong"}]).run() == {"failed": True, "msg": "wrong"}


def test_a_file_that_is_not_there(tmp_path):
    result = Action(tmp_path / "nowhere", []).run()
    assert result["failed"]
    assert "there is no such file on the controller" in result["msg"]
    assert "correct webui_postgres_compose_plugin" in result["msg"]
