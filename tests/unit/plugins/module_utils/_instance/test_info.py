# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a host: which Open WebUI is meant, what stands in its way, and in which order that is said."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import info, source
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes import systemd
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.compose import Compose
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.systemd import Systemd
from lab.fake_compose import FakeCompose
from lab.fake_engine import IMAGE, frames

WISH = info.Wish({}, {}, settle_timeout=0)
ON_TARGET = "DATABASE_URL=postgresql://openwebui:pw@openwebui-postgres:5432/openwebui"
COMPOSE_LABELS = {"com.docker.compose.project": "chat", "com.docker.compose.service": "open-webui"}
TAIL = "set the webui_command_ variables, or set webui_image and webui_data_dir to have a container made for the webui.db there."


@pytest.fixture
def units(monkeypatch):
    """What systemctl says of units, none at first; and a /etc/systemd/system that can be written to."""
    properties: dict[str, str] = {}

    def run(command, user="", environment=None):
        if command[0] != "systemctl":
            return 0, '{"package": "/opt/chat/open_webui", "version": "0.12.4", "drivers": ["psycopg2"]}'
        return 0, "".join(f"{name}={value}\n" for name, value in properties.items())

    monkeypatch.setattr(systemd, "run", run)
    return properties


@pytest.fixture
def unit(units, tmp_path, monkeypatch):
    """A unit of pip that does not run, with its webui.db in a folder of the test's."""
    monkeypatch.setattr(systemd, "UNITS", str(tmp_path))
    units.update(Id="chat.service", LoadState="loaded", ActiveState="inactive", Environment=f"DATA_DIR={tmp_path}/data")
    units["ExecStart"] = "{ path=/opt/chat/python ; argv[]=/opt/chat/python -m uvicorn ; ignore_errors=no ; }"
    return units


@pytest.fixture
def data(make_source):
    return os.path.dirname(make_source())


@pytest.fixture
def stopped(fake, data):
    """stopped(name): a container that does not run, with the data folder of the test."""

    def run(name="open-webui", env=(), host=None, **config):
        container = fake.run(
            name, {"Env": ["WEBUI_SECRET_KEY=k3y-of-the-walk", *env], **config}, {"Binds": [f"{data}:/app/backend/data"], **(host or {})}
        )
        fake.containers[container]["State"] = {"Status": "exited", "Running": False}
        return container

    return run


@pytest.fixture
def asked(fake, units):
    """asked(runtime=…): what the operator says, of a host with the fake engine and no unit."""

    def ask(**options):
        return Asked(**{"docker_host": fake.host, "unit": "chat.service", **options})

    return ask


def sentences(found: info.Found) -> list[str]:
    return [problem.message for problem in found.problems]


# -- which one ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runtime", "labels", "resolved"),
    [
        ("auto", {}, "container"),
        ("container", {}, "container"),
        ("auto", COMPOSE_LABELS, "compose"),
        ("compose", COMPOSE_LABELS, "compose"),
        # It takes what Compose has made where there is nothing else.
        ("container", COMPOSE_LABELS, "container"),
    ],
)
def test_a_container_is_found_for_what_it_is(asked, stopped, runtime, labels, resolved):
    container = stopped(Labels=labels)
    found = info.look(asked(runtime=runtime), WISH)
    assert (found.instance["id"], found.instance["runtime"], found.candidates) == (container, resolved, [])
    assert found.instance["capabilities"]["has_engine"]


def test_a_container_of_no_project_goes_before_one_that_compose_has_made(asked, stopped):
    stopped("of-compose", Labels=COMPOSE_LABELS)
    stopped("plain")
    assert info.look(asked(runtime="container"), WISH).instance["name"] == "plain"


@pytest.mark.parametrize(("runtime", "names"), [("auto", ["a", "b", "c"]), ("container", ["a", "c"]), ("compose", [])])
def test_of_several_one_has_to_be_chosen(asked, stopped, runtime, names):
    for name, labels in (("c", {}), ("b", COMPOSE_LABELS), ("a", {})):
        stopped(name, Labels=labels)
    found = info.look(asked(runtime=runtime), WISH)
    assert found.candidates == names
    if names:
        assert found.instance is None
        assert sentences(found) == [
            f"Several containers here run Open WebUI: {', '.join(names)}. Set webui_container_name to the one to move; for more than one, "
            "give each an inventory host of its own. Replicas of one Compose service are scaled to one first (docker compose up -d --scale "
            "SERVICE=1)."
        ]
    else:
        assert found.instance["name"] == "b"


