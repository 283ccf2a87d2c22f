# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the file that is to be moved is the one that the running Open WebUI has open.

It is when file, folder and name are the same, by device and inode, seen from here and by Open WebUI's own processes with their own
mounts. The folder counts because SQLite keeps its log there: a file that is mounted alone into a container, or that has a second name,
has its log elsewhere. What cannot be seen is not guessed.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import Any, Callable, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import inspect, name_of
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.storage import Storage, below
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.service import RUNNING
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Holder, holders
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.location import Location, locate
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.open_files import (
    Hidden,
    Open,
    command,
    databases,
    has_mounts_as_here,
    identity_of,
    in_control_group,
    is_of_container,
    listening_at,
    processes,
    see,
    with_mounts_of,
)

OPEN = "open"
PATH = "path"
NONE = "none"

# What there is to say of a file that is not known.
NOTHING: dict[str, Any] = {
    "exists": False,
    "real_path": "",
    "log_path": "",
    "device": 0,
    "inode": 0,
    "in_use": False,
    "holders": [],
    "evidence": NONE,
    "findings": [],
}

# Open WebUI's vector database is a SQLite file as well, and none of ours.
_VECTORS = "chroma.sqlite3"
# A health URL with these leads to a process on this very host.
_HERE = ("localhost", "127.0.0.1", "[::1]", "0.0.0.0")
_PROPERTIES = ("ActiveState", "MainPID", "ControlGroup", "RuntimeDirectory", "RuntimeDirectoryPreserve")
# Runs a command and returns its exit code and what it printed.
Run = Callable[[list[str]], tuple[int, str]]


class Service(NamedTuple):
    """The Open WebUI that runs, as its runtime knows it.

    :ivar name: for messages, at the beginning of a sentence.
    :ivar pids: its processes; None where the runtime does not know them.
    :ivar inside: the file that its settings name, as its processes see it; empty where that is not known.
    :ivar port: where it listens on this host, 0 where that is not known.
    :ivar hidden: why its processes cannot be seen; empty where they can.
    :ivar fleeting: folders that are there only as long as it runs.
    :ivar why_not: why its file is nowhere on the host; empty where it is.
    :ivar on_host: where this host has the file that its settings name, also while it does not run; empty where that is not known.
    :ivar log_elsewhere: the log of that file is not beside it on this host.
    """

    name: str
    running: bool
    pids: tuple[int, ...] | None = None
    inside: str = ""
    port: int = 0
    hidden: str = ""
    fleeting: tuple[str, ...] = ()
    why_not: str = ""
    on_host: str = ""
    log_elsewhere: bool = False


class Noted(NamedTuple):
    """The file as an earlier look found it."""

    real_path: str
    device: int
    inode: int


# -- what runs ------------------------------------------------------------------------------------------------------------------


def of_container(engine: Engine, name: str, inside: str) -> Service:
    """The Open WebUI in a container."""
    inspected = inspect(engine, name) or {}
    if not inspected:
        return Service(f"The container {name}", False, ())
    called = f"The container {name_of(inspected)}"
    storage = Storage(engine, inspected)
    file = storage.real(inside) if inside else ""
    on_host = storage.on_host(file) if file else ""
    pid = int(inspected["State"].get("Pid") or 0)
    service = Service(
        called,
        bool(inspected["State"].get("Running")),
        (),
        inside,
        fleeting=tuple(storage.fleeting()),
        why_not=storage.why_not(file) if file else "",
        on_host=on_host,
        log_elsewhere=bool(on_host) and storage.on_host(f"{file}-wal") != f"{on_host}-wal",
    )
    if not service.running:
        return service
    if not pid or not is_of_container(pid, inspected["Id"]):
        return service._replace(
            hidden=f"{called} has processes that cannot be seen from here, so neither can which file it has open. Run on the host of its "
            "engine itself, as root (ansible_become): not in a container, and not beside a virtual machine with the engine in it."
        )
    return _with_processes(service, lambda: with_mounts_of(pid))


def of_unit(run: Run, unit: str, inside: str) -> Service:
    """The Open WebUI that a unit of systemd runs."""
    code, output = run(["systemctl", "show", "--no-pager", *(f"--property={name}" for name in _PROPERTIES), "--", unit])
    facts = dict(line.split("=", 1) for line in output.splitlines() if "=" in line) if code == 0 else {}
    pid, group = int(facts.get("MainPID") or 0), facts.get("ControlGroup") or ""
    # Removed at a stop, unless it is said otherwise.
    folders = facts.get("RuntimeDirectory", "").split() if facts.get("RuntimeDirectoryPreserve", "no") == "no" else []
    running = facts.get("ActiveState") in RUNNING
    service = Service(unit, running, (), inside, on_host=inside, fleeting=tuple(posixpath.join("/run", folder) for folder in folders))
    return _with_processes(service, lambda: _of_unit(pid, group)) if running else service


def _of_unit(pid: int, group: str) -> list[int]:
    """The main process first, where there is one."""
    main = [pid] if pid else []
    return main + [other for other in (in_control_group(group) if group else []) if other != pid]


