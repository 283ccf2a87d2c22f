# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a host: which Open WebUI is to be moved, how it is, and everything that stands in the way.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import posixpath
from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._desired import Desired, desired, faults
from ansible_collections.openwebui.postgres.plugins.module_utils._files import free_bytes
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.health import asker, wait
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.registry import RUNTIMES, runtime_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Instance, Runtime, either
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import NOTHING, report
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused, one_line
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import DATABASE_FILE, PORT

AUTO = "auto"
HEALTH_URL = f"http://127.0.0.1:{PORT}/health"

_NOBODY: dict[str, Any] = {"size": 0, "uid": None, "gid": None}
_UNKNOWN = "Nothing says which file Open WebUI works with. Set webui_data_dir to the data folder of Open WebUI, or webui_sqlite_path."


class Wish(NamedTuple):
    """What is to become of Open WebUI, as far as it matters to a look.

    :ivar database: the operator's variables of the new database, without a password.
    :ivar container: C(network_mode), C(networks) and C(secret_key) of a container that is still to be made.
    """

    database: dict[str, Any]
    container: dict[str, Any]
    settle_timeout: int = 60
    validate_certs: bool = True
    log_lines: int = 0
    state_dir: str = ""


class Found(NamedTuple):
    """What was found.

    :ivar instance: the one that is to be moved; None where none can be told.
    :ivar candidates: the names of several of which one has to be chosen.
    """

    instance: Instance | None
    candidates: list[str]
    problems: list[Problem]
    warnings: list[str]


def look(asked: Asked, wish: Wish) -> Found:
    """Look for the Open WebUI that is asked for, and at all that matters about it."""
    try:
        found = find(asked, wish.container)
    except Refused as refused:
        return Found(None, [], refused.problems, [])
    if len(found) > 1:
        return Found(None, _names(found), several(found).problems, [])
    ((runtime, instance),) = found
    try:
        problems = _examine(runtime, instance, wish)
    except Refused as refused:
        problems = refused.problems
    return Found(instance, [], problems, instance.pop("warnings", []))


# -- which one ------------------------------------------------------------------------------------------------------------------


def find(asked: Asked, container: dict[str, Any]) -> list[tuple[Runtime, Instance]]:
    """The one that is asked for; several of which one has to be chosen.

    :param container: C(network_mode), C(networks) and C(secret_key) of a container that is still to be made.
    :raises Refused: when there is none.
    """
    runtimes = [runtime_of(asked, name) for name in RUNTIMES if asked.runtime in (AUTO, name)]
    refusal: Refused | None = None
    # What shares an engine is looked for together, and a place is looked at where those before it hold nothing.
    for has_engine, group in itertools.groupby(runtimes, lambda runtime: runtime.capabilities.has_engine):
        members, found = list(group), []
        for runtime in members:
            try:
                found += [(runtime, instance) for instance in runtime.find()]
            except Refused as refused:
                # No engine is no failure yet: Open WebUI may run without one.
                if not has_engine:
                    raise
                refusal = refused
        maker = next((runtime for runtime in members if runtime.capabilities.can_be_made), None)
        if not found and maker is not None and asked.image and asked.data_dir:
            if refusal is not None:
                raise refusal
            found = [(maker, maker.to_be_made(container))]
        if found:
            return found
    raise Refused([Problem("instance", one_line(_another_kind(asked) or _none(runtimes, refusal)))])


def several(found: list[tuple[Runtime, Instance]]) -> Refused:
    """What to say where one of these has to be chosen."""
    return Refused([Problem("instance", one_line(found[0][0].too_many(_names(found))))])


def _names(found: list[tuple[Runtime, Instance]]) -> list[str]:
    return sorted(str(instance["name"]) for _runtime, instance in found)


