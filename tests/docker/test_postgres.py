# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by Docker Compose, through plays that include the role webui_postgres.

Each play has several hosts, all of them this machine, and they work at the same time: `eighteen` with a server of its own,
`third` and later `second` with a database on that server, `seventeen` and later `fifteen` with servers of their own.
The tests build on each other, in the order in which they are written: a play takes its time.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from lab import paths, releases
from lab.containers import Docker, Scratch
from lab.releases import Release
from lab.webui_play import ANSIBLE_PLAYBOOK, Run, environment, play, write_inventory

# All that a shell, YAML, SQL and Compose could stumble over.
CHOSEN = "p@ss/w:rd %41#?'\"\\ $HOME ~`"

PLAY = [
    {
        "name": "Include the role",
        "hosts": "webui",
        "gather_facts": False,
        "environment": {
            "PATH": "{{ test_path | default(lookup('ansible.builtin.env', 'PATH')) }}",
            "DOCKER_CONFIG": "{{ test_docker_config | default(lookup('ansible.builtin.env', 'DOCKER_CONFIG')) }}",
        },
        "tasks": [
            {
                "name": "Look before",
                "ansible.builtin.include_role": {"name": "openwebui.postgres.webui_postgres", "tasks_from": "preflight"},
            },
            {
                "name": "Include it",
                "ansible.builtin.include_role": {"name": "openwebui.postgres.webui_postgres"},
            },
            {
                "name": "Tell what it says",
                "ansible.builtin.debug": {"msg": "ready={{ webui_postgres_ready | default('nothing') }}"},
            },
        ],
    },
]


class Server:
    """The variables of one Compose server, and what it looks like from outside."""

    def __init__(self, docker: Docker, scratch: Scratch, image: str, what: str, major: int, **variables: Any) -> None:
        self.docker = docker
        self.folder = scratch.folder(what) / "project"
        self.container = scratch.name(what)
        self.port = scratch.port()
        self.major = major
        self.variables = {
            "webui_postgres_version": major,
            "webui_postgres_image": image,
            "webui_postgres_dir": str(self.folder),
            "webui_postgres_project": self.container,
            "webui_postgres_container_name": self.container,
            "webui_postgres_network": self.container,
            "webui_postgres_alias": f"alias-{what}",
            "webui_database_port": self.port,
            **variables,
        }

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text().strip()

    def connect(self, user: str = "postgres", database: str = "postgres", password: str = "") -> psycopg.Connection:
        kept = "superuser" if user == "postgres" else f"owner-{user}"
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=user,
            password=password or self.secret(kept),
            dbname=database,
            require_auth="scram-sha-256",
        )

    def show(self, *settings: str) -> list[str]:
        with self.connect() as connection:
            return [connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0] for name in settings]


class Hosts:
    """The hosts by name with their variables, and plays against some of them."""

    def __init__(self, folder: Path, engine: str) -> None:
        self._folder = folder
        self._playbook = folder / "play.yml"
        self._playbook.write_text(yaml.safe_dump(PLAY, sort_keys=False))
        self._common = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(paths.PYTHON),
            "webui_python_interpreter": str(paths.PYTHON),
            "webui_runtime": "container",
            "webui_data_dir": str(folder),
            "webui_docker_host": engine,
            "webui_postgres_mode": "compose",
            # The machine of the tests may be large, and other tests run on it.
            "webui_postgres_memory_mb": 1500,
            "webui_postgres_pull": "never",
        }
        self.all: dict[str, dict[str, Any]] = {}

    def add(self, name: str, *variables: dict[str, Any]) -> None:
        self.all[name] = dict(self._common)
        for more in variables:
            self.all[name].update(more)

    def play(self, names: list[str], *arguments: str, ansible_playbook: Path = ANSIBLE_PLAYBOOK) -> Run:
        inventory = write_inventory(self._folder / "inventory.json", self.all)
        return play(
            str(self._playbook),
            inventory,
            *("--limit", ",".join(names), *arguments),
            env=environment(ANSIBLE_NOCOLOR="1", ANSIBLE_PIPELINING="1", ANSIBLE_FORKS="12"),
            ansible_playbook=ansible_playbook,
        )


