# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a runtime is: the contract between a way of running Open WebUI and all that looks at it, stops it and starts it.

What a runtime is able to do is asked of its capabilities, never of its name. A further runtime is one file in C(runtimes/), one line in
C(registry.py), and one folder with its tasks in the role webui_instance; docs/runtimes.md says how.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Service
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem


class Capabilities(NamedTuple):
    """What can be asked of a runtime.

    :ivar has_engine: Open WebUI runs from an image in a Docker Engine, with networks that PostgreSQL can share.
    :ivar keeps_old: a switch sets what ran on SQLite aside, so that the way back is there until it is finalized.
    :ivar one_shot: a command can be run once in the image that will run: to connect, to name its revision, to upgrade a copy.
    :ivar can_be_made: where none is left, one can be made from an image and a data folder.
    :ivar by_commands: commands of the operator's handle it, also the one that creates the schema.
    """

    has_engine: bool = False
    keeps_old: bool = False
    one_shot: bool = False
    can_be_made: bool = False
    by_commands: bool = False


class Asked(NamedTuple):
    """What the operator says of an Open WebUI. Empty is what is to be found out.

    :ivar commands: C(probe), C(stop), C(start) and C(bootstrap), each a list of words, for the runtime C(command); None for none.
    :ivar command_timeout: seconds that each of them may take.
    :ivar stop_timeout: seconds that a container has to end by itself.
    :ivar settle_timeout: seconds within which the probe has to say that it has stopped, once the stop command has ended.
    """

    runtime: str = "auto"
    docker_host: str = "unix:///var/run/docker.sock"
    container_name: str = ""
    unit: str = "open-webui.service"
    python: str = ""
    env_file: str = ""
    commands: dict[str, list[str]] | None = None
    command_timeout: int = 300
    stop_timeout: int = 60
    settle_timeout: int = 60
    data_dir: str = ""
    sqlite_path: str = ""
    health_url: str = ""
    image: str = ""
    compose_override: str = ""
    secret_key_declared: bool = False


class Life(NamedTuple):
    """How one that was started is doing.

    :ivar up: whether it runs, or is being started again.
    :ivar restarts: how often it was started again without anybody's doing, counted from wherever its runtime counts from.
    :ivar end: how it has ended, in a few words, where that is certain. Empty where "it does not run" may also mean "not yet".
    """

    up: bool
    restarts: int = 0
    end: str = ""


# What is known of an Open WebUI, in the terms of webui_info's RETURN.
Instance = dict[str, Any]


class Runtime(ABC):
    """One way of running Open WebUI, on one host."""

    name: str
    capabilities: Capabilities
    # The variables that say which one is meant, for messages.
    variables: tuple[str, ...] = ()
    # What else may help: against one that keeps its file open after the stop, against one that is on another database after the start,
    # and where another one than that was meant.
    how_to_end = ""
    how_to_connect = ""
    how_to_choose = ""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    @abstractmethod
    def find(self) -> list[Instance]:
        """Every Open WebUI of this runtime that fits what was asked for. Only looks.

        :raises Refused: when the host cannot be asked, because there is no engine or no rights to use it.
        """

    def absence(self) -> str:
        """What there is none of where this runtime finds nothing, as a part of a list. Empty where that goes without saying."""
        return f"nothing of the runtime {self.name}"

    def not_found(self) -> str:
        """What to say where this runtime was asked for and finds nothing."""
        return f"Nothing here runs Open WebUI under the runtime {self.name}"

    def another_kind(self) -> str:
        """What to say of one in the same engine that another runtime handles, after "runs Open WebUI here, but"."""
        return f"not under the runtime {self.name}"

    def too_many(self, names: list[str]) -> str:
        """What to say where one of several has to be chosen."""
        which = f"Set {either(self.variables)} to what leads to one alone" if self.variables else "Leave one alone here"
        return f"Several of the runtime {self.name} here run Open WebUI: {', '.join(names)}. {which}."

    def to_be_made(self, options: dict[str, Any]) -> Instance:
        """The Open WebUI that is made where none is left; or the one that is in its place already. Only where C(can_be_made) says so.

        :param options: C(network_mode), C(networks) and whether it gets a C(secret_key) with them.
        """
        # Only one that says it can is asked: whoever gets here has not asked its capabilities.
        raise NotImplementedError(f"{self.name} makes none")

    @abstractmethod
    def findings(self, instance: Instance) -> list[Problem]:
        """What stands in the way of handling this Open WebUI, each saying what to do."""

    def no_way_back(self, instance: Instance) -> list[str]:
        """Why one that is on PostgreSQL cannot be put back on SQLite, each saying what to do."""
        found: list[str] = instance.get("no_way_back", [])
        return found

    @abstractmethod
    def service(self, instance: Instance) -> Service:
        """Its processes and the file that it names, for the comparison with the one that is to be moved."""

    @abstractmethod
    def is_running(self, instance: Instance) -> bool:
        """Whether it runs now. Looks afresh."""

    def life(self, instance: Instance) -> Life:
        """How it is doing, for those who wait for it. Looks afresh."""
        return Life(self.is_running(instance))

    @abstractmethod
    def stop(self, instance: Instance) -> None:
        """Stop it. That nothing holds its database open afterwards is looked at by whoever calls.

        :raises Refused: when it could not be stopped.
        """

    @abstractmethod
    def start(self, instance: Instance) -> None:
        """Start it with the settings that are written for it.

        :raises Refused: when it could not be started.
        """

    @abstractmethod
    def log(self, instance: Instance, lines: int) -> list[str]:
        """The last lines of its log without secrets; none where nothing is known of a log."""


def either(names: Sequence[str]) -> str:
    """These in a sentence: a, b or c."""
    return " or ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