def test_the_one_that_is_named_is_no_choice(asked, stopped):
    for name in ("a", "b"):
        stopped(name)
    assert info.look(asked(container_name="b"), WISH).instance["name"] == "b"


def test_compose_is_asked_for_but_there_is_another_container_only(asked, stopped):
    stopped("b")
    stopped("a")
    assert sentences(info.look(asked(runtime="compose"), WISH)) == [
        "a, b: runs Open WebUI here, but was not made by Docker Compose. Set webui_runtime to container, or leave it out."
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {},
            "Nothing here runs Open WebUI: no container of its image, no unit chat.service. "
            f"Correct webui_container_name, webui_systemd_unit or webui_docker_host, {TAIL}",
        ),
        (
            {"container_name": "chat"},
            "There is no container chat that runs Open WebUI here. "
            f"Correct webui_container_name, webui_systemd_unit or webui_docker_host, {TAIL}",
        ),
        (
            {"runtime": "container"},
            "No container here runs an Open WebUI image under the runtime container. "
            f"Correct webui_container_name or webui_docker_host, {TAIL}",
        ),
        (
            {"runtime": "compose"},
            "No container here runs an Open WebUI image under the runtime compose. "
            f"Correct webui_container_name or webui_docker_host, {TAIL}",
        ),
        (
            {"runtime": "compose", "container_name": "chat"},
            f"There is no container chat that runs Open WebUI here. Correct webui_container_name or webui_docker_host, {TAIL}",
        ),
        ({"runtime": "systemd"}, f"There is no unit chat.service here. Correct webui_systemd_unit, {TAIL}"),
        ({"runtime": "systemd", "container_name": "chat"}, f"There is no unit chat.service here. Correct webui_systemd_unit, {TAIL}"),
        # An image alone, or a folder alone, does not make a container.
        (
            {"image": IMAGE},
            "Nothing here runs Open WebUI: no container of its image, no unit chat.service. "
            f"Correct webui_container_name, webui_systemd_unit or webui_docker_host, {TAIL}",
        ),
        (
            {"runtime": "compose", "image": IMAGE, "data_dir": "/srv"},
            "No container here runs an Open WebUI image under the runtime compose. "
            f"Correct webui_container_name or webui_docker_host, {TAIL}",
        ),
    ],
)
def test_none_is_found(asked, options, sentence):
    found = info.look(asked(**options), WISH)
    assert (found.instance, sentences(found)) == (None, [sentence])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Nothing here runs Open WebUI: no container of its image ({engine}), no unit chat.service. Correct webui_container_name, "),
        ({"container_name": "chat"}, "There is no container chat that runs Open WebUI here ({engine}). Correct webui_container_name, "),
        ({"runtime": "container"}, "{engine}. Correct webui_container_name or webui_docker_host, "),
        ({"runtime": "compose", "container_name": "chat"}, "{engine}. Correct webui_container_name or webui_docker_host, "),
        # One that is to be made needs an engine.
        ({"image": IMAGE, "data_dir": "/srv"}, "{engine}"),
    ],
)
def test_without_an_engine_it_is_said_why(asked, tmp_path, options, sentence):
    engine = f"{tmp_path}/none: there is no such socket; install and start Docker, or set webui_docker_host to the engine's socket"
    (message,) = sentences(info.look(asked(docker_host=f"unix://{tmp_path}/none", **options), WISH))
    assert message.startswith(sentence.format(engine=engine))


def test_a_unit_is_looked_for_where_there_is_no_container(asked, unit, tmp_path, make_source):
    make_source()
    for options in ({}, {"runtime": "systemd"}, {"docker_host": f"unix://{tmp_path}/none"}):
        found = info.look(asked(**options), WISH)
        assert (found.instance["name"], found.instance["runtime"], sentences(found)) == ("chat.service", "systemd", [])


def test_a_container_goes_before_a_unit(asked, unit, stopped):
    stopped()
    assert info.look(asked(), WISH).instance["runtime"] == "container"


def commands(**words):
    return {name: words.get(name, ["false"]) for name in ("probe", "stop", "start", "bootstrap")}