@pytest.fixture(scope="module")
def hosts(docker: Docker, scratch: Scratch) -> Hosts:
    return Hosts(scratch.folder("plays"), docker.engine.host)


@pytest.fixture(scope="module")
def eighteen(docker: Docker, scratch: Scratch, image: Callable[..., str], hosts: Hosts) -> Server:
    server = Server(docker, scratch, image("postgres", 18), "eighteen", 18)
    hosts.add("eighteen", server.variables)
    names = {"webui_instance_name": "second", "webui_database_name": "second-db", "webui_database_user": "second/owner"}
    hosts.add("second", server.variables, names)
    # Another host, as far as Ansible is concerned, with a password that its operator has chosen.
    delegated = {"webui_postgres_delegate_to": "eighteen", "webui_database_password": CHOSEN}
    hosts.add("third", server.variables, delegated, {"webui_database_name": "third", "webui_database_user": "third"})
    return server


@pytest.fixture(scope="module")
def seventeen(docker: Docker, scratch: Scratch, image: Callable[..., str], hosts: Hosts) -> Server:
    server = Server(docker, scratch, image("postgres", 17), "seventeen", 17)
    server.variables["webui_postgres_settings"] = {"work_mem": "8MB", "jit": False, "random_page_cost": None}
    # A network that others made, and that their containers are in.
    docker.cli("network", "create", server.variables["webui_postgres_network"])
    hosts.add("seventeen", server.variables)
    return server


FIRST = ["eighteen", "third", "seventeen"]


@pytest.fixture(scope="module")
def first_run(hosts: Hosts, eighteen: Server, seventeen: Server) -> Run:
    """Servers made by hosts that work at the same time, two of them on the same. The output is as long as it gets."""
    return hosts.play(FIRST, "--diff", "-vvv")


@pytest.fixture(scope="module")
def later_run(
    docker: Docker, scratch: Scratch, image: Callable[..., str], hosts: Hosts, first_run: Run, eighteen: Server, seventeen: Server
) -> tuple[Run, dict[str, str], Server]:
    """Servers that were stopped, one of them with another setting; another instance, another version. With the containers before."""
    fifteen = Server(docker, scratch, image("postgres", 15), "fifteen", 15)
    hosts.add("fifteen", fifteen.variables)
    hosts.all["seventeen"]["webui_postgres_settings"] = {"work_mem": "9MB"}
    before = {server.container: docker.inspect(server.container)["Id"] for server in (eighteen, seventeen)}
    docker.cli("stop", *before)
    rehearsal = hosts.play(["seventeen"], "--check", "--diff").succeeded()
    assert '+      - "--work_mem=9MB"\n' in rehearsal.output
    found = docker.inspect(seventeen.container)
    assert (found["Id"], found["State"]["Status"]) == (before[seventeen.container], "exited")
    return hosts.play(["second", "seventeen", "fifteen"]), before, fifteen


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_first_look_tells_and_makes_nothing(docker: Docker, hosts: Hosts, eighteen: Server) -> None:
    rehearsal = hosts.play(["eighteen"], "--check", "--diff").succeeded()
    assert "ready=False" in rehearsal.output
    assert "+      POSTGRES_PASSWORD_FILE: /run/secrets/superuser\n" in rehearsal.output
    # Folders, data folder, network, two passwords; with the Compose file all of one task.
    assert rehearsal.changed == 1
    folder, network = eighteen.folder, eighteen.variables["webui_postgres_network"]
    made = [folder, folder / "secrets", eighteen.data, f"network {network}", folder / "secrets" / "superuser"]
    for what in (*made, folder / "secrets" / "owner-openwebui_eighteen"):
        assert f'-    "{what}": "absent"' in rehearsal.output, rehearsal.end
    assert not eighteen.folder.exists()
    assert not docker.exists(eighteen.container)
    assert eighteen.container not in [network.name for network in docker.api.networks.list()]


