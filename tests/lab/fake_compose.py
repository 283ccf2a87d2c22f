# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Compose for unit tests: a project in a folder, its containers in a fake engine, and the rules that matter here.

As the real one of 2.26: the dependencies are part of the digest of a service unless it is called with --no-deps; a container is made
anew when its digest differs, and with it all that depends on it; a file that refers to one that is not there is refused.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._compose.cli import Plan, Way
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.files import OVERRIDE_NAMES, settings_in

from .fake_engine import HOST_CONFIG, IMAGE, FakeEngine

LABEL = "com.docker.compose."
PLAIN = Way()


class FakeCompose:
    """One project. An instance stands in for the class that the product makes its own instances of.

    :ivar services: what the user's files say, by service.
    :ivar also: files that the user names with -f or COMPOSE_FILE, in the place of those that are found by themselves.
    :ivar made: the services that were made, each with its way.
    """

    def __init__(self, engine: FakeEngine, folder: Path, services: dict[str, dict[str, Any]], main: str = "compose.yaml") -> None:
        self.engine = engine
        self.folder = folder
        self.services = services
        self.also: list[str] = []
        self.number = "2.26.1"
        self.says = ""
        self.ignores: set[str] = set()
        self.adds: dict[str, Any] = {}
        self.made: list[tuple[str, Way]] = []
        (folder / main).write_text("services: {}\n")
        self.main = str(folder / main)

    def __call__(self, docker_host: str, folder: str, project: str, env_files: list[str]) -> FakeCompose:
        assert docker_host == self.engine.host
        assert Path(folder) == self.folder
        return self

    # -- what users do ------------------------------------------------------------------------------------------------------

    def up(self, *services: str, way: Way = PLAIN) -> None:
        """docker compose up -d, by hand."""
        for service in services or tuple(name for name, facts in self.services.items() if not facts.get("profiles")):
            assert self.make([], service, way) == ""
            for name in self._names([], service, way):
                container = self.container(name)
                if not container["State"]["Running"]:
                    self.engine.start(container["Id"])

    def container(self, service: str) -> dict[str, Any] | None:
        containers = self.engine.containers.values()
        return next((found for found in containers if found["Config"]["Labels"].get(LABEL + "service") == service), None)

    # -- what the product asks ----------------------------------------------------------------------------------------------

    def version(self) -> str:
        return self.number

    def config(self, files: list[str], service: str) -> dict[str, Any] | None:
        services = self._services(files)
        if services is None or service not in services:
            return None
        names = self._names(files, service, Way())
        return {"name": "project", "services": {name: services[name] for name in names}}

    def digest(self, files: list[str], service: str) -> str:
        return self._digest(self._services(files), service, Way())

    def plan(self, files: list[str], service: str, way: Way) -> Plan:
        if self._services(files) is None:
            return Plan(None)
        done: dict[str, list[str]] = {}
        anew: set[str] = set()
        for name in self._names(files, service, way):
            container = self.container(name)
            wanted = self._digest(self._services(files), name, way if name == service else Way())
            if container is None:
                done[self._container_name(name)] = ["Creating", "Created"]
            elif container["Config"]["Labels"][LABEL + "config-hash"] != wanted or anew & set(self._depends_on(files, name)):
                done[container["Name"][1:]] = ["Recreate", "Recreated"]
                anew.add(name)
            elif container["Config"]["Labels"][LABEL + "image"] != container["Image"]:
                done[container["Name"][1:]] = ["Recreate", "Recreated"]
            elif container["State"].get("Paused"):
                done[container["Name"][1:]] = ["Starting", "Started"]
            else:
                done[container["Name"][1:]] = ["Running" if container["State"]["Running"] else "Created"]
        return Plan(done)

    def make(self, files: list[str], service: str, way: Way) -> str:
        if self.says:
            return self.says
        plan = self.plan(files, service, way)
        assert plan.done is not None
        for name in self._names(files, service, way):
            if self.container(name) is not None and self.container(name)["State"].get("Paused"):
                return "cannot start a paused container"
            if not plan.leaves(self._container_name(name)):
                self._make(files, name, way if name == service else Way())
                self.made.append((name, way))
        return ""

    # -- how it comes to that -----------------------------------------------------------------------------------------------

    def _container_name(self, service: str) -> str:
        return self.services[service].get("container_name") or f"project-{service}-1"

    def _files(self, files: list[str]) -> list[str]:
        if files:
            return files
        if self.also:
            return self.also
        overrides = [str(self.folder / name) for name in OVERRIDE_NAMES if (self.folder / name).exists()]
        return [self.main, *overrides[:1]]

    def _services(self, files: list[str]) -> dict[str, Any] | None:
        services = copy.deepcopy(self.services)
        for facts in services.values():
            mode = facts.get("network_mode", "")
            if mode.startswith("service:"):
                facts.setdefault("depends_on", {})[mode.partition(":")[2]] = {"condition": "service_started", "restart": True}
            elif not mode:
                facts.setdefault("networks", {"default": None})
        for file in self._files(files):
            text = Path(file).read_text()
            extended = re.search(r"(?m)^ {6}file: (.*)$", text)
            if not extended:
                continue
            settings = self.folder / json.loads(extended[1])
            if not settings.exists():
                return None
            service = json.loads(re.search(r"(?m)^  (\".*\"):$", text)[1])
            facts = services[service]
            added = {name: value for name, value in settings_in(settings.read_text()).items() if name not in self.ignores}
            facts["environment"] = {**(facts.get("environment") or {}), **added}
            networks = re.findall(r"(?m)^ {6}(\".*\"): \{.*\}$", text)
            if networks and facts.get("network_mode"):
                return None
            facts.update({"networks": {**facts.get("networks", {}), **{json.loads(name): None for name in networks}}} if networks else {})
            image = re.search(r"(?m)^ {4}image: (.*)$", text)
            facts.update({"image": json.loads(image[1])} if image else {})
            facts.update(self.adds)
        return services

    def _depends_on(self, files: list[str], service: str) -> dict[str, Any]:
        return self._services(files)[service].get("depends_on") or {}

    def _names(self, files: list[str], service: str, way: Way) -> list[str]:
        """The service after those that it depends on."""
        names: list[str] = []
        for name in {} if way.alone else self._depends_on(files, service):
            names += [other for other in self._names(files, name, way) if other not in names]
        return [*names, service]

    def _digest(self, services: dict[str, Any], service: str, way: Way) -> str:
        facts = {name: value for name, value in services[service].items() if name not in ("build", "pull_policy", "profiles")}
        if way.alone:
            facts.pop("depends_on", None)
        mode = facts.get("network_mode", "")
        if mode.startswith("service:"):
            owner = self.container(mode.partition(":")[2])
            facts["network_mode"] = f"container:{owner['Id'] if owner else ''}"
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _make(self, files: list[str], service: str, way: Way) -> None:
        facts = self._services(files)[service]
        old = self.container(service)
        if old is not None:
            del self.engine.containers[old["Id"]]
        depends_on = {} if way.alone else self._depends_on(files, service)
        labels = {
            "project": "project",
            "service": service,
            "project.working_dir": str(self.folder),
            "project.config_files": ",".join(self._files(files)),
            "image": self.engine.image(facts.get("image") or IMAGE)["Id"],
            "config-hash": self._digest(self._services(files), service, way),
            "depends_on": ",".join(
                f"{name}:{entry.get('condition', 'service_started')}:{str(entry.get('restart', False)).lower()}"
                for name, entry in depends_on.items()
            ),
        }
        mode = facts.get("network_mode", "bridge")
        if mode.startswith("service:"):
            mode = f"container:{self.container(mode.partition(':')[2])['Id']}"
        environment = facts.get("environment") or {}
        config = {
            "Image": facts.get("image") or IMAGE,
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Labels": {LABEL + name: value for name, value in labels.items()},
        }
        self.engine.create(self._container_name(service), {**config, "HostConfig": {**copy.deepcopy(HOST_CONFIG), "NetworkMode": mode}})
