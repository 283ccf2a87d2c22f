# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI as most people run it: in a container, with its data folder on the host."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths
from .containers import WAIT_SECONDS, Docker
from .webui_service import ApiError, Client

DATA_INSIDE = "/app/backend/data"


@dataclass(frozen=True)
class WebUIContainer:
    """One Open WebUI, by the name of its container and by where it answers. `data` is its data folder on the host."""

    docker: Docker
    name: str
    port: int
    data: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.data / "webui.db"

    def client(self, token: str = "") -> Client:
        return Client(self.url, token)

    def inspect(self) -> dict[str, Any]:
        return self.docker.inspect(self.name)

    @property
    def id(self) -> str:
        return self.inspect()["Id"]

    @property
    def started_at(self) -> str:
        return self.inspect()["State"]["StartedAt"]

    @property
    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.inspect()["Config"]["Env"])

    def wait_ready(self, seconds: float = WAIT_SECONDS) -> Client:
        """Wait for /ready, which covers start-up and database."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # Not answering yet and answering "not ready" are the same to whoever waits.
            with contextlib.suppress(ApiError, OSError, ValueError):
                if self.client().get("/ready").get("status"):
                    return self.client()
            time.sleep(0.2)
        raise RuntimeError(f"{self.name} at {self.url} is not ready; its log ends:\n{self.docker.logs(self.name)[-3000:]}")


def host_variables(docker: Docker, folder: Path, postgres_image: str, postgres_port: int) -> dict[str, Any]:
    """The variables that only a test needs: another engine's socket, folders of its own and a free port."""
    return {
        "ansible_connection": "local",
        # Ansible's own interpreter has psycopg and requests, so that no run has to install them first.
        "ansible_python_interpreter": str(paths.PYTHON),
        "webui_python_interpreter": str(paths.PYTHON),
        "webui_docker_host": docker.engine.host,
        "webui_state_dir": str(folder / "state"),
        "webui_postgres_dir": str(folder / "postgres"),
        "webui_postgres_image": postgres_image,
        "webui_database_port": postgres_port,
    }
