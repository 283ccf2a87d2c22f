# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_kept as Ansible calls it, as far as it gets without PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import kept
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse
from ansible_collections.openwebui.postgres.plugins.modules import webui_kept
from ansible_collections.openwebui.postgres.plugins.modules.webui_kept import main

DATABASE = {"login_db": "chat", "login_user": "ada", "login_password": "s3cret-pa55"}


class Chat:
    """An Open WebUI of no runtime, as far as it is asked."""

    def is_running(self, instance: dict[str, Any]) -> bool:
        return bool(instance["running"])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked, of a database that can be used and holds what it should, and of an Open WebUI that serves."""
    steps: list[str] = []

    def note(step: str, answer: Any) -> Any:
        return lambda *_ignored, **_named: steps.append(step) or answer

    monkeypatch.setattr(webui_kept, "PSYCOPG_IMPORT_ERROR", None)
    monkeypatch.setattr(kept, "provide", note("database", {}))
    monkeypatch.setattr(kept, "is_moved", note("data", True))
    monkeypatch.setattr(kept, "the_one", note("instance", (Chat(), {"name": "chat", "running": True})))
    monkeypatch.setattr(kept, "serving", note("service", {}))
    return steps


def test_all_is_as_it_should_be(call_module, asked):
    answer = call_module(main, {**DATABASE, "path": "/srv/webui.db"})
    assert (answer["changed"], answer["kept"], answer["amiss"]) == (False, True, [])
    assert asked == ["database", "data", "instance", "service"]


def test_a_file_that_is_there_no_more_is_not_compared(call_module, asked):
    assert call_module(main, DATABASE)["kept"]
    assert "data" not in asked


def test_data_that_is_not_there(call_module, asked, monkeypatch):
    monkeypatch.setattr(kept, "is_moved", lambda _request: False)
    answer = call_module(main, {**DATABASE, "path": "/srv/webui.db"})
    assert (answer["kept"], answer["amiss"]) == (False, ["chat does not hold what /srv/webui.db holds"])
    assert "service" not in asked


@pytest.mark.parametrize("step", ["provide", "is_moved", "the_one", "serving"])
def test_a_refusal_is_an_answer(call_module, asked, monkeypatch, step):
    def refused(*_ignored: Any, **_named: Any) -> Any:
        raise refuse("any", "because of that")

    monkeypatch.setattr(kept, step, refused)
    answer = call_module(main, {**DATABASE, "path": "/srv/webui.db"})
    assert (answer["kept"], answer["amiss"]) == (False, ["because of that"])


@pytest.mark.parametrize(
    ("instance", "amiss"),
    [({"missing": True}, "Open WebUI is still to be made"), ({"running": False}, "Open WebUI does not run")],
)
def test_one_that_does_not_run(call_module, asked, monkeypatch, instance, amiss):
    monkeypatch.setattr(kept, "the_one", lambda _asked: (Chat(), {"name": "chat", **instance}))
    assert call_module(main, DATABASE)["amiss"] == [amiss]
    assert "service" not in asked


@pytest.mark.parametrize(
    ("requirement", "is_there"),
    [("pytest>=3", True), ("pytest[any]", True), ("pytest<3", False), ("webui-there-is-no-such", False), ("not one at all", False)],
)
def test_packages_of_this_python(call_module, asked, requirement, is_there):
    answer = call_module(main, {**DATABASE, "requirements": ["pytest", requirement]})
    assert answer["amiss"] == ([] if is_there else [f"{requirement} is not installed"])
    # Without them, nothing that needs them is tried.
    assert bool(asked) is is_there


def test_its_options_are_shown_without_secrets(call_module, asked, tmp_path: Path):
    env_file = tmp_path / "chat.env"
    env_file.write_text("WEBUI_SECRET_KEY=very-secret-key\n")
    commands = {"probe": ["probe", "--key=very-secret-key"]}
    answer = call_module(main, {**DATABASE, "runtime": "command", "env_file": str(env_file), "commands": commands})
    assert answer["kept"]
    assert "very-secret-key" not in str(answer)
    assert DATABASE["login_password"] not in str(answer)
