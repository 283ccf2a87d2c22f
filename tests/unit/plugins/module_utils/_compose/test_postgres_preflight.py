# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that can stand in the way of a PostgreSQL by Docker Compose is named, and nothing else is."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.postgres_preflight import Plan, examine
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.postgres_project import MARK
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse

COMPOSE = "2.26.1"


class FakeEngine:
    """An engine that knows some paths. What it does not know is not there."""

    def __init__(self) -> None:
        self.knows: dict[str, Any] = {"/containers/json": [], "/images/postgres:18-alpine/json": image("18")}

    def get(self, path: str, **query: Any) -> Any:
        answer = self.knows.get(path, EngineError(404, "no such thing"))
        if isinstance(answer, Exception):
            raise answer
        return answer


def image(major: str) -> dict:
    return {"Config": {"Env": ["PATH=/bin", f"PG_MAJOR={major}"]}}


def container(name: str, project: str = "", folder: str = "", port: int = 0, **more: Any) -> dict:
    labels = {"com.docker.compose.project": project, "com.docker.compose.project.working_dir": folder} if project else None
    ports = [{"PrivatePort": 5432, "PublicPort": port, "IP": "127.0.0.1"}, {"PrivatePort": 80}] if port else None
    return {"Names": [f"/{name}"], "Image": "somebody/postgres", "Labels": labels, "Ports": ports, "State": "running", **more}


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def plan(tmp_path: Path, free_port: int) -> Plan:
    project = tmp_path / "project"
    return Plan(
        project_dir=str(project),
        data_dir=str(project / "data"),
        project="pg",
        container_name="pg",
        image="postgres:18-alpine",
        pull="missing",
        version=18,
        listen=["127.0.0.1"],
        port=free_port,
        owner="openwebui",
        room_mb=0,
    )


def problems(engine: FakeEngine, plan: Plan, compose: str | None = COMPOSE) -> list[str]:
    try:
        examine(engine, plan, compose)
    except Refused as refused:
        return [problem.message for problem in refused.problems]
    return []


def cluster(folder: Path, version: int) -> Path:
    (folder / "global").mkdir(parents=True)
    (folder / "PG_VERSION").write_text(f"{version}\n")
    (folder / "global" / "pg_control").touch()
    return folder


def password(plan: Plan) -> None:
    path = Path(plan.layout.superuser_file)
    path.parent.mkdir(parents=True)
    path.touch()


def test_a_bare_host_will_do(engine, plan):
    found = examine(engine, plan, COMPOSE)
    assert found.pop("memory_mb") > 100
    assert found == {
        "project_dir": plan.project_dir,
        "cluster_dir": f"{plan.data_dir}/18/docker",
        "image_present": True,
        "running": False,
        "has_data": False,
        "data_dir_exists": False,
        "compose_file_exists": False,
        "was_up": False,
    }


def test_a_server_of_ours_will_do(engine, plan):
    cluster(Path(plan.data_dir, "18", "docker"), 18)
    password(plan)
    Path(plan.project_dir, "compose.yaml").write_text(f"# {MARK}\n")
    Path(plan.layout.up_file).touch()
    with socket.create_server(("127.0.0.1", plan.port)):
        engine.knows["/containers/json"] = [container("pg", "pg", plan.project_dir, plan.port)]
        found = examine(engine, plan, COMPOSE)
    expected = {"running", "has_data", "data_dir_exists", "compose_file_exists", "was_up", "image_present"}
    assert {name for name, value in found.items() if value is True} == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"project": "My Project"}, "webui_postgres_project is My Project"),
        ({"owner": "postgres"}, "webui_database_user is postgres, which is the superuser"),
    ],
)
def test_names_that_will_not_do(engine, plan, changes, message):
    (problem,) = problems(engine, plan._replace(**changes))
    assert problem.startswith(message)


def test_an_old_version_is_refused(engine, plan):
    engine.knows["/images/postgres:18-alpine/json"] = image("13")
    assert problems(engine, plan._replace(version=13)) == ["webui_postgres_version is 13; use 14 or newer"]


@pytest.mark.parametrize("says", ["v2.18.0", "2.40.3-1", "5.0.1"])
def test_a_new_compose_will_do(engine, plan, says):
    assert problems(engine, plan, says) == []


@pytest.mark.parametrize("says", ["", "2.17.9", "1.29.2", "docker: 'compose' is not a docker command."])
def test_an_old_compose_or_none_is_refused(engine, plan, says):
    (problem,) = problems(engine, plan, says)
    assert f'("docker compose version" says: {says or "nothing"}); ' in problem
    assert "/usr/local/lib/docker/cli-plugins/docker-compose, mode 0755" in problem


