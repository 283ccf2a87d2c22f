# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else a Compose project has beside Open WebUI, and how Open WebUI may depend on it, or it on Open WebUI.

The containers of these projects run nothing: it is Compose that is looked at, and which containers it leaves alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import host_variables
from lab.webui_play import Run

URL = "postgresql://web:s3cr3t%24x@pg:5432/openwebui"
CHAT = "chat"
# files of a project, as JSON where they are no text; services get an image and a command that waits.
PROJECTS: dict[str, dict[str, Any]] = {
    "follower": {"compose.yaml": {"services": {CHAT: {}, "side": {"network_mode": "service:chat"}}}},
    "conditions": {
        "compose.yaml": {
            "services": {
                "cache": {"healthcheck": {"test": ["CMD", "true"], "interval": "1s"}},
                "first": {"command": ["true"], "entrypoint": []},
                "extra": {"profiles": ["extra"]},
                CHAT: {
                    "depends_on": {
                        "cache": {"condition": "service_healthy", "restart": True},
                        "first": {"condition": "service_completed_successfully"},
                        "extra": {"condition": "service_started", "required": False},
                    }
                },
                "proxy": {"depends_on": {CHAT: {"condition": "service_started", "restart": True}}},
            }
        }
    },
    "shares": {"compose.yaml": {"services": {"vpn": {}, CHAT: {"network_mode": "service:vpn"}}}},
    "links": {"docker-compose.yml": {"services": {"cache": {}, CHAT: {"links": ["cache:redis"]}}}},
    "profile": {
        "compose.yaml": {"services": {"cache": {}, CHAT: {"profiles": ["ai"], "depends_on": ["cache"]}}},
        ".env": "COMPOSE_PROFILES=ai\n",
    },
    "typed": {
        "compose.yaml": {
            "services": {
                "extra": {"profiles": ["extra"]},
                CHAT: {"depends_on": {"extra": {"condition": "service_started", "required": False}}},
            }
        }
    },
    "include": {
        "compose.yml": {"include": ["parts/cache.yaml", "parts/chat.yaml"]},
        "parts/cache.yaml": {"services": {"cache": {}}},
        "parts/chat.yaml": {"services": {CHAT: {"depends_on": ["cache"], "env_file": "chat.env"}}},
        "parts/chat.env": "DATABASE_TYPE=sqlite\n",
    },
    "named": {
        "compose.yaml": {"name": "not-this", "services": {"cache": {}, CHAT: {"depends_on": ["cache"]}}},
        ".env": "COMPOSE_PROJECT_NAME={project}\n",
    },
    "secret": {
        "compose.yaml": {
            "services": {CHAT: {"secrets": ["token"], "configs": ["motd"], "depends_on": ["cache"]}, "cache": {"secrets": ["token"]}},
            "secrets": {"token": {"file": "./token"}},
            "configs": {"motd": {"file": "./motd"}},
        },
        "token": "a token",
        "motd": "hello",
    },
    "volumes": {"compose.yaml": {"services": {"store": {"volumes": ["/shared"]}, CHAT: {"volumes": ["/data"], "volumes_from": ["store"]}}}},
    "namespaces": {"compose.yaml": {"services": {CHAT: {"ipc": "shareable"}, "side": {"ipc": "service:chat"}}}},
    "built": {
        "compose.yaml": {"services": {"cache": {"pull_policy": "always"}, CHAT: {"pull_policy": "build", "depends_on": ["cache"]}}},
        "build/Dockerfile": "FROM nothing-that-there-is\n",
    },
    "changed": {"compose.yaml": {"services": {"cache": {}, CHAT: {"depends_on": ["cache"]}}}},
    "alone": {"compose.yaml": {"services": {"cache": {}, CHAT: {"depends_on": ["cache"]}}}},
}
STATES = """\
- hosts: webui
  gather_facts: false
  tasks:
    - openwebui.postgres.webui_compose:
        docker_host: "{{ webui_docker_host }}"
        name: "{{ container }}"
        state: "{{ state }}"
        env:
          DATABASE_URL: "{{ url }}"
          WEBUI_SECRET_KEY: mine
        env_remove: [DATABASE_TYPE]
        networks: "{{ networks }}"
        timeout: 1
"""
REFUSED = {
    "replicas": ({CHAT: {"deploy": {"replicas": 2}}}, "The service chat has 2 replicas, and a webui.db serves one at a time."),
    "closed": ({"vpn": {}, CHAT: {"network_mode": "service:vpn"}}, "The service chat has network_mode: service:vpn, so Compose can"),
    "side-changed": ({CHAT: {}, "side": {"network_mode": "service:chat"}}, "shares the network of"),
}


