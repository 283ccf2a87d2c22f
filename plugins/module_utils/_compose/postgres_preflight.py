# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a PostgreSQL server that Docker Compose is to run on this host: all of it at once, without touching anything.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
from typing import Any, Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._compose.plugin import how_to_install_here, is_new_enough, oldest
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.postgres_project import FIRST_MOVED, MARK, Layout
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine, EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused

OLDEST_POSTGRES = 14
SUPERUSER = "postgres"
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
PROJECT_LABEL = "com.docker.compose.project"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
ANY_ADDRESS = ("0.0.0.0", "::")
SHOWN = 3


class Plan(NamedTuple):
    """The server that is wanted.

    :ivar room_mb: how much space the new database may need.
    """

    project_dir: str
    data_dir: str
    project: str
    container_name: str
    image: str
    pull: str
    version: int
    listen: list[str]
    port: int
    owner: str
    room_mb: int

    @property
    def layout(self) -> Layout:
        """Where things are in the project."""
        return Layout(self.project_dir, self.owner)

    @property
    def place(self) -> str:
        """Where the image keeps its data, below what is mounted."""
        return f"{self.version}/docker" if self.version >= FIRST_MOVED else "."

    @property
    def cluster(self) -> str:
        """The same, as the host sees it."""
        return os.path.normpath(os.path.join(self.data_dir, self.place))


def examine(engine: Engine, plan: Plan, compose_says: str | None) -> dict[str, Any]:
    """Look at Docker and the folders.

    :param compose_says: what C(docker compose version) printed; None where the plugin is yet to be put in place.
    :returns: what the role needs to know.
    :raises Refused: with every reason why the server cannot be made.
    """
    findings = Findings()
    _check_names(findings, plan)
    if compose_says is not None:
        _check_compose(findings, compose_says)
    docker = _look_at_docker(findings, engine, plan)
    try:
        _check_project(findings, plan)
        has_data = _check_data(findings, plan)
        _check_room(findings, plan)
    except OSError as error:
        findings.add("folder", f"{error.filename}: cannot be looked at ({error.strerror}); run as root")
        has_data = False
    findings.refuse_if_any()
    return {
        **docker,
        "project_dir": plan.project_dir,
        "cluster_dir": plan.cluster,
        "has_data": has_data,
        "data_dir_exists": os.path.isdir(plan.data_dir),
        "compose_file_exists": os.path.exists(plan.layout.compose_file),
        "was_up": os.path.exists(plan.layout.up_file),
        "memory_mb": _memory_mb(),
    }


def _check_names(findings: Findings, plan: Plan) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", plan.project):
        findings.add(
            "name",
            f"webui_postgres_project is {plan.project}; Docker Compose takes lower case letters, digits, - and _ only",
        )
    if plan.owner == SUPERUSER:
        findings.add("name", f"webui_database_user is {plan.owner}, which is the superuser; choose another name for the owner role")
    if plan.version < OLDEST_POSTGRES:
        findings.add("name", f"webui_postgres_version is {plan.version}; use {OLDEST_POSTGRES} or newer")


def _check_compose(findings: Findings, says: str) -> None:
    if not is_new_enough(says):
        findings.add(
            "compose",
            f'there is no Docker Compose {oldest()} or newer ("docker compose version" says: {says or "nothing"}); {how_to_install_here()}',
        )


def _look_at_docker(findings: Findings, engine: Engine, plan: Plan) -> dict[str, Any]:
    nothing = {"image_present": False, "running": False}
    try:
        containers = _Containers(engine.get("/containers/json", all=1), plan)
        image = _image(engine, plan.image)
    except Refused as refused:
        findings.add("docker", f"{refused}; or set webui_postgres_mode: external for a PostgreSQL of yours")
        return nothing
    containers.check(findings)
    _check_ports(findings, plan, containers)
    _check_image(findings, engine, plan, image)
    return {"image_present": image is not None, "running": containers.runs_ours()}


def _image(engine: Engine, name: str) -> dict[str, Any] | None:
    """What the engine knows of it, if it is there."""
    try:
        found: dict[str, Any] = engine.get(f"/images/{name}/json")
        return found
    except EngineError as error:
        if error.status == 404:
            return None
        raise


