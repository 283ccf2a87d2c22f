# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Compose, asked about one project: what its files come to, what it would do, and to do it.

Compose itself is the only one that knows what a project's files mean and when it makes a container anew, and both change between
its releases. So nothing of that is worked out here. Its answers hold the user's secrets and are never shown; what is passed to it
in arguments are names and paths only.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

# A dry run takes a fraction of a second, making a container a few.
SECONDS = 600
LINES_OF_AN_ERROR = 3

_EVENT = re.compile(r"\bContainer\s+(?P<name>[\w.-]+)\s+(?P<what>[A-Z][a-z]+)")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_HASH = re.compile(r"(?m)^\S+ ([0-9a-f]{64})$")


class Way(NamedTuple):
    """How Compose is called to bring a service up.

    What it writes on a container as the digest of its configuration depends on this: up to 2.2x, the dependencies are part of it.

    :ivar alone: with --no-deps.
    :ivar profiles: profiles that are enabled besides those of the project.
    """

    alone: bool = False
    profiles: tuple[str, ...] = ()


# As most people type it; with a profile that was named on the command line; with --no-deps.
WAYS = (Way(), Way(profiles=("*",)), Way(alone=True))


class Plan(NamedTuple):
    """What Compose would do.

    :ivar done: what would happen to each container, by its name; None where Compose has refused.
    """

    done: dict[str, list[str]] | None

    def leaves(self, name: str) -> bool:
        """Whether the container stays the one that it is."""
        return self.done is not None and not _touched(self.done.get(name, []))

    def touches(self, own: str) -> list[str]:
        """The containers besides this one that would be made, made anew, or started: one that is paused is, and that fails."""
        others = {name: events for name, events in (self.done or {}).items() if name != own and not name.endswith(f"_{own}")}
        return sorted(name for name, events in others.items() if _touched(events, "Start", "Restart"))


def _touched(events: list[str], *also: str) -> bool:
    return any(event.startswith(("Creating", "Recreat", "Stop", "Remov", "Kill", *also)) for event in events)


class Compose:
    """The command `docker compose` for one project. Unit tests put something else in its place."""

    def __init__(self, docker_host: str, folder: str, project: str, env_files: list[str]) -> None:
        self._docker_host = docker_host
        self._folder = folder
        self._project = project
        self._env_files = env_files

    def version(self) -> str:
        """What it says its version is; empty where there is none."""
        code, out, _err = self._run(["docker", "compose", "version", "--short"], None)
        return out.strip() if code == 0 else ""

    def config(self, files: list[str], service: str) -> dict[str, Any] | None:
        """What the files come to, as far as the service and its dependencies go; None where Compose refuses them."""
        code, out, _err = self._ask(files, "config", "--format", "json", service)
        try:
            return json.loads(out) if code == 0 else None
        except ValueError:
            return None

    def digest(self, files: list[str], service: str) -> str:
        """The digest of the service's configuration as Compose notes it on containers; empty where it has none to tell."""
        for profiles in ((), ("*",)):
            code, out, _err = self._ask(files, *_options(profiles), "config", "--hash", service)
            match = _HASH.search(out) if code == 0 else None
            if match:
                return match[1]
        return ""

    def plan(self, files: list[str], service: str, way: Way) -> Plan:
        """What `up` would do to the containers of the project."""
        code, out, err = self._ask(files, *_options(way.profiles), "--dry-run", *_up(way), service)
        if code != 0:
            return Plan(None)
        done: dict[str, list[str]] = {}
        for line in _COLOURS.sub("", out + "\n" + err).splitlines():
            match = _EVENT.search(line)
            if match:
                done.setdefault(match["name"], []).append(match["what"])
        return Plan(done)

    def make(self, files: list[str], service: str, way: Way) -> str:
        """Have the container made as its files say, and started by nobody.

        :returns: nothing, or the last lines of what Compose said when it failed. They may hold secrets.
        """
        code, _out, err = self._ask(files, *_options(way.profiles), *_up(way), service)
        if code == 0:
            return ""
        lines = [line.strip() for line in _COLOURS.sub("", err).splitlines() if line.strip()]
        return " / ".join(lines[-LINES_OF_AN_ERROR:]) or f"it ended with {code}"

    def _ask(self, files: list[str], *arguments: str) -> tuple[int, str, str]:
        command = ["docker", "--host", self._docker_host, "compose", "--project-directory", self._folder, "--project-name", self._project]
        for option, paths in (("--env-file", self._env_files), ("--file", files)):
            for path in paths:
                command += [option, path]
        return self._run(command + list(arguments), self._folder)

    @staticmethod
    def _run(command: list[str], folder: str | None) -> tuple[int, str, str]:
        try:
            answer = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise refuse("compose", f"{folder}: docker compose has not answered within {SECONDS} seconds; see what it waits for") from None
        except OSError as error:
            return 127, "", error.strerror or ""
        return answer.returncode, answer.stdout, answer.stderr


def _options(profiles: tuple[str, ...]) -> list[str]:
    return [word for profile in profiles for word in ("--profile", profile)]


def _up(way: Way) -> list[str]:
    # Not "create": that has no --no-deps.
    return ["up", "--no-start", "--no-build", "--pull", "never", *(["--no-deps"] if way.alone else [])]