def _with_processes(service: Service, find: Callable[[], list[int]]) -> Service:
    try:
        return service._replace(pids=tuple(find()))
    except Hidden:
        return service._replace(hidden=_become(service.name))


def of_commands(running: bool, inside: str, health_url: str) -> Service:
    """The Open WebUI that the operator's own commands start and stop."""
    match = re.match(r"(https?)://(\[[^\]]*\]|[^/:?#]*)(?::(\d+))?", health_url)
    port = int(match[3] or (443 if match[1] == "https" else 80)) if match is not None and match[2] in _HERE else 0
    return Service("Open WebUI", running, None, inside, port, on_host=inside if inside.startswith("/") else "")


def _become(name: str) -> str:
    if os.geteuid() == 0:
        return (
            f"{name} runs as another user, so which file it has open cannot be seen, though root asks: the capability CAP_SYS_PTRACE is "
            "missing here. Run on the host itself, or add it to the container that Ansible connects to."
        )
    return f"{name} runs as another user, so which file it has open cannot be seen. Set ansible_become to true."


# -- which file it has open -----------------------------------------------------------------------------------------------------


def report(path: str, service: Service, noted: Noted | None = None) -> dict[str, Any]:
    """What there is to say of the file, with everything that speaks against moving it.

    :param noted: the file as it was before Open WebUI was stopped.
    """
    try:
        location = locate(path)
        users = holders(location.real)
    except Refused as refused:
        return {**NOTHING, "exists": os.path.exists(path), "findings": _missing(path, service, noted, str(refused))}
    except OSError as error:
        return {**NOTHING, "exists": True, "findings": [f"{path}: cannot be read ({error.strerror}). Set ansible_become to true."]}
    evidence, findings = _evidence(location, service, users) if service.running else (NONE, _at_rest(location, service))
    return {
        "exists": True,
        "real_path": location.real,
        "log_path": location.wal,
        "device": location.device,
        "inode": location.inode,
        "in_use": bool(users),
        "holders": [user._asdict() for user in users],
        "evidence": evidence,
        "findings": [*findings, *_changed(location, noted)],
    }


def _missing(path: str, service: Service, noted: Noted | None, refusal: str) -> list[str]:
    if noted is not None:
        return [
            f"{path} was there before Open WebUI was stopped and cannot be read any more ({refusal}). What it lies on seems to be there "
            "only while Open WebUI runs: mount it on the host yourself, so that it stays, and set webui_data_dir to the folder there."
        ]
    first = refusal
    if not os.path.lexists(path) and os.path.realpath(path) == os.path.abspath(path):
        first = f"There is no {path}. Set webui_data_dir to the data folder of Open WebUI, or webui_sqlite_path."
    if not service.running or not service.pids:
        return [first]
    try:
        others = _named([entry for entry in _opened(service) if not entry.deleted])
    except Hidden:
        others = ""
    instead = f"{service.name} has {others} open{_as_it_sees(service)}." if others else ""
    return [line for line in (first, instead, service.why_not) if line]


def _changed(location: Location, noted: Noted | None) -> list[str]:
    if noted is None or noted == (location.real, *location.identity):
        return []
    return [
        f"{location} is another file than before Open WebUI was stopped, when it was {noted.real_path} (device {noted.device}, inode "
        f"{noted.inode}). Something moves or mounts files when Open WebUI stops; see to it that the file stays."
    ]


def _evidence(location: Location, service: Service, users: list[Holder]) -> tuple[str, list[str]]:
    """How it is known that the file is in use by Open WebUI, and what speaks against it."""
    lost = [folder for folder in service.fleeting if below(location.real, os.path.realpath(folder))]
    if lost or below(location.real, "/proc"):
        return NONE, [
            f"{location.real} is there only while Open WebUI runs, so nothing could be read after the stop. Mount the same on the host "
            "yourself, so that it stays, and set webui_data_dir to the folder there."
        ]
    if service.hidden:
        return NONE, [service.hidden]
    try:
        if service.pids is None:
            return _evidence_of_anybody(location, service, users)
        return _evidence_of(location, service)
    except Hidden:
        return _evidence_of_lock(location, service, users)


def _evidence_of_lock(location: Location, service: Service, users: list[Holder]) -> tuple[str, list[str]]:
    """Also of processes that are not shown, the kernel tells the mounts, and who has a lock on a file, as all have in WAL mode."""
    owners = [user.pid for user in users if user.pid and (service.pids is None or user.pid in service.pids)]
    # With one name and the same mounts there is one place only where its log can be.
    one_name = os.stat(location.real).st_nlink == 1
    if owners and one_name and all(has_mounts_as_here(pid, location.real) for pid in owners):
        return OPEN, []
    return NONE, [_become(service.name)]


def _at_rest(location: Location, service: Service) -> list[str]:
    """What settings and mounts say where there is no process to ask."""
    try:
        named = identity_of(service.on_host) if service.on_host else None
    except Hidden:
        named = None
    if named is None:
        return []
    if named != location.identity:
        return _not_ours(location, service, service.on_host, seen="")
    return [_log_elsewhere(location, service, service.inside)] if service.log_elsewhere else []