class _Containers:
    """The containers of the engine, seen from the project of the server."""

    def __init__(self, listed: list[dict[str, Any]], plan: Plan) -> None:
        self._plan = plan
        self._named = next((found for found in listed if f"/{plan.container_name}" in found["Names"]), None)
        self._of_project = [found for found in listed if _label(found, PROJECT_LABEL) == plan.project]
        self._others = [found for found in listed if found not in self._of_project]

    def check(self, findings: Findings) -> None:
        """Names that others have."""
        plan = self._plan
        if self._named is not None and self._named not in self._of_project:
            findings.add(
                "name",
                f"there is a container {plan.container_name} that this role did not make ({self._named['Image']}); set "
                "webui_postgres_container_name to another name, or webui_postgres_mode: external to use it as it is",
            )
        folders = {_label(found, FOLDER_LABEL) for found in self._of_project}
        for folder in sorted(folders):
            if os.path.realpath(folder) != os.path.realpath(plan.project_dir):
                findings.add(
                    "name",
                    f"there is a Compose project {plan.project} of another folder ({folder}); set webui_postgres_project to another "
                    "name, or webui_postgres_dir to that folder",
                )

    def runs_ours(self) -> bool:
        """Whether the server runs, at the port that is wanted."""
        return self._plan.port in {port for found in self._of_project for _address, port in _published(found)}

    def holder(self, address: str) -> str | None:
        """The container of somebody else that has the port. Its engine may forward packets, so that nothing listens."""
        for found in self._others:
            for its_address, port in _published(found):
                if port == self._plan.port and (its_address == address or address in ANY_ADDRESS or its_address in ANY_ADDRESS):
                    return str(found["Names"][0]).lstrip("/")
        return None


def _label(found: dict[str, Any], name: str) -> str:
    labels: dict[str, str] = found.get("Labels") or {}
    return labels.get(name, "")


def _published(found: dict[str, Any]) -> Iterator[tuple[str, int]]:
    if found.get("State") == "running":
        for port in found.get("Ports") or []:
            if "PublicPort" in port:
                yield port.get("IP", ANY_ADDRESS[0]), port["PublicPort"]


def _check_ports(findings: Findings, plan: Plan, containers: _Containers) -> None:
    if containers.runs_ours():
        return
    help_text = "set webui_database_port to a free one, or webui_postgres_mode: external if that is the PostgreSQL you mean"
    for address in plan.listen:
        holder = containers.holder(address)
        if holder is not None:
            findings.add("port", f"the container {holder} has {address} port {plan.port} already; {help_text}")
            continue
        reason = _cannot_listen(address, plan.port)
        if reason == errno.EADDRINUSE:
            findings.add("port", f"something listens on {address} port {plan.port} already; {help_text}")
        elif reason:
            findings.add(
                "port",
                f"this host cannot listen on {address} port {plan.port} ({os.strerror(reason)}); correct webui_postgres_listen",
            )


def _cannot_listen(address: str, port: int) -> int:
    """Why not, as an error number. Tried for a moment, without taking connections."""
    try:
        family, kind, protocol, _name, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    with socket.socket(family, kind, protocol) as trial:
        # Connections that have just ended do not count.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(place)
        except PermissionError:
            # A low port, and not root: the engine may have it all the same.
            return 0
        except OSError as error:
            return error.errno or errno.EADDRNOTAVAIL
    return 0


def _check_image(findings: Findings, engine: Engine, plan: Plan, image: dict[str, Any] | None) -> None:
    if image is not None:
        variables = dict(entry.partition("=")[::2] for entry in (image.get("Config") or {}).get("Env") or [])
        major = variables.get("PG_MAJOR", str(plan.version))
        if major != str(plan.version):
            findings.add(
                "image",
                f"{plan.image} is PostgreSQL {major}, and webui_postgres_version is {plan.version}; make both the same",
            )
        return
    reason = "webui_postgres_pull is never" if plan.pull == "never" else _cannot_pull(engine, plan.image)
    if reason:
        findings.add(
            "image",
            f"there is no image {plan.image} on this host, and it cannot be pulled ({reason}); let the host through to the registry, "
            "load the image with docker load, or correct webui_postgres_image",
        )


def _cannot_pull(engine: Engine, image: str) -> str:
    """Why the registry would not give it."""
    try:
        engine.get(f"/distribution/{image}/json")
    except EngineError as error:
        # Asked without the credentials that docker compose has.
        secluded = error.status in (401, 403) or re.search("unauthorized|denied|authentication|credentials", str(error))
        return "" if secluded else str(error)
    except Refused as refused:
        return str(refused)
    return ""


def _check_project(findings: Findings, plan: Plan) -> None:
    for name in COMPOSE_FILES:
        path = os.path.join(plan.project_dir, name)
        if os.path.lexists(path) and not _is_marked(path):
            findings.add(
                "folder",
                f"{path}: is there, and this role did not make it; set webui_postgres_dir to another folder, or move it away",
            )


