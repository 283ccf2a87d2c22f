# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_info as Ansible calls it: options in, answer out, no secret in it."""

from __future__ import annotations

import json
import os
import stat

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import info
from ansible_collections.openwebui.postgres.plugins.modules.webui_info import main
from lab.fake_engine import frames

SECRETS = ("t0p-s3cret-of-the-walk", "p%40ssw0rd", "p@ssw0rd", "k3y-0f-the-env-file", "s3cr3t-of-pg")


@pytest.fixture
def data(make_source):
    return os.path.dirname(make_source())


@pytest.fixture
def stopped(fake, data):
    container = fake.run("open-webui", None, {"Binds": [f"{data}:/app/backend/data"]})
    fake.containers[container]["State"] = {"Status": "exited", "Running": False}
    return container


@pytest.fixture
def no_systemd(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")


def without_secrets(answer):
    said = json.dumps(answer, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in said] == []
    return answer


def test_it_looks(call_module, fake, stopped, data):
    fake.logs[stopped] = frames((1, b"one\nkey t0p-s3cret-of-the-walk\n"))
    for check in (True, False):
        answer = without_secrets(call_module(main, {"docker_host": fake.host, "log_lines": 1}, check=check, diff=True))
        assert (answer["changed"], answer["problems"], answer["problems_total"], answer["candidates"]) == (False, [], 0, [])
        found = answer["instance"]
        assert (found["id"], found["runtime"], found["log"]) == (stopped, "container", ["key ********"])
        assert (found["data_dir"], found["source"]["exists"], found["database"]["on_target"]) == (data, True, False)
        assert "diff" not in answer
    assert fake.changes == []


def test_all_that_stands_in_the_way_fails_it(call_module, fake, stopped, tmp_path, monkeypatch):
    # Others write to the disk between two looks.
    monkeypatch.setattr(info, "free_bytes", lambda path: None)
    options = {"docker_host": fake.host, "sqlite_path": f"{tmp_path}/none.db"}
    answer = call_module(main, options)
    assert answer["failed"]
    assert [problem["kind"] for problem in answer["problems"]] == ["source", "database"]
    assert answer["msg"] == "\n".join(problem["message"] for problem in answer["problems"])
    assert (answer["problems_total"], answer["instance"]["id"]) == (2, stopped)
    looked = call_module(main, {**options, "refuse": False})
    assert not looked.get("failed")
    assert {name: looked[name] for name in ("problems", "instance")} == {name: answer[name] for name in ("problems", "instance")}


def test_where_there_is_none_there_is_no_instance(call_module, fake, no_systemd):
    for refuse in (True, False):
        answer = call_module(main, {"docker_host": fake.host, "refuse": refuse})
        assert ("instance" in answer, answer["candidates"], answer["problems_total"]) == (False, [], 1)
        assert bool(answer.get("failed")) is refuse


def test_of_several_the_names_are_told(call_module, fake):
    for name in ("b", "a"):
        fake.run(name)
    answer = call_module(main, {"docker_host": fake.host})
    assert (answer["failed"], answer["candidates"], "instance" in answer) == (True, ["a", "b"], False)


def test_an_engine_that_is_not_there(call_module, tmp_path):
    answer = call_module(main, {"docker_host": f"unix://{tmp_path}/none", "runtime": "container"})
    assert answer["msg"].startswith(f"{tmp_path}/none: there is no such socket; ")
    assert "\n" not in answer["msg"]


@pytest.mark.parametrize(
    "said",
    [
        {"database": {"url": "postgresql://web:p%40ssw0rd@db/o"}},
        {"database": {"url": "postgresql://web:p%40ssw0rd@db/o", "environment": {"DATABASE_POOL_SIZE": 1}}},
        {"database": {"mode": "external", "host": "db", "name": "o", "environment": {"PGPASSWORD": "s3cr3t-of-pg", "A": 1}}},
    ],
)
def test_whether_it_is_there_already_and_no_secret_of_it(call_module, fake, data, said):
    container = fake.run(
        "open-webui", {"Env": ["DATABASE_URL=postgresql://web:p%40ssw0rd@db:5432/o"]}, {"Binds": [f"{data}:/app/backend/data"]}
    )
    answer = without_secrets(call_module(main, {"docker_host": fake.host, **said}))
    # Not a digit of it is blanked out, though 1 is a value of a secret option.
    assert (answer["instance"]["id"], answer["instance"]["database"]["on_target"]) == (container, True)
    assert answer["instance"]["desired"]["place"] == "db:5432/o"


def test_commands_are_shown_without_what_the_env_file_holds(call_module, data, tmp_path):
    env_file = tmp_path / "chat.env"
    env_file.write_text("WEBUI_SECRET_KEY=k3y-0f-the-env-file\nDATABASE_URL=postgresql://web:p%40ssw0rd@db/o\n")
    options = {
        "env_file": str(env_file),
        "commands": {name: ["false", "k3y-0f-the-env-file"] for name in ("probe", "stop", "start", "bootstrap")},
        "database": {"host": "db", "name": "o"},
    }
    answer = without_secrets(call_module(main, options))
    assert (answer["instance"]["runtime"], answer["instance"]["running"], answer["instance"]["database"]["on_target"]) == (
        "command",
        False,
        True,
    )
    assert answer["invocation"]["module_args"]["commands"]["probe"] == ["false", "********"]


def test_only_the_probe_is_run(call_module, data, tmp_path):
    words = {name: ["/bin/sh", "-c", f"touch {tmp_path}/{name}; exit 1"] for name in ("probe", "stop", "start", "bootstrap")}
    answer = call_module(main, {"env_file": str(tmp_path / "chat.env"), "commands": words, "data_dir": data}, check=True)
    assert (answer["problems"], answer["instance"]["running"]) == ([], False)
    assert sorted(os.listdir(tmp_path)) == sorted(["data", "probe"])


def test_a_file_is_told_with_its_owner(call_module, data, tmp_path):
    words = {name: ["false"] for name in ("probe", "stop", "start", "bootstrap")}
    answer = call_module(main, {"env_file": str(tmp_path / "chat.env"), "commands": words, "data_dir": data})
    facts = os.stat(f"{data}/webui.db")
    source = answer["instance"]["source"]
    assert stat.S_ISREG(facts.st_mode)
    assert (source["uid"], source["gid"], source["size"]) == (facts.st_uid, facts.st_gid, facts.st_size)


def test_a_container_that_is_still_to_be_made(call_module, fake, data):
    options = {
        "image": "ghcr.io/open-webui/open-webui:main",
        "data_dir": data,
        "container_options": {"networks": ["a"], "secret_key": True},
    }
    answer = call_module(main, {"docker_host": fake.host, **options})
    assert answer["problems"] == []
    found = answer["instance"]
    assert (found["missing"], found["networks"], found["network_mode"], found["source"]["exists"]) == (True, ["a"], "bridge", True)


@pytest.mark.parametrize("options", [{"runtime": "docker"}, {"database": {"pasword": "x"}}, {"commands": {"restart": ["x"]}}])
def test_what_is_no_option_is_refused(call_module, options):
    answer = call_module(main, options)
    assert answer["failed"]
    assert "problems" not in answer