@pytest.fixture(scope="module")
def waiting(image: Callable[..., str]) -> dict[str, Any]:
    return {"image": image("open-webui"), "entrypoint": ["sleep", "infinity"], "init": True, "healthcheck": {"disable": True}}


def write(folder: Path, files: dict[str, Any], waiting: dict[str, Any]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, dict):
            services = {service: {**waiting, **facts} for service, facts in content.get("services", {}).items()}
            content = json.dumps({**content, **({"services": services} if services else {})})
        path.write_text(content.replace("{project}", folder.name))


def containers(docker: Docker, folder: Path) -> dict[str, dict[str, Any]]:
    """All containers of a project, by service."""
    found = docker.api.api.containers(all=True, filters={"label": f"com.docker.compose.project={folder.name}"})
    return {entry["Labels"]["com.docker.compose.service"]: docker.inspect(entry["Id"]) for entry in found}


def ids(docker: Docker, folder: Path) -> dict[str, str]:
    return {service: found["Id"] for service, found in containers(docker, folder).items()}


def environment(docker: Docker, folder: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in containers(docker, folder)[CHAT]["Config"]["Env"])


def up(docker: Docker, name: str, folder: Path) -> None:
    """As the user of this project types it."""
    before = {"typed": ["--profile", "extra"]}
    after = {"alone": ["--no-deps", CHAT], "built": ["--pull", "never", "--no-build"]}
    docker.compose(folder, *before.get(name, []), "up", "--detach", *after.get(name, []))


@pytest.fixture(scope="module")
def projects(docker: Docker, scratch: Scratch, waiting: dict[str, Any]) -> dict[str, Path]:
    folders = {}
    for name, files in PROJECTS.items():
        folder = folders[name] = scratch.folder(scratch.name(name))
        write(folder, files, waiting)
        up(docker, name, folder)
    write(folders["changed"], PROJECTS["changed"], {**waiting, "init": False})
    edited = json.loads((folders["changed"] / "compose.yaml").read_text())
    edited["services"][CHAT]["init"] = True
    (folders["changed"] / "compose.yaml").write_text(json.dumps(edited))
    return folders


@pytest.fixture(scope="module")
def to_state(docker: Docker, scratch: Scratch) -> Callable[..., Run]:
    """to_state("switched", projects): webui_compose for all of them at once."""
    home = scratch.folder("play")
    (home / "states.yml").write_text(STATES)
    network = scratch.name("pg")
    docker.cli("network", "create", network)
    common = {**host_variables(docker, home, "", 5432), "url": URL}

    def run(state: str, folders: dict[str, Path], *arguments: str) -> Run:
        hosts = {
            name: {**common, "container": f"{folder.name}-chat-1", "state": state, "networks": [] if name == "shares" else [network]}
            for name, folder in folders.items()
        }
        return webui_play.play(str(home / "states.yml"), webui_play.write_inventory(home / "hosts.json", hosts), *arguments)

    return run


@pytest.fixture(scope="module")
def first(docker: Docker, projects: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: containers(docker, folder) for name, folder in projects.items()}


@pytest.fixture(scope="module")
def moved(docker: Docker, projects: dict[str, Path], first: object, to_state: Callable[..., Run]) -> Run:
    run = to_state("switched", projects, "--check").succeeded()
    assert run.changed == len(projects)
    assert to_state("switched", projects, "-vvv").succeeded().changed == len(projects)
    for folder in projects.values():
        docker.cli("stop", "--time", "1", f"{folder.name}-chat-1")
    run = to_state("started", projects, "-vvv").succeeded()
    assert run.changed == len(projects)
    return run


