# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Open WebUI brought to rest, so that its SQLite file can be read, and one brought into service, whatever runs it.

Nothing is written for that, on either way: whoever is killed while it waits leaves an Open WebUI that is down or starting, and the same
call again goes on from there.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Callable, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._instance import connected, health
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.info import find, health_url_of, several
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Instance, Life, Runtime
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Noted, report
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Service as Process
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused, one_line, refuse

# Users wait for what is between two looks, and a look costs next to nothing.
PAUSE = 0.25
# Whether it still lives is asked less often: that may be a command of the operator's.
BETWEEN_LOOKS = 1.0
# A start that fails may be a server that was not there yet. One that fails so often in a row is none.
RESTARTS = 3

# Tells of the SQLite file what _instance/source.py reports; given whether Open WebUI runs, and the file as it was.
Look = Callable[[bool, "Noted | None"], "dict[str, Any]"]


class Clock(NamedTuple):
    """What time it is, and how to let some pass.

    :ivar now: seconds from wherever; never set back.
    :ivar date: seconds since 1970, for reports.
    """

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    date: Callable[[], float] = time.time


CLOCK = Clock()


class Unwell(Refused):
    """One that was started and does not come, with the last lines of its log."""

    def __init__(self, sentence: str, log: list[str]) -> None:
        said = ["Its last lines:", *map(one_line, log)] if log else []
        super().__init__([Problem("health", one_line(sentence)), *(Problem("log", line) for line in said)])

    def __str__(self) -> str:
        return "\n".join(problem.message for problem in self.problems)


# -- which one ------------------------------------------------------------------------------------------------------------------


def the_one(asked: Asked) -> tuple[Runtime, Instance]:
    """The one Open WebUI that is asked for, C(missing) where it is still to be made.

    Where an earlier look has told runtime and name, this asks nothing but that one.

    :raises Refused: when there is none, or more than one.
    """
    found = find(asked, {})
    if len(found) > 1:
        raise several(found)
    return found[0]


def named(asked: Asked, name: str) -> Asked:
    """What is asked for, as the one of this name that an earlier look has found."""
    return asked._replace(container_name=name, unit=name) if name else asked


def looker(runtime: Runtime, instance: Instance, path: str) -> Look:
    """Looks at the SQLite file as webui_info does. What runs Open WebUI is asked once before a stop, and once after."""
    services: dict[bool, Process] = {}

    def look(running: bool, noted: Noted | None) -> dict[str, Any]:
        if running not in services:
            url = health_url_of(runtime.asked, instance)
            services[running] = runtime.service({**instance, "running": running, "health_url": url})
        return report(path, services[running], noted)

    return look


# -- at rest --------------------------------------------------------------------------------------------------------------------


class Rest(NamedTuple):
    """How it is to be brought to rest.

    :ivar path: the SQLite file, as this host names it; empty where it is not known, because it plays no part any more.
    :ivar noted: the file as it was while Open WebUI ran on it; None where no earlier look has seen it.
    :ivar settle_timeout: for how many seconds others may have it open after the stop.
    """

    path: str
    noted: Noted | None = None
    settle_timeout: float = 60


def at_rest(
    runtime: Runtime, instance: Instance, wish: Rest, look: Look, check: bool, so_far: dict[str, Any], clock: Clock = CLOCK
) -> dict[str, Any]:
    """Stop it where it runs, and wait until nothing holds its SQLite file open.

    :param so_far: filled in with what has come of it, also where it is refused.
    :raises Refused: when it cannot be stopped, when the file is still in use, and when it is not the one from before.
    """
    running = runtime.is_running(instance)
    so_far.update(changed=running, was_running=running, stopped_at=None, at_rest_at=None, source={})
    if check:
        so_far["source"] = look(running, wish.noted) if wish.path else {}
        return so_far
    noted = wish.noted
    if running:
        if noted is None and wish.path and is_on_sqlite(instance):
            noted = noted_in(look(True, None))
        so_far["stopped_at"] = clock.date()
        runtime.stop(instance)
    if wish.path:
        so_far["source"] = _settled(wish, look, noted, clock)
        _insist_on_rest(runtime, instance, wish, so_far["source"], noted)
    elif runtime.is_running(instance):
        raise _runs_again()
    so_far["at_rest_at"] = clock.date()
    return so_far


def is_on_sqlite(instance: Instance) -> bool:
    """Whether it works on a SQLite file, so far as its settings tell."""
    return bool((instance.get("database") or {}).get("kind", "sqlite") == "sqlite")


