# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_compose as Ansible calls it: options in, answer out."""

from __future__ import annotations

import functools
import json

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.project import Project
from ansible_collections.openwebui.postgres.plugins.modules import webui_compose
from ansible_collections.openwebui.postgres.plugins.modules.webui_compose import main
from lab.fake_compose import FakeCompose

URL = "postgresql://web:pa%40ss-1@db/o"


@pytest.fixture
def compose(fake, tmp_path, monkeypatch):
    fake.networks["pg"] = "a" * 64
    compose = FakeCompose(fake, tmp_path, {"chat": {"container_name": "chat", "depends_on": {"db": {}}}, "db": {}})
    compose.up()
    monkeypatch.setattr(webui_compose, "Project", functools.partial(Project, compose=compose))
    return compose


@pytest.fixture
def options(compose):
    env = {"DATABASE_URL": URL, "DATABASE_POOL_SIZE": 1, "DATABASE_ENABLE_IAM_TOKEN_AUTH": False}
    key = "d3clared-key"
    return {
        "docker_host": compose.engine.host,
        "name": "chat",
        "state": "switched",
        "env": env,
        "networks": ["pg"],
        "fallback_secret_key": key,
    }


def test_there_and_back(call_module, compose, options):
    assert call_module(main, options, check=True)["changed"]
    answer = call_module(main, options)
    assert answer["changed"]
    assert answer["changed_settings"] == ["DATABASE_ENABLE_IAM_TOKEN_AUTH", "DATABASE_POOL_SIZE", "DATABASE_URL", "WEBUI_SECRET_KEY"]
    assert answer["override"] == str(compose.folder / "compose.override.yaml")
    assert "diff" not in answer
    compose.container("chat")["State"]["Running"] = False
    started = call_module(main, {**options, "state": "started"})
    assert (started["changed"], started["id"]) == (True, compose.container("chat")["Id"])
    assert {f"DATABASE_URL={URL}", "DATABASE_POOL_SIZE=1", "DATABASE_ENABLE_IAM_TOKEN_AUTH=false"} <= set(
        compose.container("chat")["Config"]["Env"]
    )
    assert not call_module(main, {**options, "state": "finalized"})["changed"]
    assert call_module(main, {**options, "state": "restored"})["changed"]


def test_no_secret_in_the_answer(call_module, compose, options):
    answers = [call_module(main, options, diff=True), call_module(main, {**options, "name": "missing"}, diff=True)]
    assert answers[0]["diff"]["after"]["settings"]["DATABASE_URL"] == "set"
    assert answers[1]["failed"]
    for answer in answers:
        assert [secret for secret in ("pa%40ss-1", "pa@ss-1", "d3clared") if secret in json.dumps(answer)] == []


def test_every_reason_is_returned(call_module, compose, options):
    compose.services["chat"]["environment"] = {"NEW": "1"}
    (compose.folder / "compose.override.yml").write_text("services: {}\n")
    answer = call_module(main, options, check=True)
    assert answer["failed"]
    assert [problem["kind"] for problem in answer["problems"]] == ["compose", "compose"]


def test_what_it_warns_of(call_module, compose, options):
    compose.services["db"]["environment"] = {"NEW": "1"}
    call_module(main, options)
    compose.container("chat")["State"]["Running"] = False
    [warning] = call_module(main, {**options, "state": "started"})["warnings"]
    assert warning.startswith("project-db-1: not there, or not what the Compose files describe now, and left alone.")