@pytest.mark.parametrize("runtime", ["auto", "command"])
def test_commands_say_that_they_are_what_is_meant(asked, stopped, data, tmp_path, runtime):
    stopped()
    options = {"commands": commands(), "env_file": str(tmp_path / "chat.env"), "data_dir": data}
    found = info.look(asked(runtime=runtime, **options), WISH)
    assert (found.instance["runtime"], found.instance["running"], sentences(found)) == ("command", False, [])
    assert found.instance["sqlite_path"] == f"{data}/webui.db"


def test_an_env_file_that_cannot_be_read_is_no_reason_to_look_elsewhere(asked, stopped, tmp_path):
    stopped()
    found = info.look(asked(commands=commands(), env_file=str(tmp_path)), WISH)
    assert (found.instance, sentences(found)) == (None, [f"{tmp_path}: is a folder; correct webui_env_file"])


# -- one that is to be made -----------------------------------------------------------------------------------------------------

MADE = {"image": IMAGE, "secret_key_declared": True}


@pytest.mark.parametrize("runtime", ["auto", "container"])
def test_a_container_is_to_be_made(asked, unit, data, runtime):
    container = {"network_mode": "chat", "networks": ["one", "two"]}
    found = info.look(asked(runtime=runtime, data_dir=data, **MADE), WISH._replace(container=container))
    assert sentences(found) == []
    expected = {
        "name": "open-webui",
        "runtime": "container",
        "running": False,
        "missing": True,
        "image": IMAGE,
        "image_id": IMAGE,
        "network_mode": "chat",
        "networks": ["one", "two"],
        "data_dir": data,
        "data_dir_inside": "/app/backend/data",
        "sqlite_path": f"{data}/webui.db",
        "database": {"kind": "sqlite", "where": f"{data}/webui.db", "set_by": [], "on_target": False},
        "health_url": "http://127.0.0.1:8080/health",
        "kept": {},
    }
    assert {name: found.instance[name] for name in expected} == expected
    assert (found.instance["source"]["exists"], found.instance["desired"]["by_network"]) == (True, True)


@pytest.mark.parametrize(
    ("declared", "own", "origin", "total"), [(False, False, "none", 1), (True, False, "declared", 0), (False, True, "declared", 0)]
)
def test_one_that_is_made_needs_the_key_of_the_one_that_is_gone(asked, data, declared, own, origin, total):
    options = asked(image=IMAGE, data_dir=data, secret_key_declared=declared)
    found = info.look(options, WISH._replace(container={"secret_key": own}))
    assert found.instance["secret_key"]["from"] == origin
    assert (
        sentences(found)
        == [
            "The container that had the secret key is gone. Set webui_secret_key to that key. With a new one everybody has to sign in "
            "again, and stored credentials cannot be read any more."
        ][:total]
    )


def test_a_name_that_is_taken_is_not_made_anew(asked, fake, stopped, data):
    image = fake.images[next(iter(fake.images))]
    fake.images["sha256:" + "bb" * 32] = {**image, "Id": "sha256:" + "bb" * 32, "RepoTags": ["someone/chat:1"], "RepoDigests": []}
    fake.images["sha256:" + "bb" * 32]["Config"] = {**image["Config"], "Labels": {}}
    container = stopped(Image="someone/chat:1")
    found = info.look(asked(data_dir=data, **MADE), WISH)
    assert (found.instance["id"], found.instance.get("missing")) == (container, None)


# -- what the operator says -----------------------------------------------------------------------------------------------------


def test_how_much_room_there_is_where_the_file_and_its_copies_are(asked, stopped, data, tmp_path, monkeypatch):
    stopped()
    monkeypatch.setattr(info, "free_bytes", {f"{data}/webui.db": 7, f"{tmp_path}/state": 5, "": None}.get)
    assert info.look(asked(), WISH._replace(state_dir=f"{tmp_path}/state")).instance["free_bytes"] == {"data": 7, "state": 5}
    assert info.look(asked(), WISH).instance["free_bytes"] == {"data": 7, "state": None}


def test_what_was_found_is_told(asked, stopped, data):
    stopped()
    found = info.look(asked(), WISH).instance
    assert (found["data_dir"], found["sqlite_path"], found["health_url"]) == (data, f"{data}/webui.db", "http://127.0.0.1:80/health")