def _another_kind(asked: Asked) -> str:
    """What to say where the engine has Open WebUI, but not as was asked for."""
    if asked.runtime == AUTO or not RUNTIMES[asked.runtime].capabilities.has_engine:
        return ""
    found: list[tuple[Runtime, Instance]] = []
    for runtime in (runtime_of(asked, name) for name in RUNTIMES if name != asked.runtime):
        if runtime.capabilities.has_engine:
            with contextlib.suppress(Refused):
                found += [(runtime, instance) for instance in runtime.find()]
    if not found:
        return ""
    kinds = either(list(dict.fromkeys(runtime.name for runtime, _instance in found)))
    return (
        f"{', '.join(_names(found))}: runs Open WebUI here, but {runtime_of(asked, asked.runtime).another_kind()}. Set webui_runtime to "
        f"{kinds}, or leave it out."
    )


def _none(runtimes: list[Runtime], refusal: Refused | None) -> str:
    """What to say where there is no Open WebUI at all."""
    # Of each the first, then the others: what is most likely to be wrong comes first.
    by_rank = itertools.chain.from_iterable(itertools.zip_longest(*(runtime.variables for runtime in runtimes if runtime.absence())))
    variables = [name for name in dict.fromkeys(by_rank) if name]
    correct = f"Correct {either(variables)}, set" if variables else "Set"
    return (
        f"{_nothing(runtimes, refusal)}. {correct} the webui_command_ variables, or set webui_image and webui_data_dir to have a container "
        "made for the webui.db there."
    )


def _nothing(runtimes: list[Runtime], refusal: Refused | None) -> str:
    """What was looked for, and where that could not be done, why."""
    if len(runtimes) == 1:
        return str(refusal) if refusal is not None else runtimes[0].not_found()
    engine = f" ({refusal})" if refusal is not None else ""
    if runtimes[0].asked.container_name:
        return f"{next(runtime for runtime in runtimes if runtime.capabilities.has_engine).not_found()}{engine}"
    absences = dict.fromkeys(
        f"{runtime.absence()}{engine if runtime.capabilities.has_engine else ''}" for runtime in runtimes if runtime.absence()
    )
    return f"Nothing here runs Open WebUI: {', '.join(absences)}"


# -- how it is ------------------------------------------------------------------------------------------------------------------


def _examine(runtime: Runtime, instance: Instance, wish: Wish) -> list[Problem]:
    """All that matters about it is put into the instance.

    :returns: what the runtime lacks; where that is nothing, everything else that stands in the way.
    :raises Refused: when something cannot be asked.
    """
    asked = runtime.asked
    instance.update(runtime=runtime.name, capabilities=runtime.capabilities._asdict(), health={"healthy": None, "reason": ""}, log=[])
    instance.setdefault("source", {})
    refused = [Problem("variable", message) for message in [*faults(wish.database), *_no_paths(asked, wish)]]
    if refused:
        return refused
    wanted = desired(wish.database, instance)
    instance["desired"] = _told(wanted)
    instance["database"] = {**instance["database"], "on_target": _on_target(instance)}
    # What was found never overrides what the operator says.
    instance["data_dir"] = asked.data_dir or instance["data_dir"]
    instance["sqlite_path"] = path_of(asked, instance)
    instance["health_url"] = health_url_of(asked, instance)
    instance["sqlite_exists"] = os.path.exists(instance["sqlite_path"])
    instance["free_bytes"] = {"data": free_bytes(instance["sqlite_path"]), "state": free_bytes(wish.state_dir)}
    instance["no_way_back"] = runtime.no_way_back(instance) if instance["database"]["on_target"] else []
    lacks = runtime.findings(instance)
    if lacks:
        return lacks
    if "running" not in instance:
        instance["running"] = runtime.is_running(instance)
    if wish.log_lines > 0:
        with contextlib.suppress(Refused):
            instance["log"] = runtime.log(instance, wish.log_lines)
    return [] if instance["database"]["on_target"] else _not_there_yet(runtime, instance, wish)


