# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that run Open WebUI: finding them, and saying what matters about them.

During a move there are up to three containers, told apart by their names alone, since a label would be a change of the user's:

- ``NAME``: the one in service, before the move on SQLite, after it on PostgreSQL;
- ``NAME-on-sqlite``: the one from before the move, set aside. While nothing has its name NAME, because a run was killed between two
  renames, it is the one to be found, and it is found under the name NAME;
- ``NAME-on-postgresql``: the new one, half made. Only when neither of the others is there, it is found, under the name NAME.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine, EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.storage import Storage
from ansible_collections.openwebui.postgres.plugins.module_utils._last_words import LOOKED_AT, last_words
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import (
    DATABASE_FILE,
    KEY_FILE,
    KEY_NAMES,
    PORT,
    WORKING_DIR,
    Database,
    data_dir,
    database_of,
    masked,
    other_file,
    secrets_in,
)

KEPT = "-on-sqlite"
HALF_MADE = "-on-postgresql"
ONE_SHOT = "openwebui.postgres.oneshot"
# On a container that the roles have made where there was none before.
MADE = "openwebui.postgres.made"

# A key is one line. What is longer is none, and is not read.
LONGEST_KEY = 65536
LINKS_AT_MOST = 5

_IMAGE_NAME = "open-webui"
_COMPOSE = "com.docker.compose."
_OCI = "org.opencontainers.image."

_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def info(engine: Engine, name: str, secret_key: bool, log_lines: int, sqlite_path: str = "") -> dict[str, Any]:
    """Everything about the containers that run Open WebUI, or about the one with this name."""
    found = find(engine, name)
    described = [describe(engine, inspected, called, log_lines, sqlite_path) for called, inspected in found]
    result: dict[str, Any] = {"containers": described}
    if secret_key:
        if len(found) > 1:
            names = ", ".join(called for called, inspected in found)
            raise refuse("container", f"there are {len(found)} containers with Open WebUI ({names}); name the one whose key is asked for")
        result["secret_key"] = key_of(engine, found[0][1])[1] if found else ""
    return result


# -- finding --------------------------------------------------------------------------------------------------------------------