def test_what_was_found_never_overrides_what_the_operator_says(asked, stopped, data):
    stopped()
    said = {"data_dir": "/elsewhere", "sqlite_path": f"{data}/./webui.db", "health_url": "http://chat.example.com/health"}
    found = info.look(asked(**said), WISH)
    assert {name: found.instance[name] for name in said} == said
    assert sentences(found) == []


def test_another_file_than_the_one_in_use_is_named(asked, stopped, data, tmp_path):
    stopped()
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE user (id TEXT)")
    found = info.look(asked(sqlite_path=str(other)), WISH)
    assert found.instance["sqlite_path"] == str(other)
    assert sentences(found) == [
        f"The container open-webui works with {data}/webui.db, and not with {other}. Set webui_sqlite_path to the file in use.",
        f"Open WebUI uses {data}/webui.db, but webui_sqlite_path is {other}. Set webui_sqlite_path to the file in use, or leave it out, "
        "and the file in use is moved.",
    ]
    assert [problem.kind for problem in found.problems] == ["source", "database"]


def test_nothing_says_which_file_it_is(asked, tmp_path):
    found = info.look(asked(commands=commands(), env_file=str(tmp_path / "chat.env")), WISH)
    assert (found.instance["data_dir"], found.instance["sqlite_path"]) == ("", "")
    assert sentences(found) == [
        "Nothing says which file Open WebUI works with. Set webui_data_dir to the data folder of Open WebUI, or webui_sqlite_path."
    ]


@pytest.mark.parametrize("options", [{}, {"sqlite_path": "/nowhere/webui.db"}])
def test_whether_its_file_is_there(asked, stopped, options):
    stopped()
    assert info.look(asked(**options), WISH).instance["sqlite_exists"] is not bool(options)


# -- what the operator says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "state_dir", "names"),
    [
        ({"data_dir": "data"}, "", ["webui_data_dir must be an absolute path; it is data."]),
        ({"sqlite_path": "./webui.db"}, "", ["webui_sqlite_path must be an absolute path; it is ./webui.db."]),
        ({}, "~/state", ["webui_state_dir must be an absolute path; it is ~/state."]),
        (
            {"data_dir": "a", "sqlite_path": "b"},
            "c",
            [
                f"webui_{name} must be an absolute path; it is {path}."
                for name, path in (("data_dir", "a"), ("sqlite_path", "b"), ("state_dir", "c"))
            ],
        ),
        ({"data_dir": "/srv/none"}, "/opt/state", []),
    ],
)
def test_a_path_that_leads_to_another_place_for_each_who_reads_it(asked, stopped, options, state_dir, names):
    stopped()
    found = info.look(asked(**options), WISH._replace(state_dir=state_dir))
    said = [problem.message for problem in found.problems if problem.kind == "variable"]
    assert said == names
    # What such a path leads to is not looked at.
    assert ("desired" in found.instance) is not bool(names)


def test_what_cannot_be_told_to_open_webui(asked, stopped):
    stopped()
    found = info.look(asked(data_dir="data"), WISH._replace(database={"name": "a b", "schema": "c d"}))
    assert [problem.kind for problem in found.problems] == ["variable"] * 3
    assert [sentence.split()[0] for sentence in sentences(found)] == ["webui_database_name", "DATABASE_SCHEMA:", "webui_data_dir"]


# -- the database ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "wish", "on_target"),
    [
        ([ON_TARGET], {}, True),
        (["DATABASE_URL=postgresql://another:user@openwebui-postgres/openwebui"], {}, True),
        ([], {}, False),
        ([ON_TARGET], {"database": {"name": "other"}}, False),
        ([ON_TARGET], {"database": {"mode": "external"}}, False),
        (["DATABASE_URL=postgresql://u:p@127.0.0.1:6432/openwebui"], {"database": {"mode": "external", "port": 6432}}, True),
        (["DATABASE_URL=postgresql://u:p@db/x"], {"database": {"url": "postgresql://w:q@db:5432/x"}}, True),
        ([ON_TARGET], {"database": {"url": "postgresql://w:q@db:5432/x"}}, False),
        (
            ["DATABASE_URL=postgresql://u:p@/chat?host=%2Frun%2Fpg"],
            {"database": {"mode": "external", "host": "/run/pg", "name": "chat"}},
            True,
        ),
    ],
)
def test_whether_it_is_on_the_new_database(asked, stopped, env, wish, on_target):
    stopped(env=env)
    found = info.look(asked(), WISH._replace(**wish))
    assert found.instance["database"]["on_target"] is on_target
    assert "pw" not in str(found.instance["desired"])


