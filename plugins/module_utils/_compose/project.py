# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service of a Compose project: its container, its files, its neighbours, and how Compose has to be called for it.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
from typing import Any, Callable, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._compose import files as texts
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.cli import WAYS, Compose, Way
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.files import Files, Noted, noted
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.plugin import how_to_install_here, is_new_enough, oldest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import (
    compose_of,
    env_of,
    find,
    image_facts,
    inspect,
    key_of,
    name_of,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import masked, secrets_in

KEY = "WEBUI_SECRET_KEY"

_LABEL = "com.docker.compose."
# Kinds of namespaces that a container may have from another one.
_SHARED = ("NetworkMode", "IpcMode", "PidMode")


class Wish(NamedTuple):
    """What is asked for.

    :ivar env: settings to put Open WebUI on PostgreSQL with.
    :ivar remove: names of settings that must not be there beside them.
    :ivar networks: networks to be connected to as well; they are there already.
    :ivar image: another image, or an empty text.
    :ivar secret_key: the key to be used where none is in use.
    """

    env: dict[str, str]
    remove: list[str]
    networks: list[str]
    image: str = ""
    secret_key: str = ""


class Project:
    """The service of one container, and all that is known of it. In check mode nothing is written or made.

    :ivar container: what the engine says of it.
    :ivar was: the service as the user's files alone make it; None where Compose cannot tell.
    :ivar changed: whether anything was done, or would have been.
    """

    def __init__(self, engine: Engine, name: str, override: str, check: bool, compose: Callable[..., Compose] = Compose) -> None:
        self.engine = engine
        self.name = name
        self.check = check
        self.changed = False
        self.warnings: list[str] = []
        found = find(engine, name)
        if not found:
            raise refuse("container", f"{name}: there is no such container; see docker ps --all")
        self.container = found[0][1]
        labels = compose_of(self.container["Config"].get("Labels") or {})
        if not labels:
            raise refuse("container", f"{name}: it is not managed by Compose; use the runtime container")
        self.noted = noted(labels)
        self.files = Files(self.noted, override)
        if self.files.gone():
            raise refuse("compose", _gone(name, self.noted, self.files.gone()))
        self.compose = compose(f"unix://{engine.socket}", self.noted.folder, self.noted.project, self.noted.env_files)
        self.model: dict[str, Any] | None = None

    @property
    def was(self) -> dict[str, Any] | None:
        """The service as the user's files alone make it."""
        return ((self.model or {}).get("services") or {}).get(self.noted.service)

    def read(self) -> None:
        """Ask Compose what the user's files come to."""
        version = self.compose.version()
        if not is_new_enough(version):
            raise refuse(
                "compose",
                f'Open WebUI belongs to the Compose project {self.noted.project}, but "docker compose version" says {version or "nothing"} '
                f"on the target host, and {oldest()} is needed; {how_to_install_here()}",
            )
        self.model = self.compose.config(self.files.users, self.noted.service)
        if self.was is None:
            raise refuse(
                "compose",
                f"Docker Compose cannot make out the service {self.noted.service} from {', '.join(self.files.users)}. "
                f'Run "docker compose config" in {self.noted.folder} to see why.',
            )

    @property
    def key_is_in_layer(self) -> bool:
        """Whether the secret key is in this container alone, and goes with it."""
        origin, _key = key_of(self.engine, self.container)
        return origin["from"] == "file" and not origin["on_mount"]

    @property
    def owner(self) -> os.stat_result:
        """Who our files are to belong to."""
        return os.stat(self.files.users[0])

    def settings(self, wish: Wish) -> dict[str, str]:
        """All that is written into the file of settings."""
        environment = (self.was or {}).get("environment") or {}
        emptied = {name: "" for name in wish.remove if environment.get(name) and name not in wish.env}
        return {**wish.env, **emptied, **self._key(wish)}

    def _key(self, wish: Wish) -> dict[str, str]:
        """The key in the container's own layer counts as long as there is one; then the one that was brought here from there."""
        if KEY in wish.env:
            return {}
        origin, key = key_of(self.engine, self.container)
        kept = texts.settings_in(self.files.settings_text).get(KEY, "")
        if origin["from"] == "file":
            return {} if origin["on_mount"] else {KEY: key}
        key = kept or ("" if origin["from"] == "env" else wish.secret_key)
        return {KEY: key} if key else {}

    def networks(self, wish: Wish) -> list[str]:
        """A service that has no networks of its own is in the project's default one, until it is given any."""
        own = (self.was or {}).get("networks") or {}
        return ((["default"] if "default" in own else []) + wish.networks) if wish.networks else []

    def override_text(self, wish: Wish, settings: str, switched: bool = True) -> str:
        """The text of the override file, where the settings are in that file."""
        refers_to = settings if os.path.dirname(settings) != self.noted.folder else f"./{os.path.basename(settings)}"
        return texts.override_file(self.files, refers_to, self.networks(wish), wish.networks, wish.image, switched)

    def write(self, settings: dict[str, str], override: str) -> None:
        """Our two files. The settings first: a file that nothing refers to yet does no harm."""
        owner = self.owner
        wanted = (
            (self.files.settings, texts.settings_file(self.noted.service, settings), texts.PRIVATE),
            (self.files.override, override, owner.st_mode & 0o7777),
        )
        for path, text, mode in wanted:
            if not texts.is_as(path, text, mode, owner):
                self.changed = True
                if not self.check:
                    texts.write(path, text, mode, owner)

    def clear(self) -> None:
        """Neither of our files is left, but for one that is listed, which is left without effect."""
        if self.files.is_ours:
            self.changed = True
            if not self.check and self.files.asked:
                texts.write(self.files.override, texts.BLANK, os.stat(self.files.override).st_mode & 0o7777, os.stat(self.files.override))
            elif not self.check:
                texts.remove(self.files.override)
        # Last: Compose refuses a project whose override file refers to a file that is not there.
        if self.files.settings_text:
            self.changed = True
            if not self.check:
                texts.remove(self.files.settings)

    # -- what Compose would do ----------------------------------------------------------------------------------------------

    def way(self, files: list[str]) -> Way | None:
        """How Compose has to be called so that these files leave the container as it is; None where it is not what they describe."""
        for way in WAYS:
            if self.compose.plan(files, self.noted.service, way).leaves(name_of(self.container)):
                return way
        # Where Compose makes a dependency anew, it does so with what depends on it, and one that Watchtower has made anew it makes anew
        # for a label. The service itself is as described all the same.
        same = label_of(self.container, "config-hash") == self.compose.digest(files, self.noted.service)
        return WAYS[0] if same and self.image_is_named else None

    @property
    def image_is_named(self) -> bool:
        """Whether the image that the container runs is still the one that its name leads to."""
        named = image_facts(self.engine, self.container["Config"]["Image"]) or {}
        return bool(named.get("Id") == self.container["Image"])

    def way_of_old(self, files: list[str]) -> Way:
        """How Compose was called for the container that is there, by the dependencies that it noted on it."""
        depends_on = {entry.split(":")[0] for entry in label_of(self.container, "depends_on").split(",") if entry}
        facts = ((self.compose.config(files, self.noted.service) or {}).get("services") or {}).get(self.noted.service) or {}
        if not depends_on and facts.get("depends_on"):
            return Way(alone=True)
        entries = siblings(self.engine, self.noted.project)
        names = {listed_name(entry) for entry in entries if label(entry, "service") in depends_on}
        # One in a profile that is not enabled is left out by Compose where it is not required.
        plans = {way: self.compose.plan(files, self.noted.service, way) for way in WAYS if not way.alone}
        return next((way for way, plan in plans.items() if names <= set(plan.done or {})), Way())

    def make(self, service: str, name: str, preferred: Way) -> None:
        """Have Compose make the container of a service, and leave all others alone."""
        files = self.files.by_hand
        way = self._harmless(files, service, name, preferred)
        if self.check:
            return
        words = self.compose.make(files, service, way)
        if words:
            hidden = secrets_in({**env_of(self.container["Config"]), **texts.settings_in(self.files.settings_text)}, [])
            raise refuse("compose", f"Docker Compose cannot bring up the service {service} in {self.noted.folder}: {masked(words, hidden)}")

    def _harmless(self, files: list[str], service: str, name: str, preferred: Way) -> Way:
        if preferred.alone:
            return preferred
        plans = {way: self.compose.plan(files, service, way) for way in (preferred, *WAYS)}
        way = next((way for way, plan in plans.items() if plan.done is not None and not plan.touches(name)), Way(alone=True))
        others = plans[preferred].touches(name)
        if way.alone and others:
            self.warnings.append(
                f"{', '.join(others)}: not there, or not what the Compose files describe now, and left alone. The next "
                f'"docker compose up -d" sees to that, and may make {name} anew as well, with the same settings.'
            )
        return way


def _gone(name: str, project: Noted, path: str) -> str:
    return (
        f"The container {name} belongs to the Compose project {project.project}, but {path} is not on this host: tools like Portainer "
        "keep the files of their stacks to themselves. Set webui_runtime to container to have the container itself moved, and then enter "
        "the new settings into the stack, as the report says; or bring the project's files back."
    )


# -- other containers of the project --------------------------------------------------------------------------------------------


def label(entry: dict[str, Any], name: str) -> str:
    return (entry.get("Labels") or {}).get(_LABEL + name) or ""


def listed_name(entry: dict[str, Any]) -> str:
    """A container's own name: the others are those it is linked by."""
    return next((name[1:] for name in entry.get("Names") or [] if name.count("/") == 1), "")


def label_of(inspected: dict[str, Any], name: str) -> str:
    return label(inspected["Config"], name)


def siblings(engine: Engine, project: str) -> list[dict[str, Any]]:
    """The containers of a project, as the engine lists them, without those of `docker compose run`."""
    listed = engine.get("/containers/json", all="1")
    return [entry for entry in listed if label(entry, "project") == project and label(entry, "oneoff") != "True"]


def owners(inspected: dict[str, Any]) -> list[str]:
    """The containers whose network, or another namespace, a container lives in. It loses it when they are made anew."""
    host = inspected.get("HostConfig") or {}
    modes = [host.get(kind) or "" for kind in _SHARED]
    return [mode.partition(":")[2] for mode in modes if mode.startswith("container:")]


def followers(project: Project) -> list[dict[str, Any]]:
    """Running containers, of the project or not, that live in the network of ours."""
    running = [inspect(project.engine, entry["Id"]) for entry in project.engine.get("/containers/json")]
    return [found for found in running if found and found["State"].get("Running") and project.container["Id"] in owners(found)]


def abandoned(project: Project) -> list[dict[str, Any]]:
    """Running containers of the project that lived in the network of one of ours that is gone."""
    return [
        found
        for found in dependents(project)
        if found["State"].get("Running")
        and any(owner != project.container["Id"] and inspect(project.engine, owner) is None for owner in owners(found))
    ]


def dependents(project: Project, condition: str = "") -> list[dict[str, Any]]:
    """Containers of the services that depend on ours. Compose notes that as service:condition:restart, with commas in between."""
    found = []
    for entry in siblings(project.engine, project.noted.project):
        for dependency in label(entry, "depends_on").split(","):
            if dependency.split(":")[0] == project.noted.service and dependency.endswith(condition):
                inspected = inspect(project.engine, entry["Id"])
                found += [inspected] if inspected is not None else []
    return found