def test_a_plugin_that_is_put_in_place_later_is_not_asked_for(engine, plan):
    assert problems(engine, plan, None) == []


def test_without_docker_the_folders_are_looked_at_all_the_same(engine, plan):
    engine.knows["/containers/json"] = refuse("engine", "/var/run/docker.sock: there is no such socket")
    Path(plan.data_dir).mkdir(parents=True)
    Path(plan.data_dir, "photo.jpg").touch()
    assert [problem.partition(";")[0] for problem in problems(engine, plan)] == [
        "/var/run/docker.sock: there is no such socket",
        f"{plan.data_dir}: holds something that is no PostgreSQL data (photo.jpg)",
    ]


def test_a_container_of_that_name_that_others_made(engine, plan):
    engine.knows["/containers/json"] = [container("pg", "theirs", "/srv/theirs")]
    (problem,) = problems(engine, plan)
    assert problem.startswith("there is a container pg that this role did not make (somebody/postgres); set webui_postgres_container_name")


def test_a_project_of_that_name_in_another_folder(engine, plan):
    engine.knows["/containers/json"] = [container("other", "pg", "/srv/other")]
    (problem,) = problems(engine, plan)
    assert problem.startswith("there is a Compose project pg of another folder (/srv/other); set webui_postgres_project")


def test_the_folder_may_be_a_link(engine, plan, tmp_path):
    Path(plan.project_dir).mkdir()
    (tmp_path / "link").symlink_to(plan.project_dir)
    engine.knows["/containers/json"] = [container("pg", "pg", str(tmp_path / "link"))]
    assert problems(engine, plan) == []


def test_a_port_that_is_taken(engine, plan):
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.create_server((address, plan.port)):
            (problem,) = problems(engine, plan)
            assert problem.startswith(f"something listens on 127.0.0.1 port {plan.port} already; set webui_database_port")
            # A server of ours that is stopped does not have it.
            engine.knows["/containers/json"] = [container("pg", "pg", plan.project_dir, plan.port, State="exited")]
            assert len(problems(engine, plan)) == 1
    engine.knows["/containers/json"] = []


def test_a_port_that_a_container_has_where_nothing_listens(engine, plan):
    engine.knows["/containers/json"] = [container("theirs", port=plan.port)]
    (problem,) = problems(engine, plan)
    assert problem.startswith(f"the container theirs has 127.0.0.1 port {plan.port} already; ")
    assert problems(engine, plan._replace(listen=["127.0.0.2"])) == []
    assert len(problems(engine, plan._replace(listen=["0.0.0.0"]))) == 1


@pytest.mark.parametrize("address", ["192.0.2.1", "db.example.org"])
def test_an_address_that_is_not_of_this_host(engine, plan, address):
    (problem,) = problems(engine, plan._replace(listen=["127.0.0.1", address]))
    assert problem.startswith(f"this host cannot listen on {address} port {plan.port} (Cannot assign requested address)")


def test_an_image_of_another_version(engine, plan):
    engine.knows["/images/postgres:18-alpine/json"] = image("17")
    assert problems(engine, plan) == ["postgres:18-alpine is PostgreSQL 17, and webui_postgres_version is 18; make both the same"]


@pytest.mark.parametrize("found", [{}, {"Config": None}, {"Config": {"Env": None}}])
def test_an_image_that_does_not_say_its_version(engine, plan, found):
    engine.knows["/images/postgres:18-alpine/json"] = found
    assert problems(engine, plan) == []


@pytest.mark.parametrize(
    ("pull", "registry", "reason"),
    [
        ("missing", {"Descriptor": {}}, None),
        ("missing", EngineError(401, "authentication required"), None),
        ("missing", EngineError(500, "the Docker Engine says: unauthorized: log in"), None),
        ("missing", EngineError(500, "the Docker Engine says: no such host"), "the Docker Engine says: no such host"),
        ("always", EngineError(404, "the Docker Engine says: not found"), "the Docker Engine says: not found"),
        ("missing", refuse("engine", "no answer within 120 seconds"), "no answer within 120 seconds"),
        ("never", {"Descriptor": {}}, "webui_postgres_pull is never"),
    ],
)
def test_an_image_that_is_not_there(engine, plan, pull, registry, reason):
    del engine.knows["/images/postgres:18-alpine/json"]
    engine.knows["/distribution/postgres:18-alpine/json"] = registry
    found = problems(engine, plan._replace(pull=pull))
    assert [f"there is no image postgres:18-alpine on this host, and it cannot be pulled ({reason})"] == [
        problem.partition(";")[0] for problem in found
    ] or (reason, found) == (None, [])


