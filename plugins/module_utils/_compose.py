# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Open WebUI of a Compose project, pointed at PostgreSQL and back by an override file beside the user's own files.

The order of steps is such that a run that was killed after any of them can be repeated or taken back:

======================================== ============ ============ =======================
step                                     settings     override     container
======================================== ============ ============ =======================
before                                   -            -            as the user's files say
the settings are written                 PostgreSQL   -            the same
the override file is written             PostgreSQL   ours         the same
Compose has made the container anew      PostgreSQL   ours         new, not started
it is started                            PostgreSQL   ours         new
======================================== ============ ============ =======================

On the way back the override file goes first: Compose refuses a project whose files refer to one that is not there.

Compose makes the container, nobody else, so that `docker compose up -d`, typed by the user, finds what it would have made itself. It
is started by the engine, so that nothing else is: a service that the user has stopped stays so. Where Compose would make other
services anew as well, it is asked for this one alone.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils import _compose_files as texts
from ansible_collections.openwebui.postgres.plugins.module_utils._compose_cli import WAYS, Compose, Way, too_old
from ansible_collections.openwebui.postgres.plugins.module_utils._compose_files import Files, Noted, noted
from ansible_collections.openwebui.postgres.plugins.module_utils._container import (
    compose_of,
    env_of,
    find,
    image_facts,
    inspect,
    key_of,
    masked,
    name_of,
    secrets_in,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._engine import SECONDS, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused, refuse

KEY = "WEBUI_SECRET_KEY"
# What a rehearsal sets in the place of a secret.
TRIAL = "trial"

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

    def __init__(self, engine: Engine, name: str, override: str, check: bool, compose: Any = Compose) -> None:
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
        if too_old(version):
            raise refuse(
                "compose",
                f'Open WebUI belongs to the Compose project {self.noted.project}, but "docker compose version" says {version or "nothing"} '
                "on the target host. Install the Compose plugin of Docker, 2.18 or newer.",
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
        same = _label_of(self.container, "config-hash") == self.compose.digest(files, self.noted.service)
        return WAYS[0] if same and self.image_is_named else None

    @property
    def image_is_named(self) -> bool:
        """Whether the image that the container runs is still the one that its name leads to."""
        named = image_facts(self.engine, self.container["Config"]["Image"]) or {}
        return named.get("Id") == self.container["Image"]

    def way_of_old(self, files: list[str]) -> Way:
        """How Compose was called for the container that is there, by the dependencies that it noted on it."""
        depends_on = {entry.split(":")[0] for entry in _label_of(self.container, "depends_on").split(",") if entry}
        facts = ((self.compose.config(files, self.noted.service) or {}).get("services") or {}).get(self.noted.service) or {}
        if not depends_on and facts.get("depends_on"):
            return Way(alone=True)
        siblings = _siblings(self.engine, self.noted.project)
        names = {_listed_name(entry) for entry in siblings if _label(entry, "service") in depends_on}
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


# -- what stands in the way -----------------------------------------------------------------------------------------------------


def obstacles(project: Project, wish: Wish) -> list[Problem]:
    """All that stands in the way of a switch, found without a change."""
    closed = _closed_network(project, wish)
    messages = [*project.files.no_place(), *closed]
    # Once our files are there, the container differs from them until the next start.
    if not project.files.is_switched:
        messages += _replicas(project) or _outdated(project) + _followers_outdated(project)
    if not closed:
        messages += _no_good(project, wish)
    return [Problem("compose", message) for message in messages]


def _replicas(project: Project) -> list[str]:
    was = project.was or {}
    asked = was.get("scale") or (was.get("deploy") or {}).get("replicas") or 1
    listed = [entry for entry in _siblings(project.engine, project.noted.project) if _label(entry, "service") == project.noted.service]
    number = max(int(asked), len(listed))
    if number <= 1:
        return []
    service = project.noted.service
    return [
        f"The service {service} has {number} replicas, and a webui.db serves one at a time. Go down to one "
        f'("docker compose up -d --scale {service}=1", and in the Compose file), see that all is well, and run this again.'
    ]


def _closed_network(project: Project, wish: Wish) -> list[str]:
    mode = (project.was or {}).get("network_mode") or ""
    if not wish.networks or not mode:
        return []
    return [
        f"The service {project.noted.service} has network_mode: {mode}, so Compose can give it no network to PostgreSQL. Set "
        "webui_postgres_mode to external, with a PostgreSQL of your own, and webui_database_url_host to an address that the container "
        'reaches; or take network_mode out of the Compose file, run "docker compose up -d", and run this again.'
    ]


def _outdated(project: Project) -> list[str]:
    # A newer image under the same tag is known of already.
    if not project.image_is_named or project.way(project.files.now) is not None:
        return []
    return [
        f"The container {project.name} is not what its Compose files describe now: they have been changed since, or it was started with "
        f'variables of a shell, or by another release of Docker Compose. Run "docker compose up -d {project.noted.service}" in '
        f"{project.noted.folder} as you usually do, see that all is well, and run this again."
    ]


def _followers_outdated(project: Project) -> list[str]:
    reasons = []
    for follower in _followers(project):
        name, service = name_of(follower), _label_of(follower, "service")
        if _label_of(follower, "project") != project.noted.project:
            project.warnings.append(f"{name}: it shares the network of {project.name}, which is made anew; make it anew afterwards, too")
        elif not any(project.compose.plan(project.files.now, service, way).leaves(name) for way in WAYS):
            reasons.append(
                f"The container {name} shares the network of {project.name} and has to be made anew with it, but is not what its Compose "
                f'files describe now. Run "docker compose up -d {service}" in {project.noted.folder} as you usually do, and run this again.'
            )
    return reasons


def _no_good(project: Project, wish: Wish) -> list[str]:
    """Whether our files would change what they should and nothing else. Names only, never values."""
    settings = dict.fromkeys(project.settings(wish), TRIAL)
    after = _rehearsed(project, wish, settings)
    service, version = project.noted.service, project.compose.version()
    will_be = ((after or {}).get("services") or {}).get(service)
    if will_be is None:
        what = "it is not accepted"
    else:
        strays = _strays(project, after, will_be, wish, settings)
        missed = [name for name in settings if ((will_be.get("environment") or {}).get(name)) != TRIAL]
        if not strays and not missed:
            return []
        what = f"it would change {', '.join(strays)}" if strays else f"it does not set {', '.join(missed)}"
    return [
        f"An override file for the service {service} does not do what it should with this Docker Compose ({version}): {what}. "
        'Point the Compose files at PostgreSQL yourself, or use the runtime "command".'
    ]


def _rehearsed(project: Project, wish: Wish, settings: dict[str, str]) -> dict[str, Any] | None:
    """What it would come to together with the user's files. Ours are in a folder of their own, without any secret."""
    folder = tempfile.mkdtemp(prefix="openwebui-postgres-")
    try:
        inner, outer = os.path.join(folder, "settings.yaml"), os.path.join(folder, "override.yaml")
        for path, text in (
            (inner, texts.settings_file(project.noted.service, settings)),
            (outer, project.override_text(wish, inner)),
        ):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return project.compose.config([*project.files.users, outer], project.noted.service)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _strays(project: Project, after: dict[str, Any], will_be: dict[str, Any], wish: Wish, settings: dict[str, str]) -> list[str]:
    was = project.was or {}
    services = [{**model["services"]} for model in (project.model or {}, after)]
    for each in services:
        each.pop(project.noted.service, None)
    may_change = ["environment", "networks", *(["image"] if wish.image else [])]
    return sorted(
        {
            *_differing(project.model or {}, after, ["services", "networks"]),
            *_differing(services[0], services[1], []),
            *_differing(was, will_be, may_change),
            *_differing(was.get("environment") or {}, will_be.get("environment") or {}, list(settings)),
            *_differing(was.get("networks") or {}, will_be.get("networks") or {}, project.networks(wish)),
        }
    )


def _differing(before: dict[str, Any], after: dict[str, Any], but: list[str]) -> list[str]:
    absent = object()
    return [name for name in {*before, *after} if name not in but and before.get(name, absent) != after.get(name, absent)]


# -- other containers of the project --------------------------------------------------------------------------------------------


def _label(entry: dict[str, Any], name: str) -> str:
    return (entry.get("Labels") or {}).get(_LABEL + name) or ""


def _listed_name(entry: dict[str, Any]) -> str:
    """A container's own name: the others are those it is linked by."""
    return next((name[1:] for name in entry.get("Names") or [] if name.count("/") == 1), "")


def _label_of(inspected: dict[str, Any], name: str) -> str:
    return _label(inspected["Config"], name)


def _siblings(engine: Engine, project: str) -> list[dict[str, Any]]:
    """The containers of a project, as the engine lists them, without those of `docker compose run`."""
    listed = engine.get("/containers/json", all="1")
    return [entry for entry in listed if _label(entry, "project") == project and _label(entry, "oneoff") != "True"]


def _owners(inspected: dict[str, Any]) -> list[str]:
    """The containers whose network, or another namespace, a container lives in. It loses it when they are made anew."""
    host = inspected.get("HostConfig") or {}
    modes = [host.get(kind) or "" for kind in _SHARED]
    return [mode.partition(":")[2] for mode in modes if mode.startswith("container:")]


def _followers(project: Project) -> list[dict[str, Any]]:
    """Running containers, of the project or not, that live in the network of ours."""
    running = [inspect(project.engine, entry["Id"]) for entry in project.engine.get("/containers/json")]
    return [found for found in running if found and found["State"].get("Running") and project.container["Id"] in _owners(found)]


def _abandoned(project: Project) -> list[dict[str, Any]]:
    """Running containers of the project that lived in the network of one of ours that is gone."""
    return [
        found
        for found in _dependents(project)
        if found["State"].get("Running")
        and any(owner != project.container["Id"] and inspect(project.engine, owner) is None for owner in _owners(found))
    ]


def _dependents(project: Project, condition: str = "") -> list[dict[str, Any]]:
    """Containers of the services that depend on ours. Compose notes that as service:condition:restart, with commas in between."""
    found = []
    for entry in _siblings(project.engine, project.noted.project):
        for dependency in _label(entry, "depends_on").split(","):
            if dependency.split(":")[0] == project.noted.service and dependency.endswith(condition):
                inspected = inspect(project.engine, entry["Id"])
                found += [inspected] if inspected is not None else []
    return found


# -- the states -----------------------------------------------------------------------------------------------------------------


def switched(project: Project, wish: Wish) -> dict[str, Any]:
    """The files put Open WebUI on PostgreSQL, from the next start on. The container is as it was.

    :raises Refused: with all that stands in the way, also in check mode.
    """
    project.read()
    problems = obstacles(project, wish)
    if problems:
        raise Refused(problems)
    if "DATABASE_URL" not in wish.env:
        raise refuse("compose", f"{project.name}: with these settings it would not use PostgreSQL; give DATABASE_URL in env")
    settings = project.settings(wish)
    before = texts.settings_in(project.files.settings_text) if project.files.is_ours else {}
    project.write(settings, project.override_text(wish, project.files.settings))
    return _result(project, before, settings)


def restored(project: Project) -> dict[str, Any]:
    """The files put Open WebUI on what it had before, from the next start on.

    The container whose own layer held the secret key is gone once Compose has made another, and a new one on SQLite would make up
    another key. So the key is all that stays of our settings then.
    """
    before = after = texts.settings_in(project.files.settings_text)
    if not before.get(KEY) or project.key_is_in_layer:
        after = {}
        project.clear()
    elif project.files.is_ours:
        after = {KEY: before[KEY]}
        project.write(after, project.override_text(Wish({}, [], []), project.files.settings, switched=False))
    return _result(project, before, after)


def finalized(project: Project) -> dict[str, Any]:
    """Nothing is kept for the way back alone: a project has one container, and the files of the user are as they were."""
    if not project.files.is_switched:
        raise refuse("compose", f"{project.name}: its Compose files do not put it on PostgreSQL, so there is nothing to be final about")
    settings = texts.settings_in(project.files.settings_text)
    return _result(project, settings, settings)


def started(project: Project, timeout: int) -> dict[str, Any]:
    """The container is what its files describe, and runs."""
    to_restart: list[dict[str, Any]] = []
    # Compose would make it anew if its tag has moved on, without the key in its layer and with a release that upgrades webui.db.
    if project.files.is_ours or project.files.override in project.noted.files:
        to_restart = _make(project)
    _start(project, project.container)
    if not project.check:
        for follower in _abandoned(project):
            _make_follower(project, follower)
        for dependent in to_restart:
            project.engine.post(f"/containers/{dependent['Id']}/restart", seconds=timeout + SECONDS, t=str(timeout))
    settings = texts.settings_in(project.files.settings_text) if project.files.is_ours else {}
    return _result(project, settings, settings)


def _make(project: Project) -> list[dict[str, Any]]:
    """Have the container made anew where it is not what its files describe.

    :returns: containers that the user wants restarted then ("restart: true" of a dependency).
    """
    if project.way(project.files.by_hand) is not None:
        return []
    project.changed = True
    to_restart = [found for found in _dependents(project, ":true") if found["State"].get("Running") and not _owners(found)]
    project.make(project.noted.service, name_of(project.container), project.way_of_old(project.files.by_hand))
    if project.check:
        return []
    found = find(project.engine, project.name)
    if not found:
        raise refuse("compose", f"{project.name}: Docker Compose has made no container of that name; see docker compose ps --all")
    project.container = found[0][1]
    made_from = noted(compose_of(project.container["Config"]["Labels"])).files
    if project.files.is_ours and project.files.override not in made_from:
        raise refuse(
            "compose",
            f"Docker Compose has made the container {project.name} without {project.files.override}: a COMPOSE_FILE in the environment of "
            "the connection's user, or another override file, keeps it from reading it. Add it to that list and set "
            "webui_instance_compose_override to its path.",
        )
    return to_restart


def _start(project: Project, container: dict[str, Any]) -> None:
    if not container["State"].get("Running"):
        project.changed = True
        if not project.check:
            project.engine.post(f"/containers/{container['Id']}/start")


def _make_follower(project: Project, follower: dict[str, Any]) -> None:
    """One that lived in the network of the old container gets that of the new one, and runs again."""
    project.make(_label_of(follower, "service"), name_of(follower), Way())
    anew = inspect(project.engine, name_of(follower))
    if anew is not None:
        _start(project, anew)


def _result(project: Project, before: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return {
        "changed": project.changed,
        "id": project.container["Id"],
        "name": project.name,
        "override": project.files.override,
        "settings": project.files.settings,
        "changed_settings": names,
        "warnings": project.warnings,
        "diff": {"before": _side(before, names), "after": _side(after, names, before)},
    }


def _side(settings: dict[str, str], names: list[str], earlier: dict[str, str] | None = None) -> dict[str, Any]:
    """One side of a diff: whether a setting is in our files, never its value."""
    words = {}
    for name in names:
        again = earlier is not None and name in earlier
        words[name] = "not set" if name not in settings else "set to another value" if again else "set"
    return {"settings": words}
