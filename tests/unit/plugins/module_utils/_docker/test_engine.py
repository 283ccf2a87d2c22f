# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to an engine: what is asked, and each way in which no answer comes."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing
from typing import Callable

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine, EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


@pytest.fixture
def answering(fake):
    """answering(b"…") -> the address of a socket that answers everything with these bytes, or not at all with None"""
    listeners = []

    def serve(listener: socket.socket, answer: bytes | None, connections: list[socket.socket]) -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            connections.append(connection)
            if answer is not None:
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()

    def make(answer: bytes | None) -> str:
        listener = socket.socket(socket.AF_UNIX)
        listeners.append(listener)
        path = str(fake.folder / f"{len(listeners)}.sock")
        listener.bind(path)
        listener.listen()
        threading.Thread(target=serve, args=(listener, answer, []), daemon=True).start()
        return f"unix://{path}"

    yield make
    for listener in listeners:
        with closing(listener):
            listener.shutdown(socket.SHUT_RDWR)


def refusal(do: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        do()
    assert [problem.kind for problem in caught.value.problems] == ["engine"]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_speaks_as_the_engine_does(fakes):
    fake = fakes("1.43")
    engine = Engine(fake.host)
    assert engine.api_version == "1.43"
    assert engine.get("/containers/json", all="1") == []
    assert fake.asked == ["GET /version", "GET /v1.43/containers/json?all=1"]
    assert engine.speaks("1.43")
    assert engine.speaks("1.9")
    assert not engine.speaks("1.44")
    assert engine.as_of("1.30").get("/containers/json") == []
    assert fake.asked[-1] == "GET /v1.30/containers/json"


def test_names_cannot_lead_elsewhere(fake):
    fake.run("open-webui")
    with pytest.raises(EngineError) as caught:
        Engine(fake.host).get("/containers/a?b#c d/json")
    assert caught.value.status == 404
    assert fake.asked[-1] == "GET /v1.41/containers/a%3Fb%23c%20d/json"


def test_what_the_engine_refuses_is_told_in_one_line(fake):
    fake.refuse("create", 500, "driver failed:\n  port is already allocated")
    with pytest.raises(EngineError) as caught:
        Engine(fake.host).post("/containers/create", {}, name="x")
    assert caught.value.status == 500
    assert str(caught.value) == "the Docker Engine says: driver failed: port is already allocated"


def test_a_refusal_need_not_be_json(answering):
    host = answering(b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nnot\r\ntoday")
    assert refusal(lambda: Engine(host).get("/x")) == "the Docker Engine says: not toda"


def test_a_refusal_need_not_say_why(answering):
    host = answering(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
    assert refusal(lambda: Engine(host).get("/x")) == "the Docker Engine says: status 502"


def test_what_is_done_already_is_no_failure(answering):
    engine = Engine(answering(b"HTTP/1.1 304 Not Modified\r\n\r\n")).as_of("1.41")
    assert engine.post("/containers/x/stop") is None


def test_no_socket(tmp_path):
    message = refusal(lambda: Engine(f"unix://{tmp_path}/none.sock").api_version)
    assert message == (
        f"{tmp_path}/none.sock: there is no such socket; install and start Docker, or set webui_docker_host to the engine's socket"
    )


def test_no_permission(fake, as_nobody):
    os.chmod(fake.folder / "e.sock", 0)
    with as_nobody():
        message = refusal(lambda: Engine(fake.host).api_version)
    assert message == (f"{fake.folder}/e.sock: no permission to use the Docker Engine; run with become or add the user to the docker group")


def test_nobody_listens(fake):
    path = fake.folder / "left.sock"
    with closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(path))
    message = refusal(lambda: Engine(f"unix://{path}").api_version)
    assert message == f"{path}: the Docker Engine does not answer (Connection refused); start it, and look at its log"


def test_it_does_not_answer(answering):
    engine = Engine(answering(None)).as_of("1.41")
    message = refusal(lambda: engine.post("/containers/create", {}, seconds=0.2))
    assert message == f"{engine.socket}: the Docker Engine did not answer within 0.2 seconds; look at its log"


def test_it_goes_away_while_it_works(fake):
    engine = Engine(fake.host)
    identifier = fake.run()
    assert engine.get(f"/containers/{identifier}/json")["Id"] == identifier
    fake.kill_after(1)
    message = refusal(lambda: engine.post(f"/containers/{identifier}/stop"))
    assert "the Docker Engine does not answer (" in message


@pytest.mark.parametrize(
    "answer", [b"<html>", b'"text"', b"[]", b"{}", b'{"ApiVersion": 1.41}', b'{"ApiVersion": "new"}', b'{"ApiVersion": "1.41/../x"}']
)
def test_something_else_answers(answering, answer):
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
    engine = Engine(answering(head + answer))
    message = refusal(lambda: engine.api_version)
    assert message == f"{engine.socket}: what answers there is no Docker Engine; set webui_docker_host to its socket"


def test_no_http_at_all(answering):
    assert "does not answer (BadStatusLine)" in refusal(lambda: Engine(answering(b"SSH-2.0-OpenSSH\r\n")).api_version)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("tcp://10.0.0.1:2375", "tcp"),
        ("ssh://root:t0psecret@host", "ssh"),
        ("npipe:////./pipe/docker_engine", "npipe"),
        ("/var/run/docker.sock", "this address"),
        ("", "this address"),
    ],
)
def test_only_sockets(host, kind):
    message = refusal(lambda: Engine(host))
    assert message == (
        f"webui_docker_host: {kind} is not supported, only unix:///path; the modules run on the host of the engine, "
        "so set it to the engine's socket"
    )


