# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of pointing a Compose service at PostgreSQL, found without a change.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._compose import files as texts
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.cli import WAYS
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.project import Project, Wish, followers, label, label_of, siblings
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import name_of
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem

# What a rehearsal sets in the place of a secret.
TRIAL = "trial"


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
    listed = [entry for entry in siblings(project.engine, project.noted.project) if label(entry, "service") == project.noted.service]
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
    for follower in followers(project):
        name, service = name_of(follower), label_of(follower, "service")
        if label_of(follower, "project") != project.noted.project:
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
    if after is None or will_be is None:
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