def _is_marked(path: str) -> bool:
    with open(path, encoding="utf-8", errors="replace") as file:
        return os.path.basename(path) == COMPOSE_FILES[0] and MARK in file.read()


def _check_data(findings: Findings, plan: Plan) -> bool:
    """Whether the data folder holds data of this server already."""
    if not os.path.lexists(plan.data_dir):
        return False
    if not os.path.isdir(plan.data_dir):
        findings.add("data", f"{plan.data_dir}: is no folder; set webui_postgres_data_dir to one, or to a path that is not there yet")
        return False
    clusters = _clusters(plan.data_dir)
    if clusters.get(plan.place) == str(plan.version):
        _check_own_data(findings, plan)
        return True
    if clusters:
        findings.add("data", _about_other_data(plan, clusters))
    else:
        _check_emptiness(findings, plan)
    return False


def _clusters(data_dir: str) -> dict[str, str]:
    """Where below the folder an image, or somebody who mounted another folder, put data, and of which major version."""
    places = [".", "data"]
    for name in os.listdir(data_dir):
        if name.isdigit():
            places += [f"{name}/docker", f"{name}/data"]
    found = {}
    for place in places:
        path = os.path.join(data_dir, place, "PG_VERSION")
        if os.path.isfile(path):
            with open(path, encoding="ascii", errors="replace") as file:
                found[place] = file.read(100).strip()
    return found


def _check_own_data(findings: Findings, plan: Plan) -> None:
    if not os.path.exists(os.path.join(plan.cluster, "global", "pg_control")):
        findings.add(
            "data",
            f"{plan.cluster}: was being made when something ended it, and nothing is stored in it yet; remove it and run again",
        )
    if not os.path.exists(plan.layout.superuser_file):
        findings.add(
            "data",
            f"{plan.data_dir}: holds a PostgreSQL {plan.version} already, and the password of its superuser is not in "
            f"{plan.layout.superuser_file}; put it there (mode 0600), or set webui_postgres_data_dir to another folder",
        )


def _about_other_data(plan: Plan, clusters: dict[str, str]) -> str:
    found = " and ".join(
        f"PostgreSQL {version}" + ("" if place == "." else f" (in {place})") for place, version in sorted(clusters.items())
    )
    if set(clusters.values()) == {str(plan.version)}:
        advice = (
            "the images up to 17 and from 18 on mount different folders, so stop what uses it and move it there, "
            "or set webui_postgres_data_dir to another folder"
        )
    else:
        versions = " or ".join(sorted(set(clusters.values())))
        advice = (
            f"set webui_postgres_version to {versions}, or webui_postgres_data_dir to another folder; "
            "this role does not upgrade from one major version to another"
        )
    return f"{plan.data_dir}: holds {found}, and what is wanted is PostgreSQL {plan.version} in {plan.cluster}; {advice}"


def _check_emptiness(findings: Findings, plan: Plan) -> None:
    # A file system of its own has a lost+found, which disturbs only where the folder itself becomes PostgreSQL's.
    harmless = {"lost+found", str(plan.version)} if plan.version >= FIRST_MOVED else set()
    strange = sorted(set(os.listdir(plan.data_dir)) - harmless)
    if strange:
        shown = ", ".join(strange[:SHOWN]) + (", ..." if len(strange) > SHOWN else "")
        findings.add(
            "data",
            f"{plan.data_dir}: holds something that is no PostgreSQL data ({shown}); set webui_postgres_data_dir to an empty folder, or "
            "to a path that is not there yet",
        )


def _check_room(findings: Findings, plan: Plan) -> None:
    folder = os.path.realpath(plan.data_dir)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free_mb = shutil.disk_usage(folder).free >> 20
    if free_mb < plan.room_mb:
        findings.add(
            "room",
            f"{plan.data_dir}: has room for {free_mb} MB, and the new database may need {plan.room_mb} MB; make room, set "
            "webui_postgres_data_dir to a folder with more of it, or correct webui_postgres_room_mb",
        )


def _memory_mb() -> int:
    """The memory of the host, or of the system container that it is."""
    with open("/proc/meminfo", encoding="ascii") as file:
        total = re.search(r"^MemTotal:\s+(\d+) kB", file.read(), re.MULTILINE)
    if total is None:
        raise AssertionError("Linux always says how much memory there is")
    return int(total[1]) // 1024
