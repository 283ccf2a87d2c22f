# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images keep the contract of the published ones, as far as users and our roles rely on it."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from lab.containers import WAIT_SECONDS, Docker, Scratch

PASSWORD = 'it\'s "quoted" & long'
IMAGES = [18, 17, 15]


@pytest.fixture(scope="module")
def secret(scratch: Scratch) -> Path:
    """The superuser's password in a file, as Compose hands out a secret."""
    path = scratch.folder("secret") / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


def connect(port: int, password: str = PASSWORD, user: str = "postgres", database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=port, user=user, password=password, dbname=database, require_auth="scram-sha-256")


def connect_when_ready(port: int, **parameters: str) -> psycopg.Connection:
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return connect(port, **parameters)
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def place(major: int) -> str:
    """Where the volume belongs."""
    return "/var/lib/postgresql" if major >= 18 else "/var/lib/postgresql/data"


@pytest.mark.parametrize("major", IMAGES)
def test_postgres_takes_its_password_from_a_file(
    docker: Docker, image: Callable[..., str], scratch: Scratch, secret: Path, major: int
) -> None:
    name, port, data = scratch.name(f"pg{major}"), scratch.port(), scratch.folder(f"data{major}")
    options = ("--name", name, "--publish", f"127.0.0.1:{port}:5432", "--volume", f"{data}:{place(major)}")
    settings = ("--volume", f"{secret}:/run/secrets/password:ro", "--env", "POSTGRES_PASSWORD_FILE=/run/secrets/password")
    docker.run(*options, *settings, image("postgres", major), "postgres", "-c", "max_connections=42")

    with connect_when_ready(port) as connection:
        version, limit = connection.execute(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('max_connections')::int"
        ).fetchone()
    assert (version, limit) == (major, 42)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(port, password="wrong")
    # Nobody learns the password from the container's description.
    assert PASSWORD not in json.dumps(docker.inspect(name))
    folder = data / f"{major}/docker" if major >= 18 else data
    assert (folder / "PG_VERSION").read_text() == f"{major}\n"
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (70, 0o700)
    assert docker.exec(name, "pg_isready") == "/var/run/postgresql:5432 - accepting connections"

    # The data is in the volume, and is found again whatever the environment says.
    docker.cli("rm", "--force", name)
    docker.run(*options, image("postgres", major))
    with connect_when_ready(port) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("100",)


def test_postgres_creates_user_and_database(docker: Docker, image: Callable[..., str], scratch: Scratch) -> None:
    port = scratch.port()
    user, database = "the owner", 'we"b'
    settings = ("--env", "POSTGRES_PASSWORD=x", "--env", f"POSTGRES_USER={user}", "--env", f"POSTGRES_DB={database}")
    initdb = ("--env", "POSTGRES_INITDB_ARGS=--data-checksums --locale-provider=builtin --builtin-locale='C.UTF-8'")
    docker.run("--name", scratch.name(), "--publish", f"127.0.0.1:{port}:5432", *settings, *initdb, image("postgres", 18))
    with connect_when_ready(port, password="x", user=user, database=database) as connection:
        row = connection.execute("SELECT current_database(), rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (database, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(("--env", "POSTGRES_PASSWORD=x", "--volume", "/var/lib/postgresql/data"), "unused mount", id="old place"),
        pytest.param((), "no password", id="no password"),
        pytest.param(("--env", "POSTGRES_PASSWORD=x", "--env", "POSTGRES_PASSWORD_FILE=/x"), "exclusive", id="two passwords"),
    ],
)
def test_postgres_refuses(docker: Docker, image: Callable[..., str], scratch: Scratch, options: tuple[str, ...], words: str) -> None:
    name = scratch.name()
    docker.run("--name", name, *options, image("postgres", 18))
    assert docker.wait_exited(name) == 1
    assert words in docker.logs(name)


