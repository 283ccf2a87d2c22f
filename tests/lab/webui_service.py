# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Open WebUI as a service in a folder of its own: settings, data, log, and commands for the runtime `command`.

The commands are shell scripts, so that the roles, the demo and a person at a shell all handle the service the same way:
`start`, `stop`, `probe` (is it running?) and `bootstrap` (the schema, created by Open WebUI itself). Each reads the
file of settings that WEBUI_ENV_FILE names, and the service's own without it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths

START_SECONDS = 400

# One header for all commands. `set -a` exports what is read.
_HEADER = """\
#!/bin/sh
# {purpose}
# Settings are the KEY=VALUE lines of the file that WEBUI_ENV_FILE names, or of this service's own.
set -eu
folder={folder}
venv={venv}
pid_file="$folder/webui.pid"
export DATA_DIR="$folder/data"
set -a
. "${{WEBUI_ENV_FILE:-$folder/webui.env}}"
set +a
running() {{
    [ -s "$pid_file" ] || return 1
    # By now the number may be another process's; and one that has ended but is still listed has no command line.
    grep -q open-webui "/proc/$(cat "$pid_file")/cmdline" 2>/dev/null
}}
"""

_COMMANDS = {
    "start": (
        "Starts Open WebUI in the background. Says nothing and changes nothing when it runs already.",
        """\
if running; then exit 0; fi
cd "$DATA_DIR"
setsid "$venv/bin/open-webui" serve --host 127.0.0.1 --port {port} >>"$folder/webui.log" 2>&1 </dev/null &
echo $! >"$pid_file"
# Whether it comes up is for the health address to say; but what cannot even be run should be said here.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.5
    if running; then exit 0; fi
    kill -0 $! 2>/dev/null || break
done
tail -n 5 "$folder/webui.log" >&2
exit 1
""",
    ),
    "stop": (
        "Stops Open WebUI and waits until it has ended.",
        """\
running || exit 0
pid=$(cat "$pid_file")
kill -TERM "$pid"
# An open browser window keeps its connection for ever, and with it a server that shuts down politely.
waited=0
while running; do
    if [ "$waited" -ge 100 ]; then kill -KILL "$pid" 2>/dev/null || true; fi
    sleep 0.1
    waited=$((waited + 1))
done
rm -f "$pid_file"
""",
    ),
    "probe": ("Ends with 0 when Open WebUI is running, with 1 when it is not.", "running\n"),
    "bootstrap": (
        "Creates or upgrades the schema of the database in DATABASE_URL with Open WebUI's own migrations.",
        """\
find_package='import importlib.util as i; print(*i.find_spec("open_webui").submodule_search_locations)'
cd "$("$venv/bin/python" -c "$find_package")"
exec "$venv/bin/alembic" upgrade head
""",
    ),
}


def free_port(first: int = 8080, last: int = 8180) -> int:
    """The first port of 127.0.0.1 in this range that nobody listens on."""
    for port in range(first, last + 1):
        with socket.socket() as probe:
            # What the server itself does, so that a port in TIME_WAIT counts as free for both.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise RuntimeError(f"no free port on 127.0.0.1 between {first} and {last}")