def test_a_server_runs_for_every_version(first_run: Run, eighteen: Server, seventeen: Server) -> None:
    first_run.succeeded()
    assert first_run.output.count('"ready=True"') == len(FIRST)
    assert "password authentication failed" not in first_run.output
    for server in (eighteen, seventeen):
        assert int(server.show("server_version_num")[0]) // 10000 == server.major
        assert server.docker.health(server.container) == "healthy"
        found = server.docker.inspect(server.container)["HostConfig"]
        assert found["RestartPolicy"]["Name"] == "always"
        assert found["ShmSize"] == 256 * 1024 * 1024
        assert found["PortBindings"] == {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(server.port)}]}


def test_data_is_on_the_host_where_the_image_wants_it(first_run: Run, eighteen: Server, seventeen: Server) -> None:
    assert (eighteen.data / "18" / "docker" / "PG_VERSION").read_text() == "18\n"
    assert (seventeen.data / "PG_VERSION").read_text() == "17\n"
    for server in (eighteen, seventeen):
        kinds = {(mount["Type"], mount["Source"]) for mount in server.docker.inspect(server.container)["Mounts"]}
        assert kinds == {("bind", str(server.data)), ("bind", str(server.folder / "secrets" / "superuser"))}


def test_settings_are_sized_and_the_operators_count(first_run: Run, eighteen: Server, seventeen: Server) -> None:
    assert eighteen.show("shared_buffers", "effective_cache_size", "max_wal_size") == ["128MB", "512MB", "1GB"]
    assert eighteen.show("random_page_cost", "default_toast_compression") == ["1.1", "lz4"]
    assert eighteen.show("data_checksums", "password_encryption") == ["on", "scram-sha-256"]
    assert seventeen.show("work_mem", "jit", "random_page_cost", "data_checksums") == ["8MB", "off", "4", "on"]


def test_other_containers_reach_it_by_its_alias(
    first_run: Run, docker: Docker, image: Callable[..., str], eighteen: Server, seventeen: Server
) -> None:
    for server, name in ((eighteen, "alias-eighteen"), (seventeen, "alias-seventeen")):
        ask = ("pg_isready", "--host", name, "--timeout", "30")
        options = ("--rm", "--network", server.container, "--entrypoint", ask[0], image("postgres", 18))
        assert docker.cli("run", *options, *ask[1:]) == f"{name}:5432 - accepting connections"


def test_no_secret_gets_out(first_run: Run, docker: Docker, eighteen: Server, seventeen: Server) -> None:
    for server in (eighteen, seventeen):
        secrets = [path.read_text().strip() for path in (server.folder / "secrets").iterdir()]
        assert len(secrets) == len(set(secrets)) >= 2
        assert min(map(len, secrets)) == 40
        secrets += [CHOSEN, json.dumps(CHOSEN)[1:-1]]
        places = {
            "output": first_run.output,
            "inspect": json.dumps(docker.inspect(server.container)),
            "compose.yaml": (server.folder / "compose.yaml").read_text(),
            "docker compose config": docker.compose(server.folder, "config"),
            "log": docker.logs(server.container),
        }
        assert [(place, number) for place, text in places.items() for number, secret in enumerate(secrets) if secret in text] == []
        assert {path: mode(path) for path in (server.folder / "secrets").iterdir() if mode(path) != 0o600} == {}
        assert [mode(server.folder), mode(server.folder / "secrets")] == [0o700, 0o700]


def test_a_second_run_changes_nothing(first_run: Run, hosts: Hosts, eighteen: Server) -> None:
    started = eighteen.docker.inspect(eighteen.container)["State"]["StartedAt"]
    again = hosts.play(FIRST).succeeded()
    assert again.changed == 0, again.end
    assert eighteen.docker.inspect(eighteen.container)["State"]["StartedAt"] == started


@pytest.mark.parametrize("release", releases.installed(), ids=lambda release: release.series)
def test_every_release_of_ansible_works_on_the_same_hosts(first_run: Run, hosts: Hosts, eighteen: Server, release: Release) -> None:
    """One that delegates nothing and one that delegates to it. A release that takes `omit` for a host's name does not reach it."""
    started = eighteen.docker.inspect(eighteen.container)["State"]["StartedAt"]
    run = hosts.play(["eighteen", "third"], ansible_playbook=release.ansible_playbook).succeeded()
    assert run.output.count('"msg": "ready=True"') == 2, run.end
    assert run.changed == 0, run.end
    assert eighteen.docker.inspect(eighteen.container)["State"]["StartedAt"] == started