def test_postgres_stops_fast_with_clients_connected(docker: Docker, image: Callable[..., str], scratch: Scratch) -> None:
    name, port = scratch.name(), scratch.port()
    docker.run("--name", name, "--publish", f"127.0.0.1:{port}:5432", "--env", "POSTGRES_PASSWORD=x", image("postgres", 18))
    with connect_when_ready(port, password="x"):
        # A signal that waits for clients to leave would end in a kill.
        docker.cli("stop", "--time", "60", name)
    assert docker.inspect(name)["State"]["ExitCode"] == 0


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def test_open_webui_on_sqlite(docker: Docker, image: Callable[..., str], scratch: Scratch) -> None:
    name, port, data = scratch.name("webui"), scratch.port(), scratch.folder("webui")
    # Asked every second, as nobody has half a minute here.
    quick = ("--health-interval", "1s")
    docker.run("--name", name, "--publish", f"{port}:8080", "--volume", f"{data}:/app/backend/data", *quick, image("open-webui"))
    docker.wait_healthy(name)

    assert get(f"http://127.0.0.1:{port}/health") == {"status": True}
    assert get(f"http://127.0.0.1:{port}/ready") == {"status": True}
    labels = docker.inspect(name)["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "open-webui"
    assert get(f"http://127.0.0.1:{port}/api/version")["version"] == labels["org.opencontainers.image.version"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
        assert b"<title>Open WebUI</title>" in page.read()
    with sqlite3.connect(f"{(data / 'webui.db').as_uri()}?mode=ro", uri=True) as connection:
        (revisions,) = connection.execute("SELECT count(*) FROM alembic_version").fetchone()
    assert revisions == 1

    # The generated key is inside the container: not in the volume, and the same after a restart.
    key = docker.exec(name, "cat", "/app/backend/.webui_secret_key")
    assert len(base64.b64decode(key, validate=True)) == 12
    assert list(data.glob(".webui*")) == []
    docker.cli("restart", name)
    docker.wait_healthy(name)
    assert docker.exec(name, "cat", "/app/backend/.webui_secret_key") == key


def test_open_webui_builds_its_schema_and_nothing_else(docker: Docker, image: Callable[..., str], scratch: Scratch) -> None:
    network, server = scratch.name("net"), scratch.name("pg")
    docker.cli("network", "create", network)
    docker.run("--name", server, "--network", network, "--env", "POSTGRES_PASSWORD=x", image("postgres", 18))
    ready = f"until pg_isready --quiet --host {server}; do sleep 0.2; done"
    docker.exec(server, "timeout", str(WAIT_SECONDS), "sh", "-c", ready)
    settings = ("--env", f"DATABASE_URL=postgresql://postgres:x@{server}/postgres", "--env", "WEBUI_SECRET_KEY=x")
    once = ("run", "--rm", "--network", network, *settings, "--workdir", "/app/backend/open_webui", image("open-webui"))
    docker.cli(*once, "alembic", "upgrade", "head")
    count = "SELECT (SELECT count(*) FROM alembic_version), (SELECT count(*) FROM config)"
    assert docker.exec(server, "psql", "-U", "postgres", "-Atc", count) == "1|0"


def test_a_key_of_the_user_is_used_and_no_file_is_made(docker: Docker, image: Callable[..., str], scratch: Scratch) -> None:
    name = scratch.name()
    docker.run("--name", name, "--env", "WEBUI_SECRET_KEY=mine", "--health-interval", "1s", image("open-webui"))
    docker.wait_healthy(name)
    assert ".webui_secret_key" not in docker.exec(name, "ls", "-a", "/app/backend").split()
    assert "WEBUI_SECRET_KEY=mine" in docker.inspect(name)["Config"]["Env"]


def test_compose_is_there(docker: Docker, image: Callable[..., str], scratch: Scratch) -> None:
    project = scratch.name("project")
    folder = scratch.folder("compose")
    (folder / "compose.yaml").write_text(
        json.dumps(
            {
                "name": project,
                "services": {
                    "db": {
                        "image": image("postgres", 18),
                        "pull_policy": "missing",
                        "environment": {"POSTGRES_PASSWORD_FILE": "/run/secrets/password"},
                        "secrets": ["password"],
                        "shm_size": "128mb",
                        "healthcheck": {"test": ["CMD-SHELL", "pg_isready --host 127.0.0.1"], "interval": "1s", "retries": 120},
                    }
                },
                "secrets": {"password": {"file": "./password"}},
            }
        )
    )
    (folder / "password").write_text("x")
    docker.compose(folder, "up", "--detach", "--wait")
    assert docker.health(f"{project}-db-1") == "healthy"
    docker.compose(folder, "down", "--volumes")
    assert not docker.exists(f"{project}-db-1")