def noted_in(source: dict[str, Any]) -> Noted | None:
    """The file that a look has found; None when there was none."""
    return Noted(source["real_path"], source["device"], source["inode"]) if source.get("real_path") else None


def _settled(wish: Rest, look: Look, noted: Noted | None, clock: Clock) -> dict[str, Any]:
    """The file, once nobody has it open, or as it was when the time was up."""
    deadline = clock.now() + wish.settle_timeout
    while True:
        source = look(False, noted)
        if not source["in_use"] or clock.now() >= deadline:
            return source
        clock.pause(PAUSE)


def _insist_on_rest(runtime: Runtime, instance: Instance, wish: Rest, source: dict[str, Any], noted: Noted | None) -> None:
    # Also where its file is free for the moment: what has started it again will have it open the next one.
    if runtime.is_running(instance):
        raise _runs_again()
    if source["in_use"]:
        holders = ", ".join(str(holder["command"]) for holder in source["holders"]) or "holder unknown"
        raise refuse("in_use", f"Open WebUI was stopped, but {wish.path} is still open ({holders}). End that process{runtime.how_to_end}.")
    # On the way back from PostgreSQL none was noted: the file plays no part yet. Otherwise what cannot be seen is not known to rest.
    if source["findings"] and (noted is not None or is_on_sqlite(instance)):
        raise Refused([Problem("source", one_line(finding)) for finding in source["findings"]])


def _runs_again() -> Refused:
    return refuse(
        "running",
        "Open WebUI was stopped, but runs again. See to it that nothing starts it, such as a timer, a socket of systemd, an updater of "
        "containers or a cluster manager, and run again.",
    )


# -- serving --------------------------------------------------------------------------------------------------------------------


class Service(NamedTuple):
    """How it is to be in service.

    :ivar start: whether it is started where it does not run.
    :ivar timeout: for how many seconds its health is waited for.
    :ivar connection: the connection options of a module; None where the server is not asked.
    :ivar expected_revision: the alembic revision that it has to be on; empty where any will do.
    :ivar connect_timeout: for how many seconds a connection of one that is healthy is waited for.
    :ivar log_lines: how many lines of its log are told of one that does not come.
    :ivar sqlite_path: what the expected revision is that of, for messages.
    """

    start: bool = True
    timeout: float = 180
    validate_certs: bool = True
    connection: dict[str, Any] | None = None
    expected_revision: str = ""
    connect_timeout: float = 60
    log_lines: int = 20
    sqlite_path: str = ""


def serving(
    runtime: Runtime, instance: Instance, wish: Service, check: bool, so_far: dict[str, Any], clock: Clock = CLOCK
) -> dict[str, Any]:
    """Start it where it does not run, and wait until it is healthy and connected.

    :param so_far: filled in with what has come of it, also where it is refused.
    :raises Unwell: when it does not come, with the last lines of its log.
    :raises Refused: when it cannot be started, and when it comes with another database or revision.
    """
    running = runtime.is_running(instance)
    to_start = wish.start and not running
    so_far.update(changed=to_start, started=False, running=running, started_at=None, serving_at=None)
    so_far.update(health={"url": "", "healthy": False, "status": 0, "reason": ""}, connections=None, revision=None)
    if instance.get("missing"):
        # One that is still to be made. There is nothing to start, and nothing to wait for.
        so_far["changed"] = False
        return so_far
    patient = _Patient(runtime, instance, wish, clock, so_far)
    if check:
        if running:
            patient.ask_once()
        return so_far
    # A connection that was there before the start would prove nothing about it. Where nothing was started, any will do.
    since = clock.now() if to_start else None
    if to_start:
        so_far["started_at"] = clock.date()
        runtime.start(instance)
        so_far["started"] = so_far["running"] = True
    patient.begin()
    patient.wait()
    if wish.connection is not None:
        _insist_on_database(runtime, wish, patient, since, so_far)
    so_far["serving_at"] = clock.date()
    return {**so_far, "warnings": instance.get("warnings", [])}


def _insist_on_database(runtime: Runtime, wish: Service, patient: _Patient, since: float | None, so_far: dict[str, Any]) -> None:
    options = wish.connection or {}
    try:
        found = connected.wait_connected(options, patient.ask_living, since, wish.connect_timeout)
        so_far.update(found._asdict())
        if not found.connections:
            who = f"{options['login_user']} to {options['login_db']}"
            raise refuse("connected", f"the server sees no connection of {who}, though {patient.url} answers")
    except Unwell:
        raise
    except Refused as refused:
        raise refuse(
            "connected",
            f"Open WebUI is healthy, but {refused}. Make sure that nothing else sets DATABASE_ variables for Open "
            f"WebUI{runtime.how_to_connect}.",
        ) from None
    if wish.expected_revision and found.revision != wish.expected_revision:
        raise refuse(
            "revision",
            f"Open WebUI has taken {options['login_db']} to revision {found.revision or 'none'}, but {wish.sqlite_path or 'webui.db'} is "
            f"at {wish.expected_revision}. Make sure that the release of Open WebUI that ran before is started again.",
        )