def test_on_the_new_database_nothing_else_is_waited_for_or_searched(asked, fake, data, monkeypatch):
    """One that runs there is not asked for its health, and its old file may be gone."""
    fake.run("open-webui", {"Env": [ON_TARGET]}, {"Binds": [f"{data}/gone:/app/backend/data"]})
    monkeypatch.setattr(info, "wait", None)
    monkeypatch.setattr(info, "report", None)
    found = info.look(asked(), WISH)
    assert sentences(found) == []
    assert (found.instance["running"], found.instance["source"], found.instance["health"]) == (True, {}, {"healthy": None, "reason": ""})


NO_WAY_BACK = "The container on SQLite is not kept any more (webui_cutover_keep_old)."


@pytest.mark.parametrize(("env", "says"), [([ON_TARGET], True), ([], False), (["DATABASE_URL=postgresql://u:p@elsewhere/x"], False)])
def test_whether_there_is_a_way_back_is_said_of_one_that_is_there(asked, stopped, env, says):
    stopped(env=env)
    assert [sentence.startswith(NO_WAY_BACK) for sentence in info.look(asked(), WISH).instance["no_way_back"]] == [True] * says


def test_with_the_container_that_was_set_aside_there_is_a_way_back(asked, stopped):
    stopped("chat-on-sqlite")
    stopped("chat", env=[ON_TARGET])
    instance = info.look(asked(), WISH).instance
    assert (instance["name"], instance["kept"]["name"], instance["no_way_back"]) == ("chat", "chat-on-sqlite", [])


@pytest.mark.parametrize(
    ("url", "where"),
    [("postgresql://u:s3cr3t@db/other", "db:5432/other"), ("mysql://u:s3cr3t@db:3306/x", "db:3306/x"), ("nonsense", "another database")],
)
def test_a_container_on_another_database(asked, stopped, url, where):
    stopped(env=[f"DATABASE_URL={url}"])
    found = info.look(asked(), WISH)
    assert sentences(found) == [
        f"Open WebUI already uses {where}, not SQLite. If that is the database you mean, set the webui_database_ variables to it."
    ]
    assert found.instance["source"] == {}


def test_an_env_file_on_another_database(asked, tmp_path):
    (tmp_path / "chat.env").write_text("DATABASE_URL=postgresql://u:s3cr3t@db/other\n")
    found = info.look(asked(commands=commands(), env_file=str(tmp_path / "chat.env")), WISH)
    assert sentences(found) == [
        "Open WebUI already uses db:5432/other, not SQLite. If that is the database you mean, set the webui_database_ variables to it; "
        "otherwise point webui_env_file at the right file."
    ]


# -- health, source and log -----------------------------------------------------------------------------------------------------


@pytest.fixture
def answering():
    """answering(status) -> the URL of a server on this host that answers with it."""
    servers = []

    def serve(status):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()

            def log_message(self, *arguments):
                """Nothing."""

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/health"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def running(asked, data, start_writer, tmp_path):
    """running(url): commands that say that it runs, and a process that has the file open."""
    start_writer(f"{data}/webui.db")

    def ask(url, **more):
        options = {"commands": commands(probe=["true"]), "env_file": str(tmp_path / "chat.env"), "data_dir": data, "health_url": url}
        return asked(**{**options, **more})

    return ask


def test_one_that_runs_well(running, answering, data):
    found = info.look(running(answering(200)), WISH)
    assert sentences(found) == []
    assert found.instance["health"] == {"healthy": True, "reason": ""}
    file = os.stat(f"{data}/webui.db")
    facts = {"exists": True, "evidence": "open", "in_use": True, "device": file.st_dev, "inode": file.st_ino, "size": file.st_size}
    facts.update(uid=file.st_uid, gid=file.st_gid, real_path=os.path.realpath(f"{data}/webui.db"))
    assert {name: found.instance["source"][name] for name in facts} == facts


def test_one_that_is_not_well(running, answering):
    url = answering(503)
    found = info.look(running(url), WISH)
    assert sentences(found) == [
        f"Open WebUI runs, but {url} does not answer with 200 (HTTP 503). Correct webui_health_url, or heal Open WebUI first."
    ]
    assert found.instance["health"] == {"healthy": False, "reason": "HTTP 503"}
    assert [problem.kind for problem in found.problems] == ["health"]