def test_nothing_else_is_made_anew(docker: Docker, projects: dict[str, Path], first: dict[str, dict[str, Any]], moved: Run) -> None:
    for name, folder in projects.items():
        before = {service: found["Id"] for service, found in first[name].items()}
        after = ids(docker, folder)
        anew = {service for service in after if before.get(service) != after[service]}
        assert anew == ({CHAT, "side"} if name in ("follower", "namespaces") else {CHAT}), name
        assert environment(docker, folder)["DATABASE_URL"] == URL, name
        assert not environment(docker, folder).get("DATABASE_TYPE"), name
        assert containers(docker, folder)[CHAT]["State"]["Running"], name
    assert URL not in moved.output
    assert "s3cr3t" not in moved.output


def test_what_lives_in_its_network_has_the_new_one(docker: Docker, projects: dict[str, Path], moved: Run) -> None:
    found = containers(docker, projects["follower"])
    assert found["side"]["HostConfig"]["NetworkMode"] == f"container:{found[CHAT]['Id']}"
    assert found["side"]["State"]["Running"]
    found = containers(docker, projects["shares"])
    assert found[CHAT]["HostConfig"]["NetworkMode"] == f"container:{found['vpn']['Id']}"


def test_what_the_user_wants_restarted_with_it_is(
    docker: Docker, projects: dict[str, Path], first: dict[str, dict[str, Any]], moved: Run
) -> None:
    before, after = first["conditions"], containers(docker, projects["conditions"])
    restarted = {service for service in after if before[service]["State"]["StartedAt"] != after[service]["State"]["StartedAt"]}
    assert restarted == {CHAT, "proxy"}


def test_a_dependency_that_has_changed_is_told_of(moved: Run) -> None:
    assert "not there, or not what the Compose files describe now, and left alone." in moved.output


def test_compose_by_hand_leaves_all_alone(docker: Docker, projects: dict[str, Path], moved: Run) -> None:
    for name, folder in projects.items():
        there = ids(docker, folder)
        up(docker, name, folder)
        if name == "changed":
            # It changes what the user has changed; Open WebUI stays where it is.
            assert environment(docker, folder)["DATABASE_URL"] == URL
        else:
            assert ids(docker, folder) == there, name


def test_all_go_back(docker: Docker, projects: dict[str, Path], to_state: Callable[..., Run], moved: Run) -> None:
    for folder in projects.values():
        docker.cli("stop", "--time", "1", f"{folder.name}-chat-1")
    to_state("restored", projects).succeeded()
    to_state("started", projects).succeeded()
    for name, folder in projects.items():
        found = environment(docker, folder)
        assert "DATABASE_URL" not in found, name
        assert found.get("DATABASE_TYPE") == ("sqlite" if name == "include" else None), name
        there = ids(docker, folder)
        up(docker, name, folder)
        assert ids(docker, folder) == there, name


def test_what_cannot_be_moved_is_said(docker: Docker, scratch: Scratch, waiting: dict[str, Any], to_state: Callable[..., Run]) -> None:
    folders = {}
    for name, (services, _text) in REFUSED.items():
        folder = folders[name] = scratch.folder(scratch.name(name))
        write(folder, {"compose.yaml": {"services": services}}, waiting)
        docker.compose(folder, "up", "--detach")
    changed = {**REFUSED["side-changed"][0], "side": {"network_mode": "service:chat", "environment": {"NEW": "1"}}}
    write(folders["side-changed"], {"compose.yaml": {"services": changed}}, waiting)
    there = {name: ids(docker, folder) for name, folder in folders.items()}
    run = to_state("switched", folders, "--check")
    assert run.code != 0
    for name, (_services, text) in REFUSED.items():
        (line,) = [line for line in run.output.splitlines() if line.startswith(f"fatal: [{name}]")]
        assert text in line, name
    assert {name: ids(docker, folder) for name, folder in folders.items()} == there