def test_what_is_not_as_it_should_be_is_put_right(
    later_run: tuple[Run, dict[str, str], Server], docker: Docker, eighteen: Server, seventeen: Server
) -> None:
    run, before, fifteen = later_run
    run.succeeded()
    assert "password authentication failed" not in run.output
    # Started, as it was: nothing but a stop had happened to it.
    assert docker.inspect(eighteen.container)["Id"] == before[eighteen.container]
    assert docker.inspect(seventeen.container)["Id"] != before[seventeen.container]
    assert seventeen.show("work_mem", "random_page_cost") == ["9MB", "1.1"]
    assert fifteen.show("server_version_num")[0].startswith("15")
    assert (fifteen.data / "PG_VERSION").read_text() == "15\n"


def test_every_instance_has_a_database_and_an_owner_without_more_rights(
    later_run: tuple[Run, dict[str, str], Server], eighteen: Server
) -> None:
    owners = {"openwebui_eighteen": ("openwebui_eighteen", ""), "second-db": ("second/owner", ""), "third": ("third", CHOSEN)}
    with eighteen.connect() as connection:
        for database, (owner, _password) in owners.items():
            rights = connection.execute(
                "SELECT datdba = pg_roles.oid, rolsuper, rolcreaterole, rolcreatedb, encoding = 6,"
                " (SELECT rolpassword LIKE 'SCRAM-SHA-256$%%' FROM pg_authid WHERE rolname = %(owner)s)"
                " FROM pg_database, pg_roles WHERE datname = %(database)s AND rolname = %(owner)s",
                {"owner": owner, "database": database},
            ).fetchone()
            assert rights == (True, False, False, False, True, True)
    for database, (owner, password) in owners.items():
        kept = f"owner-{owner}".replace("/", "%2F")
        with eighteen.connect(owner, database, password or eighteen.secret(kept)) as connection:
            connection.execute("CREATE TABLE mine (id int)")
            connection.rollback()
    assert not (eighteen.folder / "secrets" / "owner-third").exists()


def test_a_system_with_python_39_and_no_compose_plugin(docker: Docker, scratch: Scratch, image: Callable[..., str], hosts: Hosts) -> None:
    """As Amazon Linux 2023 is: Docker is in its packages, and no Compose plugin."""
    ours = Path(os.environ["DOCKER_CONFIG"]) / "cli-plugins" / "docker-compose"
    config = scratch.folder("amazon-config")
    place = config / "cli-plugins" / "docker-compose"
    server = Server(docker, scratch, image("postgres", 18), "amazon", 18)
    python = {name: str(paths.PYTHON39) for name in ("ansible_python_interpreter", "webui_python_interpreter")}
    hosts.add("amazon", server.variables, python, {"test_docker_config": str(config)})

    hosts.play(["amazon"]).failed_saying(
        "there is no Docker Compose 2.18 or newer",
        "/usr/local/lib/docker/cli-plugins/docker-compose, mode 0755",
        "webui_postgres_compose_plugin",
    )

    given = hosts.all["amazon"]
    given["webui_postgres_compose_plugin_path"] = str(place)
    for wrong, says in ((ours.read_bytes()[:64].replace(b"\x3e\x00", b"\xb7\x00", 1), "aarch64"), (b"Not Found", "Exec format error")):
        (config / "wrong").write_bytes(wrong)
        given["webui_postgres_compose_plugin"] = str(config / "wrong")
        hosts.play(["amazon"]).failed_saying(says, "is no Compose plugin" if "Exec" in says else "is a program for")
        assert not place.exists()

    given["webui_postgres_compose_plugin"] = str(ours)
    rehearsal = hosts.play(["amazon"], "--check").succeeded()
    assert "Put the Compose plugin in place] ***" in rehearsal.output
    assert "changed: [amazon]" in rehearsal.output.partition("Put the Compose plugin in place] ***")[2].partition("TASK [")[0]
    assert not place.exists()

    hosts.play(["amazon"]).succeeded()
    assert place.read_bytes() == ours.read_bytes()
    assert mode(place) == 0o755
    assert docker.health(server.container) == "healthy"
    again = hosts.play(["amazon"]).succeeded()
    assert again.changed == 0, again.end


