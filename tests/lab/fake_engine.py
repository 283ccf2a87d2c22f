# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine for unit tests: it answers on a unix socket, remembers containers, and runs none.

What it says of a container is what Engine 20.10 said of a real one. What it refuses is what real engines refuse, of the API that it
is told to speak. It can be killed after any change, as seen from its client. Runs on Python 3.9, as targets do.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

IMAGE = "ghcr.io/open-webui/open-webui:main"
IMAGE_ID = "sha256:" + "9d" * 32
NEWER_IMAGE_ID = "sha256:" + "ae" * 32
DIGEST = "ghcr.io/open-webui/open-webui@sha256:" + "2d" * 32

IMAGE_CONFIG = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "ExposedPorts": {"8080/tcp": {}},
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "ENV=prod", "PORT=8080", "OPENAI_API_KEY=", "WEBUI_SECRET_KEY=", "DOCKER=true"],
    "Cmd": ["bash", "start.sh"],
    "Healthcheck": {"Test": ["CMD-SHELL", "curl --silent --fail http://localhost:${PORT:-8080}/health || exit 1"]},
    "Volumes": None,
    "WorkingDir": "/app/backend",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": {
        "org.opencontainers.image.source": "https://github.com/open-webui/open-webui",
        "org.opencontainers.image.title": "open-webui",
        "org.opencontainers.image.version": "0.12.4",
    },
}

HOST_CONFIG = {
    "Binds": ["/srv/open-webui:/app/backend/data"],
    "ContainerIDFile": "",
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
    "NetworkMode": "default",
    "PortBindings": {"8080/tcp": [{"HostIp": "", "HostPort": "80"}]},
    "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
    "AutoRemove": False,
    "VolumeDriver": "",
    "VolumesFrom": None,
    "CapAdd": None,
    "CapDrop": None,
    "CgroupnsMode": "host",
    "Dns": [],
    "DnsOptions": [],
    "DnsSearch": [],
    "ExtraHosts": ["host.docker.internal:host-gateway"],
    "GroupAdd": None,
    "IpcMode": "private",
    "Links": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": False,
    "SecurityOpt": None,
    "UTSMode": "",
    "UsernsMode": "",
    "ShmSize": 67108864,
    "Runtime": "runc",
    "ConsoleSize": [0, 0],
    "Isolation": "",
    "CpuShares": 0,
    "Memory": 2147483648,
    "NanoCpus": 0,
    "BlkioWeightDevice": [],
    "Devices": [],
    "DeviceCgroupRules": None,
    "DeviceRequests": [{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}],
    "KernelMemory": 0,
    "MemorySwap": 4294967296,
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "PidsLimit": None,
    "Ulimits": [{"Name": "nofile", "Hard": 65536, "Soft": 65536}],
    "MaskedPaths": ["/proc/asound", "/proc/acpi"],
    "ReadonlyPaths": ["/proc/bus", "/proc/fs"],
    # No engine has it yet, and it must not get lost either.
    "SettingOfTomorrow": {"Deep": [1, {"er": None}]},
}

ENDPOINT = {
    "IPAMConfig": None,
    "Links": None,
    "Aliases": None,
    "NetworkID": "",
    "EndpointID": "",
    "Gateway": "",
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "MacAddress": "",
    "DriverOpts": None,
}

MAY_BE_ASKED_FOR = {"IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority", "MacAddress"}
MOUNT_OPTIONS = {"bind": "BindOptions", "volume": "VolumeOptions", "tmpfs": "TmpfsOptions"}


