# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of the Docker Engine API, over the engine's unix socket: JSON in, JSON out.

Why not the Docker SDK for Python? An audit, and the first run in check mode, look at a host where nothing has been installed
yet. And a container can only be made again with nothing lost if all that the engine says of it is handed back word for word,
including what no library of today has a name for.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from typing import Any
from urllib.parse import quote, urlencode

from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused, refuse

DEFAULT_HOST = "unix:///var/run/docker.sock"

# An engine under load takes its time to create or to remove a container. Only a stop may take longer, and says so.
SECONDS = 120
# Which version it is, every engine knows at once. Where something else listens, or one that hangs, nobody has to wait for long.
FIRST_SECONDS = 30

# What there is several of. Anything else is one thing.
LISTS = ("/containers/json", "/networks")

# No answer is ever as large that has to be whole: the longest are lists of containers, and logs.
LARGEST = 64 << 20
AT_ONCE = 64 << 10


class EngineError(Refused):
    """The engine answered, and the answer was no.

    :ivar status: the HTTP status: 404 for what is not there, 409 for a name that is taken.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__([Problem("engine", message)])


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """The Docker Engine at a socket.

    Every request is a connection of its own, so that a restart of the engine between two of them does no harm. All raise
    Refused with a single reason, and EngineError where the engine itself said no.
    """

    def __init__(self, docker_host: str = DEFAULT_HOST) -> None:
        self.socket = _socket_of(docker_host)
        self._version: str | None = None

    @property
    def api_version(self) -> str:
        """The newest version of the API that this engine speaks. It is what it reports containers in without loss."""
        if self._version is None:
            answer = _parsed(self.socket, self._request("GET", "/version", seconds=FIRST_SECONDS)[1])
            version = answer.get("ApiVersion") if isinstance(answer, dict) else None
            if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+", version):
                raise _no_engine(self.socket)
            self._version = version
        return self._version

    def as_of(self, version: str) -> Engine:
        """The same engine, as it answered clients of that time."""
        other = Engine(f"unix://{self.socket}")
        other._version = version
        return other

    def speaks(self, version: str) -> bool:
        """Whether the API is of this version or newer."""
        return _numbers(self.api_version) >= _numbers(version)

    def get(self, path: str, /, **query: Any) -> Any:
        """Ask for something, or for a list of all that there is of it."""
        found = _parsed(self.socket, self.read(path, **query))
        if isinstance(found, list) != (path in LISTS) or not all(
            isinstance(entry, dict) for entry in (found if path in LISTS else [found])
        ):
            raise _no_engine(self.socket)
        return found

    def read(self, path: str, /, most: int = LARGEST, **query: Any) -> bytes:
        """Ask for something that is no JSON.

        :param most: how much of it is of interest, more or less.
        """
        return self._request("GET", self._versioned(path, query), most=most)[1]

    def header(self, place: str, name: str, /, **query: Any) -> str:
        """Ask for what a header of the answer says; empty where there is no such header."""
        return self._request("HEAD", self._versioned(place, query))[0].get(name) or ""

    def post(self, path: str, /, body: Any = None, seconds: float = SECONDS, **query: Any) -> Any:
        """Have something done.

        :param seconds: how long the engine may take for it.
        """
        return _parsed(self.socket, self._request("POST", self._versioned(path, query), body, seconds)[1])

    def delete(self, path: str, /, **query: Any) -> None:
        """Have something removed."""
        self._request("DELETE", self._versioned(path, query))

    def _versioned(self, path: str, query: dict[str, Any]) -> str:
        text = f"/v{self.api_version}{quote(path, safe='/:@')}"
        return f"{text}?{urlencode(query)}" if query else text

    def _request(
        self, method: str, target: str, body: Any = None, seconds: float = SECONDS, most: int = LARGEST
    ) -> tuple[http.client.HTTPMessage, bytes]:
        connection = _Connection(self.socket, seconds)
        try:
            if body is None:
                connection.request(method, target)
            else:
                connection.request(method, target, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = _read(response, most)
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self.socket, error, seconds) from None
        finally:
            connection.close()
        # 304: it is as asked for already, such as a container that is to be stopped.
        if response.status >= 400:
            raise EngineError(response.status, f"the Docker Engine says: {_reason(response.status, content)}")
        return response.headers, content


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    # Asked for as much as there may be, Python 3.9 would set aside the memory for it beforehand.
    content = b""
    while len(content) < most:
        block = response.read(AT_ONCE)
        if not block:
            break
        content += block
    return content


def _socket_of(docker_host: str) -> str:
    if docker_host.startswith("unix://") and docker_host[7:].startswith("/"):
        return docker_host[7:]
    if docker_host.startswith("unix:"):
        raise refuse("engine", f"{docker_host}: a socket is written as unix:///path/of/it; correct webui_docker_host")
    # An address may hold a password: its kind says enough.
    kind = docker_host.split("://")[0] if "://" in docker_host else "this address"
    raise refuse(
        "engine",
        f"webui_docker_host: {kind} is not supported, only unix:///path; "
        "the modules run on the host of the engine, so set it to the engine's socket",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _unreachable(path: str, error: Exception, seconds: float) -> Refused:
    if isinstance(error, FileNotFoundError):
        message = "there is no such socket; install and start Docker, or set webui_docker_host to the engine's socket"
    elif isinstance(error, PermissionError):
        message = "no permission to use the Docker Engine; run with become or add the user to the docker group"
    elif isinstance(error, socket.timeout):
        message = f"the Docker Engine did not answer within {seconds:g} seconds; look at its log"
    else:
        reason = getattr(error, "strerror", None) or type(error).__name__
        message = f"the Docker Engine does not answer ({reason}); start it, and look at its log"
    return refuse("engine", f"{path}: {message}")


def _reason(status: int, content: bytes) -> str:
    """The engine's own words, as one line."""
    try:
        message = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError):
        message = content.decode("utf-8", "replace")
    return " ".join(str(message).split()) or f"status {status}"


def _parsed(path: str, content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        raise _no_engine(path) from None


def _no_engine(path: str) -> Refused:
    return refuse("engine", f"{path}: what answers there is no Docker Engine; set webui_docker_host to its socket")