def _no_paths(asked: Asked, wish: Wish) -> list[str]:
    """Paths of the operator's that lead to another place for each who reads them."""
    paths = {"webui_data_dir": asked.data_dir, "webui_sqlite_path": asked.sqlite_path, "webui_state_dir": wish.state_dir}
    return [f"{name} must be an absolute path; it is {path}." for name, path in paths.items() if path and not path.startswith("/")]


def path_of(asked: Asked, instance: Instance) -> str:
    """The SQLite file, as this host names it; empty where nothing says where it is."""
    folder = asked.data_dir or instance.get("data_dir") or ""
    return asked.sqlite_path or str(instance.get("sqlite_path") or "") or (posixpath.join(folder, DATABASE_FILE) if folder else "")


def health_url_of(asked: Asked, instance: Instance) -> str:
    """Where its health can be asked for; Open WebUI's own default where nothing says so."""
    return asked.health_url or str(instance.get("health_url") or "") or HEALTH_URL


def _told(wanted: Desired) -> dict[str, Any]:
    """What is wanted, without a value that may be a secret."""
    return {
        "mode": wanted.mode,
        "by_network": wanted.by_network,
        "url_host": wanted.url_host,
        "url_port": wanted.url_port,
        "place": wanted.place,
        "driver": wanted.driver,
        "settings": sorted(wanted.env),
        "removed": wanted.removed,
        "networks": [network["name"] for network in wanted.added_networks],
    }


def _on_target(instance: Instance) -> bool:
    """Whether its next start uses the database that is asked for, and not just any on PostgreSQL. So says what it is started with."""
    used = instance["database"]
    return bool(used["kind"] == "postgresql" and used["where"] == instance["desired"]["place"])


def _not_there_yet(runtime: Runtime, instance: Instance, wish: Wish) -> list[Problem]:
    """One that is on the new database is waited for later, and never sent back. All others have to be well, and on the file to be moved."""
    unwell = _unwell(instance, wish) if instance["running"] else []
    if instance["database"]["kind"] != "sqlite":
        return [_elsewhere(runtime, instance), *unwell]
    # After it has answered, since by then it has its database open.
    instance["source"] = source_of(runtime, instance)
    found = [("source", message) for message in instance["source"]["findings"]]
    found += [("database", message) for message in instance["findings"]]
    return [*(Problem(kind, one_line(message)) for kind, message in found), *unwell]


def source_of(runtime: Runtime, instance: Instance) -> dict[str, Any]:
    """Whether the file that is to be moved is the one that Open WebUI has open, and whose it is."""
    if not instance["sqlite_path"]:
        return {**NOTHING, **_NOBODY, "findings": [] if instance["findings"] else [_UNKNOWN]}
    found = report(instance["sqlite_path"], runtime.service(instance))
    facts = _NOBODY
    with contextlib.suppress(OSError):
        stat = os.stat(found["real_path"])
        facts = {"size": stat.st_size, "uid": stat.st_uid, "gid": stat.st_gid}
    return {**found, **facts}


def _elsewhere(runtime: Runtime, instance: Instance) -> Problem:
    where = instance["database"]["where"] or "another database"
    message = f"Open WebUI already uses {where}, not SQLite. If that is the database you mean, set the webui_database_ variables to it"
    return Problem("database", one_line(message + (runtime.how_to_choose or ".")))


def _unwell(instance: Instance, wish: Wish) -> list[Problem]:
    """Patience for one that has been started a moment ago, by a run that was killed then."""
    url = instance["health_url"]
    try:
        answer = wait(asker(url, wish.validate_certs), wish.settle_timeout)
        instance["health"] = {"healthy": answer.healthy, "reason": answer.reason}
    except Refused as refused:
        instance["health"] = {"healthy": False, "reason": str(refused)}
    if instance["health"]["healthy"]:
        return []
    reason = instance["health"]["reason"]
    message = f"Open WebUI runs, but {url} does not answer with 200 ({reason}). Correct webui_health_url, or heal Open WebUI first."
    return [Problem("health", one_line(message))]
