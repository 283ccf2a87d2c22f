# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for tests: run, look, execute; names that nobody else has, and everything gone afterwards."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import socket
import time
from pathlib import Path
from typing import Any, Callable

import docker

from .engine import PREFIX, Engine

# Open WebUI starts in 7 s on an idle machine; here several start at once, beside other tests.
WAIT_SECONDS = 400


class Docker:
    """The engine of the tests, as the docker command and as the Python SDK have it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.api = docker.DockerClient(base_url=engine.host)

    @property
    def environment(self) -> dict[str, str]:
        return self.engine.environment

    def cli(self, *arguments: str, **options: Any) -> str:
        """docker <arguments>; what it printed."""
        return self.engine.docker(*arguments, **options)

    def run(self, *arguments: str) -> str:
        """docker run --detach <arguments>; the container's id."""
        return self.cli("run", "--detach", *arguments)

    def compose(self, folder: Path, *arguments: str) -> str:
        """docker compose <arguments> for the project in this folder, as a person would type it there."""
        return self.cli("compose", *arguments, cwd=folder)

    def exec(self, name: str, *command: str) -> str:
        return self.cli("exec", name, *command)

    def inspect(self, name: str) -> dict[str, Any]:
        """All that the engine says of a container."""
        return self.api.api.inspect_container(name)

    def exists(self, name: str) -> bool:
        return any(f"/{name}" in found["Names"] for found in self.api.api.containers(all=True))

    def logs(self, name: str) -> str:
        return self.api.containers.get(name).logs().decode(errors="replace")

    def health(self, name: str) -> str:
        """starting, healthy or unhealthy; empty for a container without a health check."""
        return self.inspect(name)["State"].get("Health", {}).get("Status", "")

    def wait(self, name: str, state: Callable[[dict[str, Any]], bool], seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Wait until the container's description fulfils `state`; show its log when it does not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.inspect(name)
            if state(found):
                return found
            time.sleep(0.2)
        tail = self.logs(name)[-3000:]
        raise AssertionError(f"{name} after {seconds} s: {json.dumps(found['State'])}\n{tail}")

    def wait_healthy(self, name: str, seconds: float = WAIT_SECONDS) -> None:
        self.wait(name, lambda found: found["State"].get("Health", {}).get("Status") == "healthy", seconds)

    def wait_exited(self, name: str, seconds: float = WAIT_SECONDS) -> int:
        """The exit code of a container that ends by itself."""
        return self.wait(name, lambda found: found["State"]["Status"] == "exited", seconds)["State"]["ExitCode"]


class Scratch:
    """Names, ports and folders of one test file. clean() removes what was made under these names, whoever made it."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        self._docker = docker
        self._folder = folder
        self.mark = f"{PREFIX}-{secrets.token_hex(3)}"
        self._adopted: set[str] = set()

    def name(self, what: str = "") -> str:
        """A name for a container, a network, a volume or a Compose project."""
        return f"{self.mark}-{what}" if what else f"{self.mark}-{secrets.token_hex(2)}"

    def adopt(self, name: str) -> str:
        """Clean up what has this very name too, or begins with it and a hyphen, such as the default `open-webui`."""
        self._adopted.add(name)
        return name

    def folder(self, what: str = "") -> Path:
        """A new empty folder. What containers put into it under other users' names goes with it."""
        path = self._folder / (what or secrets.token_hex(4))
        path.mkdir()
        return path

    @staticmethod
    def port() -> int:
        """A port that is free on all addresses."""
        with socket.socket() as probe:
            probe.bind(("", 0))
            return probe.getsockname()[1]

    def clean(self) -> None:
        api = self._docker.api
        for container in api.containers.list(all=True, ignore_removed=True):
            if self._is_ours(container.name, container.labels):
                with contextlib.suppress(docker.errors.NotFound):
                    container.remove(force=True, v=True)
        for network in api.networks.list():
            if self._is_ours(network.name, network.attrs.get("Labels")):
                network.remove()
        for volume in api.volumes.list():
            if self._is_ours(volume.name, volume.attrs.get("Labels")):
                volume.remove(force=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_ours(self, name: str, labels: dict[str, str] | None) -> bool:
        project = (labels or {}).get("com.docker.compose.project", "")
        return any(
            found == mine or found.startswith((f"{mine}-", f"{mine}_")) for found in (name, project) for mine in (self.mark, *self._adopted)
        )
