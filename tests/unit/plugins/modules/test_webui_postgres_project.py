# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_postgres_project as Ansible calls it: what each state wants, and what it answers with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.modules import webui_postgres_project
from ansible_collections.openwebui.postgres.plugins.modules.webui_postgres_project import main


class FakeEngine:
    """An engine with the network that is wanted."""

    def __init__(self, docker_host: str) -> None:
        assert docker_host == "unix:///run/elsewhere.sock"

    def get(self, path: str) -> list[dict[str, str]]:
        return [{"Name": "pg", "Id": "id-0"}]


@pytest.fixture
def asked(tmp_path, monkeypatch) -> dict[str, Any]:
    monkeypatch.setattr(webui_postgres_project, "Engine", FakeEngine)
    folder = tmp_path / "pg"
    return {
        "docker_host": "unix:///run/elsewhere.sock",
        "project_dir": str(folder),
        "data_dir": str(folder / "data"),
        "version": 18,
        "network": "pg",
        "owner": "openwebui",
        "content": "name: pg\n",
    }


def test_makes_it_once_and_reads_the_passwords(call_module, asked, tmp_path):
    made = call_module(main, asked, diff=True)
    assert (made["changed"], made["passwords"], made["network_id"]) == (True, True, "id-0")
    assert made["diff"][1]["after"] == "name: pg\n"
    read = {name: asked[name] for name in ("project_dir", "owner")}
    answer = call_module(main, {**read, "state": "passwords"})
    assert answer["changed"] is False
    passwords = [answer["superuser_password"], answer["owner_password"]]
    assert passwords == [(tmp_path / "pg" / "secrets" / name).read_text().strip() for name in ("superuser", "owner-openwebui")]
    again = call_module(main, asked, diff=True)
    assert (again["changed"], again["passwords"]) == (False, False)
    assert [password for password in passwords if password in json.dumps([made, again])] == []
    assert "diff" not in call_module(main, asked)


def test_notes_that_it_was_up(call_module, asked, tmp_path):
    call_module(main, asked)
    up = {"project_dir": asked["project_dir"], "owner": "openwebui", "state": "up"}
    assert call_module(main, up, check=True)["changed"]
    assert not (tmp_path / "pg" / "initialised").exists()
    assert [call_module(main, up)["changed"] for _time in range(2)] == [True, False]


@pytest.mark.parametrize("name", ["data_dir", "version", "network", "content"])
def test_a_project_takes_all_of_it(call_module, asked, tmp_path, name):
    del asked[name]
    answer = call_module(main, asked)
    assert answer["failed"]
    assert name in answer["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_is_in_words(call_module, asked, tmp_path):
    call_module(main, asked)
    secret = tmp_path / "pg" / "secrets" / "superuser"
    secret.write_text("")
    answer = call_module(main, asked)
    assert answer["failed"]
    assert answer["msg"] == f"{secret}: is empty; put the secret into it, or remove it if it is not in use yet"
    assert answer["problems"] == [{"kind": "secret", "message": answer["msg"]}]