class ApiError(Exception):
    """Open WebUI answered with something other than success."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path}: {status} {body[:300]}")
        self.status = status
        self.body = body


class Client:
    """Open WebUI's HTTP API as one user, or as nobody while `token` is empty."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self.token = token

    def raw(self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json") -> bytes:
        request = urllib.request.Request(self.url + path, data=body, method=method)
        request.add_header("Content-Type", content_type)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(method, path, error.code, error.read().decode("utf-8", "replace")) from None

    def _json(self, method: str, path: str, data: Any = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        return json.loads(self.raw(method, path, body) or b"null")

    def get(self, path: str) -> Any:
        return self._json("GET", path)

    def post(self, path: str, data: Any = None) -> Any:
        return self._json("POST", path, {} if data is None else data)

    def delete(self, path: str) -> Any:
        return self._json("DELETE", path)

    def upload(self, path: str, name: str, content: bytes, metadata: dict[str, Any] | None = None) -> Any:
        """Send one file the way a browser's form does."""
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'.encode()
            + content
            + b"\r\n"
        ]
        if metadata is not None:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
            parts.append(head.encode() + json.dumps(metadata).encode() + b"\r\n")
        parts.append(f"--{boundary}--\r\n".encode())
        return json.loads(self.raw("POST", path, b"".join(parts), f"multipart/form-data; boundary={boundary}"))

    def sign_in(self, email: str, password: str) -> Client:
        """A client for this user; raises ApiError when Open WebUI does not let them in."""
        answer = Client(self.url).post("/api/v1/auths/signin", {"email": email, "password": password})
        return Client(self.url, answer["token"])


@dataclass(frozen=True)
class OpenWebUI:
    """One Open WebUI: `folder` holds everything of its own."""

    folder: Path
    port: int

    @classmethod
    def create(cls, folder: Path, port: int, secret_key: str = "", venv: Path = paths.OPEN_WEBUI) -> OpenWebUI:
        """Write the settings and the commands of a new service. Its data folder may be there already.

        `venv` has what is run in its folder bin: python, alembic and open-webui, or what stands in for them.
        """
        service = cls(folder.resolve(), port)
        service.data.mkdir(parents=True, exist_ok=True)
        service.bin.mkdir(exist_ok=True)
        settings = {
            "WEBUI_SECRET_KEY": secret_key or secrets.token_hex(24),
            "USE_SLIM_DOCKER": "true",
            "OFFLINE_MODE": "true",
            "HF_HUB_OFFLINE": 1,
            "ENABLE_OLLAMA_API": "false",
            "ENABLE_OPENAI_API": "false",
            "RAG_EMBEDDING_ENGINE": "openai",
            "ENABLE_VERSION_UPDATE_CHECK": "false",
        }
        write_private(service.env_file, "".join(f"{name}={value}\n" for name, value in settings.items()))
        for name, (purpose, text) in _COMMANDS.items():
            names = {"folder": shlex.quote(str(service.folder)), "venv": shlex.quote(str(venv))}
            write_private(service.bin / name, (_HEADER + text).format(purpose=purpose, port=port, **names), 0o700)
        return service

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def database(self) -> Path:
        return self.data / "webui.db"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def env_file(self) -> Path:
        return self.folder / "webui.env"

    @property
    def log(self) -> Path:
        return self.folder / "webui.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secret_key(self) -> str:
        return self.setting("WEBUI_SECRET_KEY")

    def setting(self, name: str) -> str:
        """The value of this name in the env file, as the next start will see it; empty when it is not set."""
        values = [line.partition("=") for line in self.env_file.read_text(encoding="utf-8").splitlines()]
        return next((value for found, _kind, value in values if found == name), "")

    @property
    def pid(self) -> int | None:
        """The process id while the service runs."""
        return int((self.folder / "webui.pid").read_text()) if self.is_running() else None

    def command(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one of the service's commands the way an operator does."""
        environment = {name: value for name, value in os.environ.items() if name != "WEBUI_ENV_FILE"}
        return subprocess.run([self.bin / name], env=environment, text=True, capture_output=True, check=False)

    def is_running(self) -> bool:
        return self.command("probe").returncode == 0

    def start(self) -> Client:
        """Start it and wait until it is ready."""
        self.command("start").check_returncode()
        self.wait_ready()
        return self.client()

    def stop(self) -> None:
        self.command("stop").check_returncode()

    def client(self, token: str = "") -> Client:
        return Client(self.url, token)

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait for /ready, which covers start-up and database."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # Not answering yet and answering "not ready" are the same to whoever waits.
            with contextlib.suppress(ApiError, OSError, ValueError):
                if self.client().get("/ready").get("status"):
                    return
            if not self.is_running():
                break
            time.sleep(0.2)
        tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no log)"
        raise RuntimeError(f"Open WebUI at {self.url} is not ready; the end of {self.log}:\n{tail}")


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that never was readable to others, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as stream:
        stream.write(text)