def _log_elsewhere(location: Location, service: Service, name: str) -> str:
    return (
        f"{service.name} has {location} as {name}, and SQLite keeps its log beside that, which is not beside {location.real}: rows in the "
        "log could not be seen. Mount the whole folder instead of the file alone, and see that the file has one name only."
    )


def _evidence_of(location: Location, service: Service) -> tuple[str, list[str]]:
    """Where the processes are known."""
    opened = _opened(service)
    names = {os.path.basename(location.real), posixpath.basename(service.inside)}
    stale = [entry for entry in opened if entry.deleted and posixpath.basename(entry.name) in names]
    if stale:
        return NONE, [
            f"{service.name} has a file open that is not at {stale[0].name} any more: it was moved, removed or replaced after the start, "
            "and all that was written since is in the old one. Restart Open WebUI, see whether its data is right, and run again."
        ]
    ours = [entry for entry in opened if entry.identity == location.identity]
    if ours:
        return _judge(location, service, ours)
    # SQLite's own temporary files have no name from the start.
    others = [entry for entry in opened if not entry.deleted]
    if others:
        return NONE, _not_ours(location, service, _named(others))
    return _evidence_of_path(location, service)


def _opened(service: Service) -> list[Open]:
    found = {entry for pid in service.pids or () for entry in databases(pid)}
    return sorted(entry for entry in found if posixpath.basename(entry.name) != _VECTORS)


def _judge(location: Location, service: Service, ours: list[Open]) -> tuple[str, list[str]]:
    """Of those that have the file open: whether they have it where we have it."""
    for entry in ours:
        folder = identity_of(f"{os.path.dirname(location.real)}")
        seen = see(entry.pid, entry.name)
        if (posixpath.basename(entry.name), seen.folder) != (os.path.basename(location.real), folder):
            return NONE, [_log_elsewhere(location, service, entry.name)]
    return OPEN, []


def _evidence_of_path(location: Location, service: Service) -> tuple[str, list[str]]:
    """No descriptor is open at this moment. What the path means to the process says as much."""
    if not service.inside or not service.pids:
        return NONE, [f"{service.name} runs, but has no SQLite file open, and nothing says which one it works with. Set webui_sqlite_path."]
    seen = see(service.pids[0], service.inside)
    if seen.identity != location.identity:
        return NONE, _not_ours(location, service, seen.path)
    if (posixpath.basename(seen.path), seen.folder) == (os.path.basename(location.real), identity_of(os.path.dirname(location.real))):
        return PATH, []
    return _judge(location, service, [Open(service.pids[0], seen.path, location.identity, False)])


def _not_ours(location: Location, service: Service, others: str, seen: str | None = None) -> list[str]:
    if seen is None:
        # A unit may have mounts of its own as well: then the same path means two files.
        seen = " (as it sees it, with its own mounts)" if others == location.real else _as_it_sees(service)
    line = f"{service.name} works with {others}{seen}, and not with {location}. Set webui_sqlite_path to the file in use."
    return [line, service.why_not] if service.why_not else [line]


def _as_it_sees(service: Service) -> str:
    return " (as it sees it)" if service.name.startswith("The container") else ""


def _named(opened: list[Open]) -> str:
    return ", ".join(dict.fromkeys(entry.name for entry in opened))


def _evidence_of_anybody(location: Location, service: Service, users: list[Holder]) -> tuple[str, list[str]]:
    """Where only the file tells who works with it."""
    # What answers may be a proxy, which has no such file; with one, it is Open WebUI itself.
    names = {os.path.basename(location.real), posixpath.basename(service.inside), "webui.db"}
    answering = [entry for pid in (listening_at(service.port) if service.port else []) for entry in databases(pid)]
    answering = [entry for entry in answering if entry.identity == location.identity or posixpath.basename(entry.name) in names]
    if answering:
        return _evidence_of(location, service._replace(pids=tuple(sorted({entry.pid for entry in answering}))))
    pids = [user.pid for user in users if user.pid]
    ours = [entry for pid in pids for entry in databases(pid) if entry.identity == location.identity]
    if ours:
        return _judge(location, service, ours)
    if users:
        return NONE, [f"{location} is in use by a process that cannot be seen from this host. Run where Open WebUI runs."]
    return NONE, [_nobody(location, service)]


def _nobody(location: Location, service: Service) -> str:
    others = []
    for pid in processes():
        try:
            others += databases(pid, os.path.basename(location.real))
        except Hidden:
            continue
    instead = "; ".join(f"{command(entry.pid)} (pid {entry.pid}) has {entry.name} open" for entry in others[:3])
    or_become = "" if os.geteuid() == 0 else ", or ansible_become to true if it runs as another user"
    return (
        f"Open WebUI runs, but nothing that can be seen from here has {location} open{f' ({instead})' if instead else ''}. Set "
        f"webui_data_dir or webui_sqlite_path to the file in use{or_become}."
    )