class No(Exception):
    """The engine's refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class FakeEngine:
    """The engine and what it holds.

    :ivar containers: what it says of each container, by id. Tests may change it.
    :ivar changes: the changes asked for so far, as "METHOD /path".
    :ivar volumes: driver and options of volumes, by name, where they are not those of "docker volume create NAME".
    :ivar files: files in containers, by id and path; a text is where a link leads.
    :ivar logs: what a container printed, as the engine sends it.
    """

    def __init__(self, api: str = "1.41") -> None:
        self.api = api
        self.containers: dict[str, dict[str, Any]] = {}
        self.images = {IMAGE_ID: _image(IMAGE_ID, [IMAGE], [DIGEST], IMAGE_CONFIG)}
        self.networks = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("bridge", "host", "none")}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.files: dict[tuple[str, str], bytes | str] = {}
        self.logs: dict[str, bytes] = {}
        self.changes: list[str] = []
        self.bodies: list[Any] = []
        self.asked: list[str] = []
        self._refusals: list[tuple[str, No]] = []
        self._killed_after: int | None = None
        self._dead = False
        self._counter = 0
        self.folder = Path(tempfile.mkdtemp(prefix="webui-engine-"))
        self._server = _Server(str(self.folder / "e.sock"), _Handler)
        self._server.engine = self
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def host(self) -> str:
        """Its address, as modules take it."""
        return f"unix://{self.folder}/e.sock"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self.folder)

    def kill_after(self, changes: int) -> None:
        """Let the connection break once that many more changes are done, and nothing be done afterwards."""
        self._killed_after = len(self.changes) + changes

    def revive(self) -> None:
        self._dead, self._killed_after = False, None

    def refuse(self, part: str, status: int, message: str) -> None:
        """Refuse whatever has this in its path from now on."""
        self._refusals.append((part, No(status, message)))

    def by_name(self, name: str) -> dict[str, Any] | None:
        return next((container for container in self.containers.values() if container["Name"] == f"/{name}"), None)

    def names(self) -> set[str]:
        return {container["Name"][1:] for container in self.containers.values()}

    # What users do.

    def run(self, name: str = "open-webui", config: dict[str, Any] | None = None, host: dict[str, Any] | None = None, **more: Any) -> str:
        """docker run: a container with the settings of the published guide, but for those given."""
        config = {"Image": IMAGE, "Env": ["WEBUI_SECRET_KEY=t0p-s3cret-of-the-walk"], **(config or {})}
        container = self.create(name, {**config, "HostConfig": {**copy.deepcopy(HOST_CONFIG), **(host or {})}, **more})["Id"]
        self.start(container)
        return container

    def start(self, container: str) -> None:
        facts = self.containers[container]
        facts["State"] = {"Status": "running", "Running": True, "Health": {"Status": "healthy"}}
        facts["NetworkSettings"]["Ports"] = {
            port: [{"HostIp": "0.0.0.0", "HostPort": (binding.get("HostPort") or "49153")} for binding in bindings]
            for port, bindings in (facts["HostConfig"].get("PortBindings") or {}).items()
        }
        for number, (name, endpoint) in enumerate(facts["NetworkSettings"]["Networks"].items()):
            endpoint.update({"NetworkID": self.networks[name], "EndpointID": "e" * 64})
            if name not in ("host", "none"):
                endpoint.update({"IPAddress": f"172.{17 + number}.0.4", "MacAddress": endpoint["MacAddress"] or "02:42:ac:11:00:04"})
                self._give_aliases(facts, name)

    # What clients ask for.

    def answer(self, method: str, target: str, body: Any) -> Any:
        parts = urlsplit(target)
        path = re.sub(r"^/v(\d+\.\d+)(?=/)", "", unquote(parts.path))
        version = re.match(r"/v(\d+\.\d+)/", parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(f"{method} {target}")
        for part, refusal in self._refusals:
            if part in path:
                raise refusal
        for of_method, pattern, do in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and of_method == method:
                return do(self, *match.groups(), query=query, body=body, api=version.group(1) if version else self.api)
        raise No(404, "page not found")

    def handle(self, method: str, target: str, body: Any) -> Any:
        """An answer; None when there is none, because it was killed."""
        if self._dead:
            return None
        answer = self.answer(method, target, body)
        if method not in ("GET", "HEAD"):
            self.changes.append(f"{method} {target}")
            self.bodies.append(body)
            if len(self.changes) == self._killed_after:
                self._dead = True
                return None
        return answer

    def find(self, name: str) -> dict[str, Any]:
        for container in self.containers.values():
            if container["Id"].startswith(name) or container["Name"] == f"/{name}":
                return container
        raise No(404, f"No such container: {name}")

    def image(self, name: str) -> dict[str, Any]:
        for image in self.images.values():
            if name in (image["Id"], image["Id"][7:], *image["RepoTags"], *image["RepoDigests"]):
                return image
        raise No(404, f"No such image: {name}")

    def network(self, name: str) -> str:
        for own, identifier in self.networks.items():
            if name in (own, identifier):
                return own
        raise No(404, f"network {name} not found")

    def speaks(self, version: str) -> bool:
        return int(self.api.split(".")[1]) >= int(version.split(".")[1])

    def create(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.by_name(name):
            raise No(409, f'Conflict. The container name "/{name}" is already in use by container "{self.by_name(name)["Id"]}".')
        body = copy.deepcopy(body)
        host = body.pop("HostConfig")
        endpoints = (body.pop("NetworkingConfig", None) or {}).get("EndpointsConfig") or {}
        image = self.image(body["Image"])
        self._validate(body, host, endpoints)
        self._counter += 1
        identifier = hashlib.sha256(f"{self.folder}{self._counter}".encode()).hexdigest()
        config = self._config(identifier, body, image["Config"])
        facts = {
            "Id": identifier,
            "Name": f"/{name}",
            "Image": image["Id"],
            "State": {"Status": "created", "Running": False},
            "Config": config,
            "HostConfig": host,
            "Mounts": self._mounts(identifier, config, host),
            "NetworkSettings": {"Ports": {}, "Networks": self._endpoints(host["NetworkMode"], endpoints)},
        }
        self.containers[identifier] = facts
        return {"Id": identifier, "Warnings": []}

    def _validate(self, body: dict[str, Any], host: dict[str, Any], endpoints: dict[str, Any]) -> None:
        mode = host["NetworkMode"]
        if len(endpoints) > 1 and not self.speaks("1.44"):
            raise No(400, f"Container cannot be connected to network endpoints: {', '.join(endpoints)}")
        for endpoint in endpoints.values():
            assert set(endpoint) <= MAY_BE_ASKED_FOR
        if mode.startswith("container:") and (body.get("Hostname") or body.get("ExposedPorts") or endpoints):
            raise No(400, "conflicting options: hostname, ports and the network mode")
        if host.get("UTSMode") == "host" and body.get("Hostname"):
            raise No(400, "conflicting options: hostname and the UTS mode")
        if body.get("MacAddress") and self.speaks("1.44"):
            raise No(400, "the MAC address belongs to the endpoint")
        for mount in (host.get("Mounts") or []) if self.speaks("1.42") else []:
            strange = {options for kind, options in MOUNT_OPTIONS.items() if kind != mount["Type"]} & set(mount)
            if strange:
                raise No(400, f"{strange} must not be specified on mount type {mount['Type']}")
        if any(link.startswith("/") for link in host.get("Links") or []):
            raise No(400, "bad format for links")

    @staticmethod
    def _config(identifier: str, body: dict[str, Any], image: dict[str, Any]) -> dict[str, Any]:
        config = {**copy.deepcopy(image), "Image": "", **{name: value for name, value in body.items() if value not in (None, [], {}, "")}}
        config["Hostname"] = body.get("Hostname") or identifier[:12]
        if body.get("Entrypoint") and not body.get("Cmd"):
            config["Cmd"] = None
        own = [entry.split("=", 1)[0] for entry in body.get("Env") or []]
        config["Env"] = (body.get("Env") or []) + [entry for entry in image["Env"] if entry.split("=", 1)[0] not in own]
        for name in ("Labels", "ExposedPorts", "Volumes"):
            config[name] = {**(image.get(name) or {}), **(body.get(name) or {})}
        return config

    @staticmethod
    def _mounts(identifier: str, config: dict[str, Any], host: dict[str, Any]) -> list[dict[str, Any]]:
        mounts = {}

        def add(source: str, target: str, options: str = "") -> None:
            volume = not source.startswith("/")
            name = source or hashlib.sha256(f"{identifier}{target}".encode()).hexdigest()
            mounts[target] = {
                "Type": "volume" if volume else "bind",
                **({"Name": name, "Driver": "local"} if volume else {}),
                "Source": f"/var/lib/docker/volumes/{name}/_data" if volume else source,
                "Destination": target,
                "Mode": options,
                "RW": "ro" not in options.split(","),
            }

        for bind in host.get("Binds") or []:
            add(*(bind.split(":") if ":" in bind else ("", bind)))
        for mount in host.get("Mounts") or []:
            if mount["Type"] != "tmpfs":
                add(mount.get("Source") or "", mount["Target"])
        for target in config.get("Volumes") or {}:
            if target not in mounts:
                add("", target)
        return list(mounts.values())

    def _endpoints(self, mode: str, endpoints: dict[str, Any]) -> dict[str, Any]:
        if mode.startswith("container:"):
            return {}
        first = "bridge" if mode == "default" else self.network(mode)
        return {self.network(name): {**ENDPOINT, **facts} for name, facts in (endpoints or {first: {}}).items()}

    def _give_aliases(self, facts: dict[str, Any], network: str) -> None:
        if network not in ("bridge", "host", "none") and not self.speaks("1.45"):
            endpoint = facts["NetworkSettings"]["Networks"][network]
            automatic = [facts["Id"][:12], facts["Config"]["Hostname"]]
            endpoint["Aliases"] = list(dict.fromkeys((endpoint["Aliases"] or []) + automatic))

    def _get_version(self, **_more: Any) -> Any:
        return {"ApiVersion": self.api, "MinAPIVersion": "1.12", "Version": "20.10.24"}

    def _get_list(self, **_more: Any) -> Any:
        return [self._listed(container) for container in self.containers.values()]

    def _listed(self, container: dict[str, Any]) -> dict[str, Any]:
        try:
            same = self.image(container["Config"]["Image"])["Id"] == container["Image"]
        except No:
            same = False
        return {
            "Id": container["Id"],
            "Names": ["/other/alias", container["Name"]],
            "Image": container["Config"]["Image"] if same else container["Image"],
            "Labels": container["Config"]["Labels"],
        }

    def _get_container(self, name: str, api: str, **_more: Any) -> Any:
        facts = copy.deepcopy(self.find(name))
        # An address that was asked for shows here until API 1.51, and then no more.
        if "DesiredMac" in facts:
            desired = facts.pop("DesiredMac")
            if int(api.split(".")[1]) < 52:
                facts["Config"]["MacAddress"] = desired
        return facts

    def _get_image(self, name: str, **_more: Any) -> Any:
        return self.image(name)

    def _get_network(self, name: str, **_more: Any) -> Any:
        own = self.network(name)
        return {"Name": own, "Id": self.networks[own]}

    def _get_volume(self, name: str, **_more: Any) -> Any:
        own = {"Name": name, "Driver": "local", "Mountpoint": f"/var/lib/docker/volumes/{name}/_data", "Options": None, "Scope": "local"}
        return {**own, **self.volumes.get(name, {})}

    def _head_archive(self, name: str, query: dict[str, str], **_more: Any) -> Any:
        content = self.files.get((self.find(name)["Id"], query["path"]))
        if content is None:
            raise No(404, "")
        link = isinstance(content, str)
        facts = {"name": Path(query["path"]).name, "mode": 1 << 27 if link else 0o644, "linkTarget": content if link else ""}
        return {"X-Docker-Container-Path-Stat": base64.b64encode(json.dumps(facts).encode()).decode()}

    def _get_archive(self, name: str, query: dict[str, str], **_more: Any) -> bytes:
        content = self.files.get((self.find(name)["Id"], query["path"]))
        if content is None:
            raise No(404, f"Could not find the file {query['path']} in container {name}")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            member = tarfile.TarInfo(Path(query["path"]).name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return buffer.getvalue()

    def _get_logs(self, name: str, **_more: Any) -> bytes:
        return self.logs.get(self.find(name)["Id"], b"")

    def _post_create(self, query: dict[str, str], body: Any, **_more: Any) -> Any:
        return self.create(query["name"], body)

    def _post_rename(self, name: str, query: dict[str, str], **_more: Any) -> Any:
        container = self.find(name)
        if self.by_name(query["name"]):
            raise No(409, f'Conflict. The container name "/{query["name"]}" is already in use')
        container["Name"] = f"/{query['name']}"

    def _post_update(self, name: str, body: Any, **_more: Any) -> Any:
        self.find(name)["HostConfig"].update(copy.deepcopy(body))
        return {"Warnings": None}

    def _post_start(self, name: str, **_more: Any) -> Any:
        container = self.find(name)
        mode = container["HostConfig"]["NetworkMode"]
        if mode.startswith("container:"):
            self.find(mode.partition(":")[2])
        self.start(container["Id"])

    def _post_restart(self, name: str, **_more: Any) -> Any:
        self.start(self.find(name)["Id"])

    def _post_stop(self, name: str, **_more: Any) -> Any:
        container = self.find(name)
        if container["State"].get("Paused"):
            raise No(500, f"Container {container['Id']} is paused. Unpause the container before stopping or killing")
        container["State"] = {"Status": "exited", "Running": False, "ExitCode": 0}
        container["NetworkSettings"]["Ports"] = {}
        for endpoint in container["NetworkSettings"]["Networks"].values():
            endpoint.update({"EndpointID": "", "IPAddress": "", "MacAddress": ""})

    def _post_unpause(self, name: str, **_more: Any) -> Any:
        self.find(name)["State"].update({"Status": "running", "Paused": False})

    def _delete_container(self, name: str, query: dict[str, str], **_more: Any) -> Any:
        container = self.find(name)
        assert query == {"v": "0"}, "volumes must stay"
        if container["State"]["Running"]:
            raise No(409, f"You cannot remove a running container {container['Id']}.")
        del self.containers[container["Id"]]

    def _post_connect(self, name: str, body: Any, **_more: Any) -> Any:
        container = self.find(body["Container"])
        assert set(body["EndpointConfig"]) <= MAY_BE_ASKED_FOR
        own = self.network(name)
        container["NetworkSettings"]["Networks"][own] = {**ENDPOINT, **copy.deepcopy(body["EndpointConfig"])}
        self._give_aliases(container, own)

    def _post_disconnect(self, name: str, body: Any, **_more: Any) -> Any:
        del self.find(body["Container"])["NetworkSettings"]["Networks"][self.network(name)]


def _image(identifier: str, tags: list[str], digests: list[str], config: dict[str, Any]) -> dict[str, Any]:
    return {"Id": identifier, "RepoTags": tags, "RepoDigests": digests, "Config": copy.deepcopy(config)}


def newer_image(**config: Any) -> dict[str, Any]:
    """Another image, with another configuration where it is given."""
    return _image(NEWER_IMAGE_ID, ["ghcr.io/open-webui/open-webui:v9.9.9"], [], {**copy.deepcopy(IMAGE_CONFIG), **config})


def frames(*pieces: tuple[int, bytes]) -> bytes:
    """Standard output (1) and error (2), as an engine sends them in one stream."""
    return b"".join(bytes([stream, 0, 0, 0]) + len(piece).to_bytes(4, "big") + piece for stream, piece in pieces)


_ROUTES = (
    ("GET", "/version", FakeEngine._get_version),
    ("GET", "/containers/json", FakeEngine._get_list),
    ("GET", "/containers/([^/]+)/json", FakeEngine._get_container),
    ("GET", "/volumes/(.+)", FakeEngine._get_volume),
    ("HEAD", "/containers/([^/]+)/archive", FakeEngine._head_archive),
    ("GET", "/containers/([^/]+)/archive", FakeEngine._get_archive),
    ("GET", "/containers/([^/]+)/logs", FakeEngine._get_logs),
    ("GET", "/images/(.+)/json", FakeEngine._get_image),
    ("GET", "/networks/([^/]+)", FakeEngine._get_network),
    ("POST", "/containers/create", FakeEngine._post_create),
    ("POST", "/containers/([^/]+)/rename", FakeEngine._post_rename),
    ("POST", "/containers/([^/]+)/update", FakeEngine._post_update),
    ("POST", "/containers/([^/]+)/start", FakeEngine._post_start),
    ("POST", "/containers/([^/]+)/restart", FakeEngine._post_restart),
    ("POST", "/containers/([^/]+)/stop", FakeEngine._post_stop),
    ("POST", "/containers/([^/]+)/unpause", FakeEngine._post_unpause),
    ("DELETE", "/containers/([^/]+)", FakeEngine._delete_container),
    ("POST", "/networks/([^/]+)/connect", FakeEngine._post_connect),
    ("POST", "/networks/([^/]+)/disconnect", FakeEngine._post_disconnect),
)


class _Server(ThreadingMixIn, UnixStreamServer):
    engine: FakeEngine


class _Handler(BaseHTTPRequestHandler):
    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        try:
            answer, status = self.server.engine.handle(self.command, self.path, body), 200
        except No as refusal:
            answer, status = {"message": str(refusal)}, refusal.status
        if answer is None and self.server.engine._dead:
            return
        headers = answer if self.command == "HEAD" and status == 200 else {}
        nothing = answer is None or self.command == "HEAD"
        content = answer if isinstance(answer, bytes) else b"" if nothing else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if content:
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_DELETE = _serve

    def address_string(self) -> str:
        return "client"

    def log_message(self, *_arguments: Any) -> None:
        """Nothing: pytest tells what matters."""
