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

from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._compose import files as texts
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.cli import Way
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.files import noted
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.obstacles import obstacles
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.project import (
    KEY,
    Project,
    Wish,
    abandoned,
    dependents,
    label_of,
    owners,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import compose_of, find, inspect, name_of
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import SECONDS
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse


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
        for follower in abandoned(project):
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
        _insist_on_our_file(project)
        return []
    project.changed = True
    to_restart = [found for found in dependents(project, ":true") if found["State"].get("Running") and not owners(found)]
    project.make(project.noted.service, name_of(project.container), project.way_of_old(project.files.by_hand))
    if project.check:
        return []
    found = find(project.engine, project.name)
    if not found:
        raise refuse("compose", f"{project.name}: Docker Compose has made no container of that name; see docker compose ps --all")
    project.container = found[0][1]
    _insist_on_our_file(project)
    return to_restart


def _insist_on_our_file(project: Project) -> None:
    made_from = noted(compose_of(project.container["Config"]["Labels"])).files
    if project.files.is_ours and project.files.override not in made_from:
        raise refuse(
            "compose",
            f"Docker Compose has made the container {project.name} without {project.files.override}: a COMPOSE_FILE in the environment of "
            "the connection's user, or another override file, keeps it from reading it. Add it to that list and set "
            "webui_instance_compose_override to its path.",
        )


def _start(project: Project, container: dict[str, Any]) -> None:
    if not container["State"].get("Running"):
        project.changed = True
        if not project.check:
            project.engine.post(f"/containers/{container['Id']}/start")


def _make_follower(project: Project, follower: dict[str, Any]) -> None:
    """One that lived in the network of the old container gets that of the new one, and runs again."""
    project.make(label_of(follower, "service"), name_of(follower), Way())
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