class _Patient:
    """One that is waited for: where it answers, and whether it still lives."""

    def __init__(self, runtime: Runtime, instance: Instance, wish: Service, clock: Clock, so_far: dict[str, Any]) -> None:
        self.runtime = runtime
        self.instance = instance
        self.wish = wish
        self.clock = clock
        self.so_far = so_far
        self.url = health_url_of(runtime.asked, instance)
        self._ask = health.asker(self.url, wish.validate_certs)
        self._is_found = bool(runtime.asked.health_url)
        self._was_up = False
        self._downs = 0
        self._restarts: list[int] = []
        self._next_look = 0.0

    def begin(self) -> None:
        """Note how it is at first, right after the start."""
        self._find_again()
        self._look()

    def ask_once(self) -> health.Answer:
        """How it is now."""
        answer = self._ask()
        self.so_far["health"] = {"url": self.url, **answer._asdict(), "healthy": answer.healthy}
        return answer

    def wait(self) -> None:
        """Wait until it is healthy.

        :raises Unwell: when it is not in time, or will not be.
        """
        deadline = self.clock.now() + self.wish.timeout
        while True:
            answer = self.ask_once()
            if answer.healthy:
                # What answers may be something else at the same address.
                self._look()
                if not self._downs:
                    return
            elif self.clock.now() >= deadline:
                late = f"{self.url} did not answer with 200 within {self.wish.timeout:g} seconds ({answer.reason})"
                raise self._unwell(f"Open WebUI was started, but {late}", "; raise webui_health_timeout if it only takes longer")
            elif self.clock.now() >= self._next_look:
                self._look()
            self.clock.pause(PAUSE)

    def ask_living(self) -> health.Answer:
        """Have it use its database.

        :raises Unwell: when it has ended meanwhile.
        """
        if self.clock.now() >= self._next_look:
            self._look()
        return self.ask_once()

    def _find_again(self) -> None:
        """A container that has been started may have another address than before."""
        if self.runtime.asked.health_url:
            return
        # One that cannot be looked for at this moment is looked for again.
        with contextlib.suppress(Refused):
            found = [each for each in self.runtime.find() if each.get("name") == self.instance.get("name")]
            if found:
                self.instance = found[0]
                url = str(found[0].get("health_url") or "")
                self._is_found = bool(url) or not self.runtime.capabilities.has_engine
                if url and url != self.url:
                    self._ask = health.asker(url, self.wish.validate_certs)
                    self.url = url

    def _look(self) -> None:
        """See whether there is any use in waiting."""
        self._next_look = self.clock.now() + BETWEEN_LOOKS
        try:
            life = self.runtime.life(self.instance)
        except Refused:
            # An engine that is being restarted says nothing of what it runs. The time that there is decides then.
            return
        self.so_far["running"] = life.up
        self._judge(life)
        is_new = bool(self._restarts) and life.restarts != self._restarts[-1]
        self._restarts.append(life.restarts)
        if is_new or not self._is_found:
            self._find_again()

    def _judge(self, life: Life) -> None:
        self._was_up = self._was_up or life.up
        # Where nobody knows its end, it may not have begun yet. And what is down at one look alone is being started again.
        is_down = not life.up and bool(life.end or self._was_up)
        self._downs = self._downs + 1 if is_down else 0
        if self._downs > 1:
            how = f" ({life.end})" if life.end else ""
            began = self._was_up or self.so_far["started"]
            raise self._unwell(f"Open WebUI was started, but has ended again{how}" if began else f"Open WebUI does not run{how}")
        again = life.restarts - self._restarts[0] if self._restarts else 0
        if again >= RESTARTS:
            raise self._unwell(f"Open WebUI was started, but keeps ending, and was started anew {again} times meanwhile")

    def _unwell(self, sentence: str, advice: str = "") -> Unwell:
        log: list[str] = []
        # What is wrong is said also where the log cannot be had.
        with contextlib.suppress(Refused):
            log = self.runtime.log(self.instance, self.wish.log_lines) if self.wish.log_lines > 0 else []
        return Unwell(f"{sentence}. See what its log says{advice}.", log)