def without_compose(folder: Path) -> str:
    """A PATH whose docker has no Compose plugin."""
    program = folder / "docker"
    program.write_text("#!/bin/sh\necho \"docker: 'compose' is not a docker command.\" >&2\nexit 1\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_what_stands_in_the_way_is_said_and_nothing_is_harmed(
    later_run: tuple[Run, dict[str, str], Server],
    docker: Docker,
    scratch: Scratch,
    image: Callable[..., str],
    hosts: Hosts,
    eighteen: Server,
    seventeen: Server,
) -> None:
    def add(what: str, **variables: Any) -> Server:
        server = Server(docker, scratch, image("postgres", 18), what, 18, **variables)
        hosts.add(what, server.variables)
        return server

    # Everything at once, the data and the ports of others among it.
    add(
        "hopeless",
        test_path=without_compose(scratch.folder("no-compose")),
        webui_postgres_image="openwebui-lab.invalid/postgres:18-alpine",
        webui_postgres_pull="missing",
        webui_postgres_container_name=seventeen.container,
        webui_postgres_project=eighteen.container,
        webui_postgres_data_dir=str(seventeen.data),
        webui_postgres_listen=["127.0.0.1", "192.0.2.1"],
        webui_database_user="postgres",
        webui_postgres_room_mb=10**9,
    )
    hopeless = [
        "webui_database_user is postgres, which is the superuser",
        "there is no Docker Compose 2.18 or newer",
        "docker: 'compose' is not a docker command.",
        f"there is a container {seventeen.container} that this role did not make",
        f"there is a Compose project {eighteen.container} of another folder ({eighteen.folder})",
        "this host cannot listen on 192.0.2.1",
        "there is no image openwebui-lab.invalid/postgres:18-alpine on this host, and it cannot be pulled",
        f"{seventeen.data}: holds PostgreSQL 17, and what is wanted is PostgreSQL 18 in {seventeen.data}/18/docker",
        "set webui_postgres_version to 17, or webui_postgres_data_dir to another folder",
        "and the new database may need 1000000000 MB",
    ]
    # A server whose password nobody has, and a port that is taken.
    stranger = add("stranger", webui_postgres_data_dir=str(eighteen.data), webui_database_port=seventeen.port)
    strange = [
        f"{eighteen.data}: holds a PostgreSQL 18 already, and the password of its superuser is not in {stranger.folder}/secrets/superuser",
        f"the container {seventeen.container} has 127.0.0.1 port {seventeen.port} already",
    ]
    broken = add(
        "broken",
        # Whoever initdb keeps waiting has not seen the server fail yet.
        webui_postgres_start_timeout=60,
        webui_postgres_initdb_args="--encoding=UTF8 --no-sync",
        webui_postgres_settings={"work_mem": "a lot"},
    )
    breaks = [
        f"The server in {broken.folder} did not become healthy within 60 seconds",
        'FATAL:  invalid value for parameter "work_mem": "a lot"',
        "It has not been up before, so nothing is stored in it yet.",
    ]
    # Another Open WebUI that means to have a role to itself.
    hosts.add("thief", eighteen.variables, {"webui_database_user": "third", "webui_database_name": "other"})
    steals = ["There is a role third already, and its password is not the one in"]

    said = {"hopeless": hopeless, "stranger": strange, "broken": breaks, "thief": steals}
    run = hosts.play(list(said)).failed_saying()
    answers: dict[str, str] = {}
    for line in run.output.splitlines():
        if line.startswith("fatal: ["):
            answer = json.loads(line.partition("=> ")[2])
            problems = [problem["message"] for problem in answer.get("problems", [])]
            answers[line.partition("[")[2].partition("]")[0]] = "\n".join([answer["msg"], *problems])
    assert sorted(answers) == sorted(said), run.end
    missing = [(host, text) for host, texts in said.items() for text in texts if text not in answers[host]]
    assert missing == [], json.dumps(answers, indent=2)
    assert not stranger.folder.exists()
    with eighteen.connect("third", "third", CHOSEN) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