def test_an_address_that_cannot_be_asked(running):
    found = info.look(running("chat"), WISH)
    reason = "chat is no address that can be asked; webui_health_url wants http://HOST:PORT/health"
    assert sentences(found) == [
        f"Open WebUI runs, but chat does not answer with 200 ({reason}). Correct webui_health_url, or heal Open WebUI first."
    ]


def test_the_file_comes_first_then_the_settings_then_the_health(running, answering, data, tmp_path):
    (tmp_path / "chat.env").write_text("DATABASE_URL=sqlite:////srv/other/webui.db\n")
    url = answering(500)
    found = info.look(running(url, sqlite_path=f"{data}/none.db"), WISH)
    assert [problem.kind for problem in found.problems] == ["source", "database", "health"]
    assert sentences(found)[0].startswith(f"There is no {data}/none.db. ")
    assert sentences(found)[1].startswith("Open WebUI uses /srv/other/webui.db, but webui_sqlite_path is ")


def test_the_file_is_looked_at_after_it_has_answered(running, answering, monkeypatch):
    """By then it has its database open."""
    order = []
    monkeypatch.setattr(info, "wait", lambda ask, timeout: order.append(("health", timeout)) or ask())
    monkeypatch.setattr(info, "report", lambda *arguments: order.append("source") or source.NOTHING)
    info.look(running(answering(200)), WISH._replace(settle_timeout=7))
    assert order == [("health", 7), "source"]


def test_one_that_does_not_run_is_not_asked(asked, stopped, monkeypatch):
    stopped()
    monkeypatch.setattr(info, "wait", None)
    assert info.look(asked(), WISH).instance["health"] == {"healthy": None, "reason": ""}


def test_the_log_is_read_where_it_is_asked_for(asked, fake, stopped):
    fake.logs[stopped()] = frames((1, b"one\nkey k3y-of-the-walk\n"))
    assert info.look(asked(), WISH).instance["log"] == []
    assert info.look(asked(), WISH._replace(log_lines=1)).instance["log"] == ["key ********"]


# -- what the runtime lacks -----------------------------------------------------------------------------------------------------


def test_what_the_runtime_lacks_is_said_alone(asked, fake, stopped, monkeypatch):
    """Nothing else is looked at before that is there."""
    stopped(host={"AutoRemove": True}, env=["DATABASE_URL=postgresql://u:p@db/other"])
    monkeypatch.setattr(info, "report", None)
    found = info.look(asked(sqlite_path="/srv/none.db"), WISH)
    assert sentences(found) == [
        "The container open-webui was started with --rm: stopping it destroys it, and with it the way back. Run it without --rm first."
    ]
    assert found.instance["desired"]["mode"] == "compose"


def test_a_probe_that_cannot_be_run_is_a_problem(asked, data, tmp_path):
    script = tmp_path / "probe"
    script.write_text("#!/bin/sh\necho no idea >&2\nexit 126\n")
    script.chmod(0o755)
    options = {"commands": commands(probe=[str(script)]), "env_file": str(tmp_path / "chat.env"), "data_dir": data}
    found = info.look(asked(**options), WISH)
    assert sentences(found) == [f'The command "{script}" failed with return code 126. Its last words: no idea']
    assert found.instance["data_dir"] == data


def test_what_compose_warns_of_is_passed_on(asked, fake, tmp_path, monkeypatch):
    fake.networks["openwebui-postgres"] = "a" * 64
    service = {"image": IMAGE, "container_name": "open-webui", "environment": {"WEBUI_SECRET_KEY": "k"}}
    compose = FakeCompose(fake, tmp_path, {"open-webui": service})
    compose.up()
    monkeypatch.setattr(Compose, "command", compose)
    fake.run("vpn", {"Hostname": "", "ExposedPorts": {}}, {"NetworkMode": f"container:{compose.container('open-webui')['Id']}"})
    found = info.look(asked(runtime="compose"), WISH)
    assert found.warnings == ["vpn: it shares the network of open-webui, which is made anew; make it anew afterwards, too"]
    assert "warnings" not in found.instance
    assert found.instance["desired"]["networks"] == ["openwebui-postgres"]


def test_systemd_is_run_by_a_function_of_its_own(asked):
    assert Systemd(asked()).run is systemd.run