@pytest.mark.parametrize("host", ["unix://var/run/docker.sock", "unix:/var/run/docker.sock", "unix://"])
def test_a_socket_written_wrong(host):
    assert refusal(lambda: Engine(host)) == f"{host}: a socket is written as unix:///path/of/it; correct webui_docker_host"


def test_no_more_is_read_than_is_of_interest(fake):
    container = fake.run()
    fake.logs[container] = b"x" * 1_000_000
    engine = Engine(fake.host)
    assert len(engine.read(f"/containers/{container}/logs")) == 1_000_000
    assert 100_000 <= len(engine.read(f"/containers/{container}/logs", most=100_000)) < 200_000


def test_a_header_says_what_a_file_is(fake):
    container = fake.run()
    fake.files[container, "/link"] = "/target"
    engine = Engine(fake.host)
    assert engine.header(f"/containers/{container}/archive", "X-Docker-Container-Path-Stat", path="/link")
    assert engine.header(f"/containers/{container}/archive", "X-No-Such-Header", path="/link") == ""
    with pytest.raises(EngineError) as caught:
        engine.header(f"/containers/{container}/archive", "X-Docker-Container-Path-Stat", path="/none")
    assert caught.value.status == 404
    assert fake.changes == []


@pytest.mark.parametrize("answer", [b"null", b"1", b'"text"', b"[1]", b"[null]", b"[[]]", b"{}", b"<html>", b""])
def test_something_else_answers_later(answering, answer):
    engine = Engine(answering(f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer))
    engine._version = "1.45"
    message = refusal(lambda: engine.get("/containers/json"))
    assert message == f"{engine.socket}: what answers there is no Docker Engine; set webui_docker_host to its socket"


def test_the_first_question_is_not_waited_for_as_long_as_work_is(answering, monkeypatch):
    """One that hangs is asked by each runtime, and nobody wants to wait for two minutes each time."""
    patience = []
    monkeypatch.setattr(Engine, "_request", lambda _self, *_target, seconds: patience.append(seconds) or ({}, b"{}"))
    refusal(lambda: Engine("unix:///run/hangs.sock").api_version)
    assert patience == [30]
