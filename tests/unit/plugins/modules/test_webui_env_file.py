# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_env_file and webui_command as Ansible calls them, and what webui_info says of the file: options in, answer out, no secret in it."""

from __future__ import annotations

import json
import os
from urllib.parse import quote

import pytest
from ansible_collections.openwebui.postgres.plugins.modules import webui_command, webui_env_file, webui_info

PASSWORD = "p@ss/w:rd %41#?'\"\\ $HOME ~`"
URL = f"postgresql://web:{quote(PASSWORD, safe='')}@db/o"
SOURCE = "WEBUI_NAME=chat\nDATABASE_URL=sqlite:////srv/webui.db\nWEBUI_SECRET_KEY=k3y-of-the-walk\n"
SECRETS = (PASSWORD, URL, quote(PASSWORD, safe=""), json.dumps(PASSWORD)[1:-1], "k3y-of-the-walk")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "webui.env"
    path.write_text(SOURCE)
    path.chmod(0o600)
    return path


@pytest.fixture
def options(path):
    env = {"DATABASE_URL": URL, "DATABASE_POOL_SIZE": 1, "DATABASE_ENABLE_IAM_TOKEN_AUTH": False, "DATABASE_SCHEMA": None}
    return {"path": str(path), "state": "switched", "env": env}


def without_secrets(answer):
    said = json.dumps(answer, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in said or json.dumps(secret)[1:-1] in said] == []
    return answer


def look(call_module, path, **more):
    commands = {name: ["false"] for name in ("probe", "stop", "start", "bootstrap")}
    return call_module(webui_info.main, {"env_file": str(path), "commands": commands, "refuse": False, **more})


def test_there_and_back(call_module, path, options):
    switched = without_secrets(call_module(webui_env_file.main, options, diff=True))
    # Not a digit of it is blanked out, though 1 is a value of a secret option.
    assert (switched["changed"], switched["path"], switched["switched"]) == (True, str(path), True)
    assert switched["database"] == {"kind": "postgresql", "where": "db:5432/o", "set_by": ["DATABASE_URL"]}
    assert switched["diff"]["after"]["env"]["DATABASE_URL"] == "set to another value"
    assert {f"DATABASE_URL={URL}", "DATABASE_POOL_SIZE=1", "DATABASE_ENABLE_IAM_TOKEN_AUTH=false", "DATABASE_SCHEMA="} <= set(
        path.read_text().splitlines()
    )
    again = call_module(webui_env_file.main, options)
    assert (again["changed"], "diff" in again) == (False, False)
    database = {"url": URL, "environment": {name: text for name, text in options["env"].items() if name != "DATABASE_URL"}}
    found = without_secrets(look(call_module, path, database=database))["instance"]
    assert (found["database"]["on_target"], found["no_way_back"], found["sqlite_path"]) == (True, [], "/srv/webui.db")
    assert without_secrets(call_module(webui_env_file.main, {**options, "state": "restored"}))["changed"]
    assert path.read_text() == SOURCE


def test_finalized(call_module, path, options):
    call_module(webui_env_file.main, options)
    assert call_module(webui_env_file.main, {**options, "state": "finalized"})["changed"]
    assert look(call_module, path, database={"url": URL})["instance"]["no_way_back"]
    # Of one that is elsewhere there is nothing to go back from.
    assert look(call_module, path)["instance"]["no_way_back"] == []


def test_refusals_are_one_line(call_module, tmp_path, options):
    for main, args, message in (
        (webui_env_file.main, {**options, "path": str(tmp_path)}, f"{tmp_path}: is a folder; correct webui_env_file"),
        (webui_info.main, {"runtime": "command", "env_file": str(tmp_path)}, f"{tmp_path}: is a folder; correct webui_env_file"),
    ):
        answer = without_secrets(call_module(main, args))
        assert answer["failed"]
        assert answer["msg"] == message
        assert answer["problems"] == [{"kind": "env_file", "message": message}]


def test_an_owner_that_is_nobody(call_module, options):
    answer = call_module(webui_env_file.main, {**options, "owner": "no such user"})
    assert answer["failed"]
    assert "no such user" in answer["msg"]


def test_settings_are_needed(call_module, options):
    del options["env"]
    assert call_module(webui_env_file.main, options)["msg"] == "state is switched but all of the following are missing: env"


# -- commands -------------------------------------------------------------------------------------------------------------------


def command(path, script, **more):
    return {"argv": ["/bin/sh", "-c", script], "env_file": str(path), **more}


def test_a_command_that_fails_with_all_it_knows(call_module, path, options):
    """It prints its env file, and the password as a shell, as Python and as libpq would write it."""
    forms = "cat \"$WEBUI_ENV_FILE\" >&2; python3 -c \"import os; print(repr(os.environ['P'])); print(os.environ['P'])\"; exit 1"
    os.environ["P"] = PASSWORD
    try:
        answer = call_module(webui_command.main, command(path, forms, env=options["env"]))
    finally:
        del os.environ["P"]
    without_secrets(answer)
    assert answer["failed"]
    assert "failed with return code 1. Its last words:" in answer["msg"]
    assert "DATABASE_URL=********" in answer["msg"]
    assert [problem["kind"] for problem in answer["problems"]] == ["command"]
    assert os.listdir(path.parent) == ["webui.env"]


def test_a_command_with_an_env_file_of_its_own(call_module, path, options, tmp_path):
    seen = tmp_path / "seen"
    script = f'cp "$WEBUI_ENV_FILE" {seen}; echo "$WEBUI_ENV_FILE" >> {seen}'
    answer = without_secrets(call_module(webui_command.main, command(path, script, env=options["env"], env_remove=["DATABASE_TYPE"])))
    assert (answer["changed"], answer["return_code"]) == (True, 0)
    lines = seen.read_text().splitlines()
    assert f"DATABASE_URL={URL}" in lines
    assert "#openwebui.postgres# DATABASE_URL=sqlite:////srv/webui.db" in lines
    assert lines[-1] == f"{path}.bootstrap"
    assert path.read_text() == SOURCE
    assert sorted(os.listdir(path.parent)) == ["seen", "webui.env"]


def test_a_probe_runs_in_check_mode_and_nothing_else_does(call_module, path, tmp_path):
    probe = command(path, "echo k3y-of-the-walk is stopped; exit 3", probe=True)
    answer = without_secrets(call_module(webui_command.main, probe, check=True))
    assert (answer["changed"], answer["return_code"], answer["last_words"]) == (False, 3, ["******** is stopped"])
    # Ansible takes a task that returns "rc" with another value than 0 for failed.
    assert "rc" not in answer
    answer = call_module(webui_command.main, command(path, f"touch {tmp_path}/done"), check=True)
    assert (answer["changed"], answer["return_code"], os.listdir(tmp_path)) == (True, None, ["webui.env"])


def test_a_probe_that_cannot_be_run(call_module, path):
    answer = call_module(webui_command.main, {"argv": ["no-such-command-here"], "env_file": str(path), "probe": True})
    assert answer["failed"]
    assert answer["msg"].startswith('The command "no-such-command-here" failed with return code 127')


def test_stopped_is_when_the_probe_says_so(call_module, path, tmp_path):
    (tmp_path / "running").touch()
    probe = ["/bin/sh", "-c", f"test -e {tmp_path}/running"]
    late = call_module(webui_command.main, command(path, "true", until_stopped=probe, settle_timeout=0))
    assert late["failed"]
    assert "still says that Open WebUI runs" in late["msg"]
    assert call_module(webui_command.main, command(path, f"rm {tmp_path}/running", until_stopped=probe))["changed"]