def find(engine: Engine, name: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The containers that run Open WebUI, or the one with this name or id, each with the name it is known by.

    :returns: names and what the engine says of the containers.
    """
    if name:
        inspected = _by_name(engine, name)
        return [] if inspected is None else [(_known_as(engine, inspected), inspected)]
    listed = engine.get("/containers/json", all="1")
    names = {own_name for entry in listed if (own_name := _listed_name(entry))}
    found = []
    for entry in listed:
        aside = _set_aside(_listed_name(entry), names) or _half_made_by_compose(entry, names)
        if _listed_name(entry) and not aside and _may_be_open_webui(entry):
            inspected = inspect(engine, entry["Id"])
            if inspected is not None and _is_open_webui(engine, inspected):
                found.append((_stem(_listed_name(entry)), inspected))
    return sorted(found, key=lambda pair: pair[0])


def inspect(engine: Engine, name: str) -> dict[str, Any] | None:
    """What the engine says of a container; None when it is not there."""
    try:
        found: dict[str, Any] = engine.get(f"/containers/{name}/json")
        return found
    except EngineError as error:
        if error.status == 404:
            return None
        raise


def name_of(inspected: dict[str, Any]) -> str:
    """The name that a container has at the moment."""
    return str(inspected["Name"]).lstrip("/")


def _by_name(engine: Engine, name: str) -> dict[str, Any] | None:
    # The engine also takes the beginning of an id, which may mean another container tomorrow.
    for candidate in (name, name + KEPT, name + HALF_MADE):
        inspected = inspect(engine, candidate)
        if inspected is not None and candidate in (name_of(inspected), inspected["Id"]):
            return inspected
    # Compose was killed while it made the container anew, and only the new one is left.
    listed = engine.get("/containers/json", all="1")
    return next((inspect(engine, entry["Id"]) for entry in listed if _half_made_by_compose(entry, {name})), None)


def _known_as(engine: Engine, inspected: dict[str, Any]) -> str:
    own = name_of(inspected)
    stem = _stem(own)
    names = [own] + [other for other in (stem, stem + KEPT) if other != own and inspect(engine, other) is not None]
    return own if _set_aside(own, set(names)) else stem


def _stem(name: str) -> str:
    for suffix in (KEPT, HALF_MADE):
        if name.endswith(suffix) and name != suffix:
            return name[: -len(suffix)]
    return name


def _set_aside(name: str, names: set[str]) -> bool:
    """Whether another container is the one to be dealt with."""
    stem = _stem(name)
    if stem == name:
        return False
    return stem in names or (name.endswith(HALF_MADE) and stem + KEPT in names)


def _half_made_by_compose(entry: dict[str, Any], names: set[str]) -> bool:
    """Whether Compose was making it anew, under a name of its own, for one of these, and will see to that itself."""
    match = re.fullmatch(r"[0-9a-f]{12}_(.+)", _listed_name(entry))
    return match is not None and match[1] in names and _COMPOSE + "project" in (entry.get("Labels") or {})


def _listed_name(entry: dict[str, Any]) -> str:
    """A container's own name: the others are those it is linked by. One that is being removed has none."""
    return next((name[1:] for name in entry.get("Names") or [] if name.count("/") == 1), "")


def _may_be_open_webui(entry: dict[str, Any]) -> bool:
    """Whether it is worth a closer look. An engine may be slow to answer for a container in trouble, also for other people's."""
    labels = entry.get("Labels") or {}
    if ONE_SHOT in labels:
        return False
    image = entry.get("Image") or ""
    bare = re.fullmatch(r"(?:sha256:)?[0-9a-f]{12,64}", image) is not None
    return bare or _names_open_webui(image) or _labels_say_so(labels)


def _is_open_webui(engine: Engine, inspected: dict[str, Any]) -> bool:
    config = inspected["Config"]
    if _names_open_webui(config["Image"]) or _labels_say_so(config.get("Labels") or {}):
        return True
    image = image_facts(engine, inspected["Image"]) or {}
    return any(_names_open_webui(name) for name in (image.get("RepoTags") or []) + (image.get("RepoDigests") or []))


def _names_open_webui(image: str) -> bool:
    return re.split(r"[:@]", image.rsplit("/", 1)[-1])[0] == _IMAGE_NAME


def _labels_say_so(labels: dict[str, str]) -> bool:
    title = (labels.get(_OCI + "title") or "").lower().replace(" ", "-")
    source = (labels.get(_OCI + "source") or "").rstrip("/")
    return title == _IMAGE_NAME or re.search(r"[/:]open-webui/open-webui(?:\.git)?$", source) is not None


def image_facts(engine: Engine, image: str) -> dict[str, Any] | None:
    """What the engine says of an image; None when it is not there."""
    try:
        found: dict[str, Any] = engine.get(f"/images/{image}/json")
        return found
    except EngineError as error:
        if error.status == 404:
            return None
        raise


# -- describing -----------------------------------------------------------------------------------------------------------------


def describe(engine: Engine, inspected: dict[str, Any], known_as: str, log_lines: int = 0, sqlite_path: str = "") -> dict[str, Any]:
    """What the roles need to know about a container, without a secret.

    :param sqlite_path: the file that is to be moved, where somebody has said so.
    """
    config, host, state = inspected["Config"], inspected["HostConfig"], inspected["State"]
    image = image_facts(engine, inspected["Image"]) or {}
    named = image_facts(engine, config["Image"]) or {}
    env = env_of(config)
    database = database_of(env)
    source, key = key_of(engine, inspected)
    kept = inspect(engine, known_as + KEPT)
    labels = config.get("Labels") or {}
    settings = _network_settings(engine, inspected)
    aside = kept if kept is not None and kept["Id"] != inspected["Id"] else None
    storage = Storage(engine, inspected)
    folder = storage.real(data_dir(env))
    # The one that was set aside knows which file was in use before PostgreSQL.
    owner = Storage(engine, aside) if aside is not None and database.kind != "sqlite" else storage
    inside = _sqlite_inside(owner)
    file = owner.on_host(inside) if inside else ""
    return {
        "id": inspected["Id"],
        "name": known_as,
        "unfinished": name_of(inspected) != known_as or inspect(engine, known_as + HALF_MADE) is not None,
        "image": config["Image"],
        "image_id": inspected["Image"],
        "image_digests": image.get("RepoDigests") or [],
        "image_present": named.get("Id") == inspected["Image"],
        # By what cannot move: the one that runs now. Compose starts what the tag names, which may be newer.
        "image_to_run": config["Image"]
        if labels.get(_COMPOSE + "project") and named.get("Id") != inspected["Image"]
        else inspected["Image"],
        "version": _version(config, image),
        "running": bool(state.get("Running")),
        "status": state.get("Status", ""),
        "health": (state.get("Health") or {}).get("Status", "none"),
        "runtime": "compose" if _COMPOSE + "project" in labels else "container",
        "compose": compose_of(labels),
        "restart_policy": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "auto_remove": bool(host.get("AutoRemove")),
        "network_mode": host.get("NetworkMode") or "default",
        "networks": sorted(networks_of(inspected)),
        "ports": _ports(inspected["HostConfig"], settings, state),
        "health_url": _health_url(env, host, settings, state),
        "data_dir": storage.on_host(folder),
        "data_dir_inside": data_dir(env),
        "out_of_reach": storage.why_not(folder),
        "sqlite_path": file,
        "sqlite_path_inside": inside,
        "database": {**database._asdict(), "where": _where(database, file, inside)},
        "findings": _findings(known_as, database, file, sqlite_path, owner.comes_and_goes(inside)),
        "secret_key": source,
        "kept": {"id": aside["Id"], "name": name_of(aside)} if aside else {},
        "made": MADE in labels,
        "api_version": engine.api_version,
        "log": log_of(engine, inspected, log_lines, [key]) if log_lines > 0 else [],
    }


def env_of(config: dict[str, Any]) -> dict[str, str]:
    """The environment of a container or of an image."""
    return dict(entry.split("=", 1) for entry in config.get("Env") or [] if "=" in entry)


def networks_of(inspected: dict[str, Any]) -> dict[str, Any]:
    """The networks of a container, and how it is connected to each."""
    return (inspected.get("NetworkSettings") or {}).get("Networks") or {}


def compose_of(labels: dict[str, str]) -> dict[str, Any]:
    """What Compose wrote on a container that it manages."""
    if _COMPOSE + "project" not in labels:
        return {}
    return {
        "project": labels[_COMPOSE + "project"],
        "service": labels.get(_COMPOSE + "service", ""),
        "working_dir": labels.get(_COMPOSE + "project.working_dir", ""),
        "config_files": _listed(labels.get(_COMPOSE + "project.config_files")),
        "env_files": _listed(labels.get(_COMPOSE + "project.environment_file")),
    }


def _listed(text: str | None) -> list[str]:
    return [part for part in (text or "").split(",") if part]


def _version(config: dict[str, Any], image: dict[str, Any]) -> str:
    """The version of Open WebUI where image or tag name one; a tag such as "main" is none."""
    labels = {**(config.get("Labels") or {}), **((image.get("Config") or {}).get("Labels") or {})}
    tag = config["Image"].split("@")[0].rsplit("/", 1)[-1].partition(":")[2]
    for text in (labels.get(_OCI + "version") or "", tag):
        match = re.match(r"v?(\d+\.\d+(?:\.\d+)?)(?![\d.])", text)
        if match:
            return match.group(1)
    return ""


# -- the database ---------------------------------------------------------------------------------------------------------------


def _where(database: Database, file: str, inside: str) -> str:
    if database.kind != "sqlite" or not inside:
        return database.where
    return file or inside


def _sqlite_inside(storage: Storage) -> str:
    """The webui.db in use, or the one that was before PostgreSQL: where it really lies in the container."""
    env = env_of(storage.inspected["Config"])
    database = database_of(env)
    path = database.where if database.kind == "sqlite" else posixpath.join(data_dir(env), DATABASE_FILE)
    return storage.real(path) if path else ""


def _findings(name: str, database: Database, file: str, wanted: str, comes_and_goes: bool) -> list[str]:
    """Why the file that is to be moved is not the one that this container uses.

    :param comes_and_goes: it lies on a volume that may be mounted elsewhere on the host as well, which _instance/source.py finds out.
    """
    if database.kind != "sqlite":
        return []
    if not database.where:
        return [f"The container {name} keeps its database in memory ({', '.join(database.set_by)}), so there is no file to move."]
    if not file and comes_and_goes:
        return []
    if not file:
        return [
            f"The container {name} uses {database.where}, which lies on nothing that is mounted from the host, so it would go with the "
            "container. Copy it out (docker cp), and run the container with the copy mounted there."
        ]
    return other_file(file, wanted) if wanted else []


# -- reaching it ----------------------------------------------------------------------------------------------------------------


def _network_settings(engine: Engine, inspected: dict[str, Any]) -> dict[str, Any]:
    """How it is reached. One that shares the network of another container is reached as that one."""
    mode = inspected["HostConfig"].get("NetworkMode") or ""
    owner = inspect(engine, mode.split(":", 1)[1]) if mode.startswith("container:") else None
    return ((owner or inspected).get("NetworkSettings")) or {}


def _ports(host: dict[str, Any], settings: dict[str, Any], state: dict[str, Any]) -> list[dict[str, Any]]:
    """Published TCP ports. What a stopped container asks for is told; a port that the engine would pick then is not."""
    published = (settings.get("Ports") if state.get("Running") else None) or host.get("PortBindings") or {}
    ports = []
    for port, bindings in sorted(published.items()):
        number, protocol = (port + "/tcp").split("/")[:2]
        for binding in bindings or []:
            if protocol == "tcp" and (binding.get("HostPort") or "").isdigit():
                ports.append(
                    {"container_port": int(number), "host_ip": binding.get("HostIp") or "0.0.0.0", "host_port": int(binding["HostPort"])}
                )
    return ports


def _health_url(env: dict[str, str], host: dict[str, Any], settings: dict[str, Any], state: dict[str, Any]) -> str:
    port = env.get("PORT") or PORT
    if host.get("NetworkMode") == "host":
        return f"http://127.0.0.1:{port}/health"
    published = [entry for entry in _ports(host, settings, state) if str(entry["container_port"]) == port]
    if published:
        # With a choice, the address that every host has.
        entry = min(published, key=lambda entry: entry["host_ip"] not in ("0.0.0.0", "127.0.0.1"))
        return f"http://{_address(entry['host_ip'])}:{entry['host_port']}/health"
    addresses = [network.get("IPAddress") for name, network in sorted((settings.get("Networks") or {}).items())]
    address = next((address for address in addresses if address), "")
    return f"http://{address}:{port}/health" if address else ""


def _address(host_ip: str) -> str:
    if host_ip in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host_ip}]" if ":" in host_ip else host_ip