@pytest.mark.parametrize("name", ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"])
def test_a_compose_file_of_others(engine, plan, name):
    path = Path(plan.project_dir, name)
    path.parent.mkdir()
    path.write_text("services: {}\n")
    (problem,) = problems(engine, plan)
    assert problem.startswith(f"{path}: is there, and this role did not make it; set webui_postgres_dir")


def test_data_of_another_major_version(engine, plan):
    data = Path(plan.data_dir)
    cluster(data / "17" / "docker", 17)
    (problem,) = problems(engine, plan)
    assert problem == (
        f"{data}: holds PostgreSQL 17 (in 17/docker), and what is wanted is PostgreSQL 18 in {data}/18/docker; set webui_postgres_version "
        "to 17, or webui_postgres_data_dir to another folder; this role does not upgrade from one major version to another"
    )
    # Beside data of the right one it does not matter.
    cluster(data / "18" / "docker", 18)
    password(plan)
    assert problems(engine, plan) == []


@pytest.mark.parametrize(("found", "wanted"), [(17, 18), (15, 17), (17, 15)])
def test_data_of_another_major_version_in_the_old_place(engine, plan, found, wanted):
    cluster(Path(plan.data_dir), found)
    engine.knows["/images/postgres:18-alpine/json"] = image(str(wanted))
    (problem,) = problems(engine, plan._replace(version=wanted))
    assert f"holds PostgreSQL {found}, and what is wanted is PostgreSQL {wanted} in " in problem
    assert f"set webui_postgres_version to {found}, or webui_postgres_data_dir to another folder" in problem


@pytest.mark.parametrize(("place", "version"), [(".", 18), ("data", 18), ("18/data", 18), ("data", 17), ("17/docker", 17)])
def test_data_in_the_place_of_the_other_images(engine, plan, place, version):
    cluster(Path(plan.data_dir, place), version)
    engine.knows["/images/postgres:18-alpine/json"] = image(str(version))
    (problem,) = problems(engine, plan._replace(version=version))
    assert "the images up to 17 and from 18 on mount different folders" in problem


def test_data_without_its_password(engine, plan):
    cluster(Path(plan.data_dir, "18", "docker"), 18)
    (problem,) = problems(engine, plan)
    assert problem.startswith(f"{plan.data_dir}: holds a PostgreSQL 18 already, and the password of its superuser is not in ")


def test_data_that_is_half_made(engine, plan):
    (cluster(Path(plan.data_dir, "18", "docker"), 18) / "global" / "pg_control").unlink()
    password(plan)
    assert problems(engine, plan) == [
        f"{plan.data_dir}/18/docker: was being made when something ended it, and nothing is stored in it yet; remove it and run again"
    ]


@pytest.mark.parametrize(
    ("version", "names", "shown"),
    [
        (18, ["lost+found", "18"], None),
        (17, [], None),
        (17, ["lost+found"], "lost+found"),
        (18, ["17"], "17"),
        (18, ["a", "b", "c", "d"], "a, b, c, ..."),
    ],
)
def test_a_data_folder_with_other_things(engine, plan, version, names, shown):
    for name in names:
        Path(plan.data_dir, name).mkdir(parents=True)
    engine.knows["/images/postgres:18-alpine/json"] = image(str(version))
    found = problems(engine, plan._replace(version=version))
    start = f"{plan.data_dir}: holds something that is no PostgreSQL data ({shown})"
    assert [problem.partition(";")[0] for problem in found] == ([] if shown is None else [start])


def test_a_data_folder_that_is_none(engine, plan):
    Path(plan.project_dir).mkdir()
    Path(plan.data_dir).touch()
    (problem,) = problems(engine, plan)
    assert problem.startswith(f"{plan.data_dir}: is no folder; ")


def test_no_room(engine, plan):
    (problem,) = problems(engine, plan._replace(room_mb=10**9))
    assert "and the new database may need 1000000000 MB; make room" in problem


def test_all_at_once(engine, plan):
    del engine.knows["/images/postgres:18-alpine/json"]
    engine.knows["/containers/json"] = [container("pg"), container("other", "pg", "/srv/other")]
    Path(plan.data_dir).mkdir(parents=True)
    Path(plan.data_dir, "photo.jpg").touch()
    Path(plan.project_dir, "docker-compose.yml").touch()
    with socket.create_server(("127.0.0.1", plan.port)):
        found = problems(engine, plan._replace(owner="postgres", pull="never", room_mb=10**9), "")
    assert len(found) == 9
