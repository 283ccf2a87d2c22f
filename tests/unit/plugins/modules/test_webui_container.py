# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_container as Ansible calls it: options in, answer out."""

from __future__ import annotations

import json

import pytest
from ansible_collections.openwebui.postgres.plugins.modules.webui_container import main
from lab.fake_engine import No

URL = "postgresql://web:pa%40ss-1@db/o"


@pytest.fixture
def options(fake):
    env = {"DATABASE_URL": URL, "DATABASE_POOL_SIZE": 1, "DATABASE_ENABLE_IAM_TOKEN_AUTH": False, "DATABASE_SCHEMA": None}
    return {"docker_host": fake.host, "name": "open-webui", "state": "switched", "env": env, "timeout": 1}


def test_there_and_back(call_module, fake, options):
    old = fake.run()
    switched = call_module(main, options)
    assert switched["changed"]
    # Not a digit of it is blanked out, though 1 is a value of a secret option.
    assert switched["id"] == fake.by_name("open-webui")["Id"]
    assert switched["kept"] == {"id": old, "name": "open-webui-on-sqlite"}
    assert "diff" not in switched
    new = fake.containers[switched["id"]]["Config"]["Env"]
    assert {f"DATABASE_URL={URL}", "DATABASE_POOL_SIZE=1", "DATABASE_ENABLE_IAM_TOKEN_AUTH=false", "DATABASE_SCHEMA="} <= set(new)
    assert not call_module(main, options)["changed"]
    restored = call_module(main, {**options, "state": "restored"})
    assert (restored["changed"], restored["id"]) == (True, old)


def test_finalized(call_module, fake, options):
    fake.run()
    call_module(main, options)
    assert call_module(main, {**options, "state": "finalized"})["changed"]
    assert fake.names() == {"open-webui"}


@pytest.mark.parametrize("check", [True, False])
def test_no_secret_in_the_answer(call_module, fake, options, check):
    fake.run()
    answers = [call_module(main, options, check=check, diff=True)]
    answers.append(call_module(main, {**options, "name": "missing"}, diff=True))
    assert answers[0]["diff"]["after"]["env"]["DATABASE_URL"] == "set"
    assert answers[1]["failed"]
    for answer in answers:
        assert "pa%40ss-1" not in json.dumps(answer)
        assert "pa@ss-1" not in json.dumps(answer)
        assert answer["invocation"]["module_args"]["env"] == sorted(options["env"])


def test_no_secret_in_what_the_engine_says(call_module, fake, options):
    fake.run()

    def quoting(name, body):
        raise No(400, f"{name}: invalid {body['Env']}")

    fake.create = quoting
    answer = call_module(main, options)
    assert answer["failed"]
    assert "DATABASE_URL=********" in answer["msg"]
    assert "pa%40ss-1" not in json.dumps(answer)


@pytest.mark.parametrize("refused", [True, False])
def test_a_generated_key_is_nowhere_in_the_answer(call_module, fake, options, refused):
    """Nor any other secret of the container, whatever the engine quotes."""
    container = fake.run(config={"Env": ["OPENAI_API_KEY=sk-of-the-walk"]})
    fake.files[container, "/app/backend/.webui_secret_key"] = b"gener4ted-key\n"
    bodies = []

    def quoting(name, body):
        bodies.append(body)
        raise No(400, f"{name}: invalid {body['Env']}")

    if refused:
        fake.create = quoting
    options["fallback_secret_key"] = "declar3d-key"
    for check in (True, False):
        answer = call_module(main, options, check=check, diff=True)
        assert bool(answer.get("failed")) == (refused and not check)
        assert not any(secret in json.dumps(answer) for secret in ("gener4ted-key", "declar3d-key", "sk-of-the-walk"))
        assert answer["invocation"]["module_args"]["fallback_secret_key"] == "given"
    env = bodies[0]["Env"] if refused else fake.by_name("open-webui")["Config"]["Env"]
    assert "WEBUI_SECRET_KEY=gener4ted-key" in env


def test_what_it_warns_of(call_module, fake, options):
    fake.run()
    del fake.containers[call_module(main, options)["id"]]
    [warning] = call_module(main, {**options, "state": "restored"})["warnings"]
    assert "restart policy" in warning


def test_settings_are_needed(call_module, options):
    del options["env"]
    answer = call_module(main, options)
    assert answer["failed"]
    assert answer["msg"] == "state is switched but all of the following are missing: env"


def test_a_refusal_is_one_line(call_module, options):
    answer = call_module(main, options)
    assert answer["failed"]
    assert answer["msg"] == "open-webui: there is no such container; see docker ps --all"
    assert answer["problems"] == [{"kind": "container", "message": answer["msg"]}]