# -- the secret key -------------------------------------------------------------------------------------------------------------


def key_of(engine: Engine, inspected: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Where the key comes from that signs sessions and encrypts tokens, and the key itself.

    :returns: ``from`` (env, file or none), ``path`` in the container, ``on_mount``: whether it survives the container; and the key.
    """
    env = env_of(inspected["Config"])
    for name in KEY_NAMES:
        if env.get(name):
            return {"from": "env", "path": "", "on_mount": False}, env[name]
    path = posixpath.normpath(posixpath.join(WORKING_DIR, env.get("WEBUI_SECRET_KEY_FILE") or KEY_FILE))
    path, content = _file_in(engine, inspected["Id"], path)
    # The shell of the image's start script drops line ends behind it, too.
    key = content.decode("utf-8", "replace").rstrip("\n")
    if not key:
        return {"from": "none", "path": "", "on_mount": False}, ""
    mount = Storage(engine, inspected).mount_of(path) or {}
    return {"from": "file", "path": path, "on_mount": mount.get("Type") in ("bind", "volume")}, key


def _file_in(engine: Engine, container: str, path: str) -> tuple[str, bytes]:
    """A small file of a container, running or not, wherever its links lead; empty when there is none."""
    for _attempt in range(LINKS_AT_MOST):
        try:
            archive = engine.read(f"/containers/{container}/archive", most=2 * LONGEST_KEY, path=path)
        except EngineError as error:
            if error.status == 404:
                break
            raise
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None and member.isfile() and member.size <= LONGEST_KEY else None
            if file is not None:
                return path, file.read()
            if member is None or not member.issym():
                break
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
    return path, b""


# -- the log --------------------------------------------------------------------------------------------------------------------


def log_of(engine: Engine, inspected: dict[str, Any], lines: int, more_secrets: list[str]) -> list[str]:
    """What a container printed last, without colours and secrets; nothing where its log driver keeps that elsewhere."""
    try:
        raw = engine.read(f"/containers/{inspected['Id']}/logs", stdout="1", stderr="1", tail=str(max(lines, LOOKED_AT)))
    except EngineError:
        return []
    text = (raw if inspected["Config"].get("Tty") else _demultiplexed(raw)).decode("utf-8", "replace")
    hidden = secrets_in(env_of(inspected["Config"]), more_secrets)
    shown = [masked(_COLOURS.sub("", line).rstrip(), hidden) for line in text.splitlines()]
    return last_words("\n".join(shown), most=lines)


def _demultiplexed(raw: bytes) -> bytes:
    """Standard output and error in the order in which they came. Each piece has a head of 8 bytes: stream, and length."""
    pieces, at = [], 0
    while at + 8 <= len(raw):
        length = int.from_bytes(raw[at + 4 : at + 8], "big")
        pieces.append(raw[at + 8 : at + 8 + length])
        at += 8 + length
    return b"".join(pieces)
