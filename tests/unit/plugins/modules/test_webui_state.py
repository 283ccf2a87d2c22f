# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_state as Ansible calls it: real commands, a real file and a real address, and an engine that only passes for one."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import connected
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.connected import Connected
from ansible_collections.openwebui.postgres.plugins.modules import webui_state
from ansible_collections.openwebui.postgres.plugins.modules.webui_state import main
from lab.fake_engine import frames

DATABASE = {"login_db": "chat", "login_user": "ada", "login_password": "s3cret-pa55"}


class Speaker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_ignored: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Speaker) as server:
        server.status = 200
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/health"


@pytest.fixture
def handled(tmp_path: Path, make_source: Any, start_writer: Any) -> dict[str, Any]:
    """An Open WebUI that commands handle: a process that has the file open, and a file that says that it is up."""
    up = tmp_path / "up"
    up.write_text("")
    path = make_source(journal_mode="wal")
    writer = start_writer(path)
    return {
        "runtime": "command",
        "env_file": str(tmp_path / "chat.env"),
        "sqlite_path": path,
        "commands": {
            "probe": ["test", "-e", str(up)],
            "stop": ["sh", "-c", f"kill {writer.pid}; rm {up}"],
            "start": ["touch", str(up)],
        },
    }


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What PostgreSQL says of its connections."""
    facts: dict[str, Any] = {"says": Connected(3, "0bd252b206fb")}

    def wait_connected(options: dict[str, Any], ask: Any, since: float | None, timeout: float) -> Connected:
        facts.update(since=since, timeout=timeout, user=options["login_user"], schema=options["schema"])
        ask()
        return facts["says"]

    monkeypatch.setattr(connected, "wait_connected", wait_connected)
    monkeypatch.setattr(webui_state, "PSYCOPG_IMPORT_ERROR", None)
    return facts


def test_commands_bring_it_to_rest_and_back(call_module, handled, url):
    answer = call_module(main, {**handled, "state": "at_rest"})
    assert (answer["changed"], answer["was_running"], answer["source"]["in_use"]) == (True, True, False)
    assert answer["source"]["real_path"] == handled["sqlite_path"]
    assert answer["stopped_at"] <= answer["at_rest_at"]
    noted = {name: str(answer["source"][name]) for name in ("real_path", "device", "inode")}
    again = call_module(main, {**handled, "state": "at_rest", "noted": noted})
    assert (again["changed"], again["was_running"], again["stopped_at"]) == (False, False, None)

    answer = call_module(main, {**handled, "state": "serving", "health_url": url})
    assert (answer["changed"], answer["started"], answer["running"], answer["health"]["status"]) == (True, True, True, 200)
    again = call_module(main, {**handled, "state": "serving", "health_url": url})
    assert (again["changed"], again["started"], again["running"]) == (False, False, True)


@pytest.mark.parametrize("state", ["at_rest", "serving"])
def test_check_mode_does_nothing(call_module, handled, url, state):
    answer = call_module(main, {**handled, "state": state, "health_url": url}, check=True)
    assert answer["changed"] is (state == "at_rest")
    assert call_module(main, {**handled, "state": "at_rest"}, check=True)["source"]["evidence"] == "open"


def test_a_file_that_is_still_open(call_module, handled, start_writer):
    start_writer(handled["sqlite_path"])
    answer = call_module(main, {**handled, "state": "at_rest", "settle_timeout": 0})
    assert answer["failed"]
    assert answer["msg"].startswith(f"Open WebUI was stopped, but {handled['sqlite_path']} is still open (python")
    assert answer["msg"].endswith("or make webui_command_stop wait until Open WebUI has ended.")
    assert answer["problems"] == [{"kind": "in_use", "message": answer["msg"]}]
    assert (answer["changed"], answer["was_running"]) == (True, True)


def test_a_file_that_the_stop_takes_away(call_module, handled):
    path = handled["sqlite_path"]
    handled["commands"]["stop"][2] += f"; mv {path} {path}.away"
    answer = call_module(main, {**handled, "state": "at_rest"})
    assert answer["failed"]
    assert f"{path} was there before Open WebUI was stopped and cannot be read any more" in answer["msg"]


def test_a_file_that_the_stop_replaces(call_module, handled):
    path = handled["sqlite_path"]
    handled["commands"]["stop"][2] += f"; cp {path} {path}.new; mv {path}.new {path}"
    answer = call_module(main, {**handled, "state": "at_rest"})
    assert answer["failed"]
    assert f"{path} is another file than before Open WebUI was stopped" in answer["msg"]


def test_a_container(call_module, fake, url, make_source):
    own = fake.run()
    options = {"runtime": "container", "docker_host": fake.host, "instance": "open-webui"}
    path = make_source()
    answer = call_module(main, {**options, "state": "at_rest", "sqlite_path": path})
    assert (answer["changed"], answer["source"]["real_path"]) == (True, path)
    assert fake.containers[own]["State"]["Running"] is False
    answer = call_module(main, {**options, "state": "serving", "health_url": url})
    assert (answer["started"], answer["running"]) == (True, True)


def test_a_container_that_ends_again(call_module, fake):
    own = fake.run()
    fake.logs[own] = frames((2, b"connection to server at db failed for t0p-s3cret-of-the-walk\n"))
    fake.containers[own]["State"] = {"Running": False, "ExitCode": 0}
    fake.start = lambda container: fake.containers[container].update(State={"Running": False, "ExitCode": 1})
    answer = call_module(main, {"docker_host": fake.host, "state": "serving"})
    sentence, heading, line = answer["msg"].split("\n")
    assert sentence == (
        "Open WebUI was started, but has ended again (the container open-webui has exited with exit code 1). See what its log says."
    )
    assert (heading, line) == ("Its last lines:", "connection to server at db failed for ********")
    assert [problem["kind"] for problem in answer["problems"]] == ["health", "log", "log"]
    assert (answer["started"], answer["running"], answer["changed"]) == (True, False, True)


def test_one_that_is_not_healthy_in_time(call_module, fake, server, url):
    fake.run()
    server.status = 502
    answer = call_module(main, {"docker_host": fake.host, "state": "serving", "health_url": url, "timeout": 0})
    assert (
        f"but {url} did not answer with 200 within 0 seconds (HTTP 502). See what its log says; raise webui_health_timeout" in answer["msg"]
    )


def test_connected_at_the_revision(call_module, handled, url, seen):
    options = {**handled, **DATABASE, "state": "serving", "health_url": url, "schema": "chat"}
    answer = call_module(main, {**options, "expected_revision": "0bd252b206fb", "connect_timeout": 9})
    assert (answer["connections"], answer["revision"]) == (3, "0bd252b206fb")
    assert seen == {"says": Connected(3, "0bd252b206fb"), "since": None, "timeout": 9, "user": "ada", "schema": "chat"}
    answer = call_module(main, {**options, "expected_revision": "aaaaaaaaaaaa"})
    assert answer["problems"][0]["kind"] == "revision"
    assert f"{handled['sqlite_path']} is at aaaaaaaaaaaa" in answer["msg"]
    assert answer["connections"] == 3


def test_not_connected(call_module, handled, url, seen):
    seen["says"] = Connected(0, None)
    answer = call_module(main, {**handled, **DATABASE, "state": "serving", "health_url": url})
    assert answer["msg"] == (
        f"Open WebUI is healthy, but the server sees no connection of ada to chat, though {url} answers. Make sure that nothing else sets "
        f"DATABASE_ variables for Open WebUI and that webui_command_start reads {handled['env_file']}."
    )


def test_psycopg_is_asked_for_with_a_database_only(call_module, handled, url, monkeypatch):
    monkeypatch.setattr(webui_state, "PSYCOPG_IMPORT_ERROR", "no psycopg")
    options = {**handled, "state": "serving", "health_url": url}
    assert "failed" not in call_module(main, options)
    assert "psycopg" in call_module(main, {**options, **DATABASE})["msg"]
    assert "failed" not in call_module(main, {**options, **DATABASE}, check=True)
    assert "failed" not in call_module(main, {**handled, **DATABASE, "state": "at_rest"})


def test_a_revision_of_no_database(call_module, handled):
    assert "give login_db" in call_module(main, {**handled, "state": "serving", "expected_revision": "0bd252b206fb"})["msg"]


def test_no_secret_in_the_answer(call_module, handled, url, seen):
    Path(handled["env_file"]).write_text("WEBUI_SECRET_KEY=t0p-s3cret\n")
    handled["commands"]["start"] = ["sh", "-c", "exit 3", "t0p-s3cret"]
    call_module(main, {**handled, "state": "at_rest"})
    answer = call_module(main, {**handled, **DATABASE, "state": "serving", "health_url": url})
    assert "failed with return code 3" in answer["msg"]
    assert "t0p-s3cret" not in json.dumps(answer)
    assert DATABASE["login_password"] not in json.dumps(answer)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"runtime": "container", "container_name": "chat"}, "There is no container chat that runs Open WebUI here."),
        ({"runtime": "systemd", "unit": "no-such-unit.service"}, "There is no unit no-such-unit.service here."),
        ({"unit": "no-such-unit.service"}, "Nothing here runs Open WebUI: no container of its image, no unit no-such-unit.service."),
        ({"runtime": "command", "env_file": "/nowhere/e"}, "webui_command_probe is not set; this runtime needs it."),
    ],
)
@pytest.mark.parametrize("state", ["at_rest", "serving"])
def test_nothing_there(call_module, fake, options, said, state):
    assert call_module(main, {"docker_host": fake.host, **options, "state": state})["msg"].startswith(said)


def test_several(call_module, fake):
    fake.run("one")
    fake.run("two")
    answer = call_module(main, {"docker_host": fake.host, "state": "at_rest"})
    assert "Several containers here run Open WebUI: one, two." in answer["msg"]
    assert fake.changes == []
    assert call_module(main, {"docker_host": fake.host, "state": "at_rest", "instance": "two"})["changed"] is True


def test_no_engine(call_module, tmp_path):
    options = {"docker_host": f"unix://{tmp_path}/none", "state": "at_rest", "unit": "no-such-unit.service"}
    for runtime in ("auto", "container", "compose"):
        answer = call_module(main, {**options, "runtime": runtime})
        assert answer["failed"]
        assert f"{tmp_path}/none: there is no such socket" in answer["msg"]


def test_one_that_is_still_to_be_made(call_module, fake, make_source):
    path = Path(make_source())
    options = {"docker_host": fake.host, "image": "chat:1", "data_dir": str(path.parent), "runtime": "container"}
    rest = call_module(main, {**options, "state": "at_rest"})
    assert (rest["changed"], rest["was_running"], rest["source"]["real_path"]) == (False, False, str(path))
    assert call_module(main, {**options, "state": "serving"})["started"] is False
    assert fake.changes == []


def test_a_file_that_cannot_be_seen_is_not_known_to_rest(call_module, open_folder, as_nobody):
    """Whoever asks for rest without an earlier look would read a file that somebody may have open."""
    hidden = open_folder / "data"
    hidden.mkdir(mode=0o700)
    (hidden / "webui.db").write_bytes(b"")
    options = {"runtime": "command", "env_file": f"{open_folder}/chat.env", "data_dir": str(hidden), "commands": {"probe": ["false"]}}
    with as_nobody():
        said = call_module(main, {"state": "at_rest", **options})
    assert said["failed"]
    assert said["changed"] is False
    assert [problem["kind"] for problem in said["problems"]] == ["source"]
    assert str(hidden) in said["msg"]
