# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of systemd that is put on PostgreSQL by two files of ours, and the way back.

The unit itself, its other drop-ins and its env files are never touched. The order of steps is such that a run that was killed after any
of them can be repeated or taken back, and that the unit can be started in between:

============================================== ===================================================
step of the switch                             the next start uses
============================================== ===================================================
the folder of the settings, for root alone     what it used before
the settings, an env file                      what it used before: nothing refers to the file yet
the folder of the drop-in                      what it used before
the drop-in, which refers to the settings      PostgreSQL, once systemd has read its units again
systemd reads its units again                  PostgreSQL
============================================== ===================================================

The way back removes the drop-in first: systemd does not start a unit whose env file is not there.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import stat
from typing import Any, Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._files import PRIVATE, Owner, clean, drafts, remove, replace, sync, text_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.command import insist
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.command import run as run_command
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.service import OUR_FOLDER, Run, environment_without, info
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import Database, database_of, parse_env_file, secrets_in

UNITS = "/etc/systemd/system"
# It sorts after the drop-in of "systemctl edit", since of two env files the later one counts.
DROP_IN = "zz-openwebui-postgres.conf"
BOOTSTRAP = ".bootstrap"
KEY = "WEBUI_SECRET_KEY"

SETTINGS_TEXT = "# Written by openwebui.postgres.\n"
DROP_IN_TEXT = """\
# Written by openwebui.postgres: puts Open WebUI on PostgreSQL. The settings are in the env file, which only root can read.
[Service]
EnvironmentFile={settings}
UnsetEnvironment={unset}
"""

# A schema of its own needs no key, but Open WebUI insists on one. FROM_INIT_PY is what "open-webui serve" sets; without it the data folder
# would be another one.
BOOTSTRAP_ENVIRONMENT = {KEY: "of no use here", "FROM_INIT_PY": "true"}
# Peewee's migrations, up to 0.9.5, run when the database layer is imported; alembic's follow. The package's folder must not be searched for
# modules: it has some of the same names as Python itself.
BOOTSTRAP_SCRIPT = (
    '"$1" -c \'import open_webui.internal.db\' && cd "$2" && '
    'exec "$1" -c \'import sys; sys.path[:] = [path for path in sys.path if path]; '
    'from alembic.config import main; main(argv=["upgrade", "head"])\''
)
# What the bootstrap may take beyond its time, so that whoever waits for it is the one to say that it was too long.
GRACE_SECONDS = 5

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# systemd passes over an assignment that holds one of these.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SPECIAL = re.compile(r'(["\\`$])')


class Wish(NamedTuple):
    """What is to be set, and what must not be set beside it."""

    env: dict[str, str]
    remove: list[str]

    @property
    def unset(self) -> list[str]:
        """The names that the drop-in unsets."""
        return sorted(name for name in {*self.remove} if name not in self.env)


class Service:
    """A unit, the two files of ours that may be there for it, and the steps between. In check mode, steps are only noted.

    :ivar name: the unit's full name.
    :ivar found: what systemd and the service's Python said of it before the first step.
    :ivar environment: what it would have been started with then.
    :ivar changed: whether anything was done, or would have been.
    """

    def __init__(self, run: Run, unit: str, python: str, check: bool, units: str = UNITS, ours: str = OUR_FOLDER) -> None:
        self.run = run
        self.unit = unit
        self.python = python
        self.check = check
        self.changed = False
        looked = self._look()
        self.found: dict[str, Any] = looked["service"]
        self.environment: dict[str, str] = looked.get("environment", {})
        self.name: str = self.found.get("name") or (unit if posixpath.splitext(unit)[1] else f"{unit}.service")
        self.settings = posixpath.join(ours, f"{self.name}.env")
        self.drop_in = posixpath.join(units, f"{self.name}.d", DROP_IN)
        self.was = self.is_switched

    def _look(self) -> dict[str, Any]:
        return info(self.run, self.unit, self.python, True, 0)

    @property
    def is_switched(self) -> bool:
        """Whether both of our files are there."""
        return os.path.exists(self.settings) and os.path.exists(self.drop_in)

    def insist_on_unit(self) -> None:
        """:raises Refused: when systemd has no such unit."""
        if not self.found:
            raise refuse(
                "service", f"{self.unit}: systemd has no such unit, or cannot load it; correct webui_systemd_unit, see systemctl status"
            )

    # -- steps ------------------------------------------------------------------------------------------------------------------

    def make_folder(self, path: str, mode: int) -> None:
        """A folder of root's with this mode."""
        wanted = _roots(mode)
        with _refusals(path, "made"):
            state = os.stat(path) if os.path.isdir(path) else None
            if state is not None and wanted.over(_owner_of(state)) == _owner_of(state):
                return
            self.changed = True
            if self.check:
                return
            if state is None:
                os.makedirs(path, mode=mode)
                sync(os.path.dirname(path))
            if wanted.uid is not None:
                os.chown(path, 0, 0)
            os.chmod(path, mode)

    def write(self, path: str, text: str, mode: int) -> None:
        """A file of root's with this text and mode, whole at any moment."""
        wanted = _roots(mode)
        with _refusals(path, "written"):
            if _is_as(path, text, wanted):
                return
            self.changed = True
            if not self.check:
                replace(path, _encoded(text), wanted)

    def remove(self, path: str) -> None:
        """No such file, nor what a run that was killed has left beside it."""
        left = [found for found in (path, *drafts(path)) if os.path.lexists(found)]
        if not left:
            return
        self.changed = True
        if not self.check:
            with _refusals(path, "removed"):
                clean(path)
                with contextlib.suppress(FileNotFoundError):
                    remove(path)

    def remove_folder(self, path: str) -> None:
        """No such folder, if nothing is left in it."""
        with _refusals(path, "removed"):
            if not os.path.isdir(path) or os.listdir(path):
                return
            self.changed = True
            if not self.check:
                os.rmdir(path)
                sync(os.path.dirname(path))

    def reload(self) -> None:
        """Have systemd read its units again. Also where nothing was changed: the run that did so may have been killed before this."""
        if self.check:
            return
        code, words = self.run(["systemctl", "daemon-reload"])
        if code != 0:
            said = " / ".join(words.split("\n")).strip(" /") or "nothing"
            raise refuse(
                "service", f"systemctl daemon-reload failed with return code {code} and said: {said}; put that right, and run again"
            )

    # -- what has become of it ----------------------------------------------------------------------------------------------------

    def after(self, wish: Wish | None) -> tuple[dict[str, str], Database]:
        """What the next start will use: asked of systemd, or worked out in check mode where it would change.

        :param wish: what it is told by our files; None for nothing.
        """
        if not self.check or (not self.changed and self._is_read() == (wish is not None)):
            looked = self._look()
            return looked.get("environment", {}), Database(**looked["service"]["database"]) if looked["service"] else NOTHING
        env = environment_without(self.run, self.unit, self.settings, self._is_unset_by_us)
        if wish is not None:
            env = {**{name: value for name, value in env.items() if name not in wish.unset}, **wish.env}
        return env, self._database(env)

    def is_stale(self, wish: Wish) -> bool:
        """Whether it runs with other settings than these: it was started before them, and the run that wrote them may have been killed."""
        pid = self._show("MainPID")
        if not pid.isdigit() or pid == "0":
            return False
        entries = (text_of(f"/proc/{pid}/environ") or "").split("\0")
        env = dict(entry.split("=", 1) for entry in entries if "=" in entry)
        # One that has ended meanwhile, or is not to be looked at, has none.
        return bool(env) and (any(env.get(name) != value for name, value in wish.env.items()) or any(name in env for name in wish.unset))

    def _is_read(self) -> bool:
        """Whether systemd goes by our drop-in, which need not be there any more."""
        return self.drop_in in self._show("DropInPaths").split()

    def _show(self, name: str) -> str:
        """A property of the unit."""
        code, output = self.run(["systemctl", "show", "--no-pager", f"--property={name}", "--", self.unit])
        match = re.search(rf"^{name}=(.*)$", output, re.MULTILINE)
        return match[1] if code == 0 and match else ""

    def _is_unset_by_us(self, name: str) -> bool:
        text = text_of(self.drop_in)
        if text is None:
            # It is gone, and systemd has not noticed yet: what it unset was all about the database.
            return name.startswith("DATABASE_")
        return name in " ".join(re.findall(r"^UnsetEnvironment=(.*)$", text, re.MULTILINE)).split()

    def _database(self, env: dict[str, str]) -> Database:
        """Which database an environment means, with what Open WebUI reads by itself."""
        if not self.found:
            return NOTHING
        dotenv = parse_env_file(text_of(self.found["dotenv"]["path"]) or "") if self.found["dotenv"]["path"] else {}
        data = self.found["data_dir"]
        database = database_of({**dotenv, **env}, self.found["working_directory"], data)
        return database if data or database.set_by else database._replace(where="")

    def result(self, env: dict[str, str], database: Database, switched: bool) -> dict[str, Any]:
        """What the module returns."""
        old = self.environment
        names = sorted(name for name in {*old, *env} if old.get(name) != env.get(name))
        return {
            "changed": self.changed or bool(names),
            "name": self.name,
            "switched": switched,
            "settings": self.settings,
            "drop_in": self.drop_in,
            "database": database._asdict(),
            "changed_settings": names,
            "diff": {"before": _side(self.was, old, names), "after": _side(switched, env, names, old)},
        }


NOTHING = Database("other", "", [])


# -- states -----------------------------------------------------------------------------------------------------------------------


def switched(service: Service, wish: Wish) -> dict[str, Any]:
    """The next start of the service uses PostgreSQL.

    :raises Refused: also when something that systemd reads later than our drop-in says otherwise.
    """
    service.insist_on_unit()
    _refuse_settings(service, wish)
    # The settings first: a file that nothing refers to yet does no harm when a run is killed between the two.
    service.make_folder(os.path.dirname(service.settings), 0o700)
    service.remove(service.settings + BOOTSTRAP)
    service.write(service.settings, settings_text(wish.env), PRIVATE)
    service.make_folder(os.path.dirname(service.drop_in), 0o755)
    service.write(service.drop_in, DROP_IN_TEXT.format(settings=service.settings, unset=" ".join(wish.unset)), 0o644)
    service.reload()
    env, database = service.after(wish)
    # What the URL leaves open, libpq's own variables say.
    wanted = database_of({**{name: value for name, value in env.items() if name.startswith("PG")}, **wish.env}, "")
    if database.kind != "postgresql" or database.where != wanted.where:
        raise refuse(
            "service",
            f"{service.drop_in} points {service.name} at the new database, but a drop-in that comes after it still says "
            f'{", ".join(database.set_by) or "nothing"} otherwise. See "systemctl cat {service.name}".',
        )
    return {**service.result(env, database, True), "stale": service.is_stale(wish)}


def restored(service: Service) -> dict[str, Any]:
    """The next start of the service uses what it used before. Also for a unit that is not there any more: nothing of ours is left."""
    if not service.was and not os.path.lexists(service.drop_in) and not os.path.lexists(service.settings):
        service.insist_on_unit()
    folders = [os.path.dirname(service.drop_in), os.path.dirname(service.settings)]
    service.remove(service.drop_in)
    # Last: systemd does not start a unit whose env file is not there.
    service.remove(service.settings)
    service.remove(service.settings + BOOTSTRAP)
    for folder in folders:
        service.remove_folder(folder)
    service.reload()
    return service.result(*service.after(None), False)


def finalized(service: Service) -> dict[str, Any]:
    """The way back is given up: of a service, nothing is kept beside, so that there is nothing to remove."""
    service.insist_on_unit()
    return service.result(service.environment, Database(**service.found["database"]), service.was)


def bootstrapped(service: Service, wish: Wish, data_dir: str, timeout: int) -> dict[str, Any]:
    """Open WebUI has created its schema in the new database, as the service's own user and with its Python. The service is untouched.

    No secret is among the words of the command: they are in an env file that is there only as long.
    """
    service.insist_on_unit()
    _refuse_settings(service, wish)
    python = service.found["python"]
    if not python:
        raise refuse("service", f"{service.name}: the Python of its Open WebUI was not found; set webui_instance_systemd_python")
    env = {name: value for name, value in service.environment.items() if name not in wish.unset}
    env = {**env, **BOOTSTRAP_ENVIRONMENT, "DATA_DIR": data_dir or service.found["data_dir"], **wish.env}
    service.changed = True
    if not service.check:
        with _env_file(service, env) as path:
            argv = bootstrap_command(service.found, path, timeout)
            answer = run_command(argv, path, timeout)
        name = database_of(wish.env, "").where.rpartition("/")[2]
        insist(argv, answer, timeout, secrets_in(env, []), f"{python} failed to create Open WebUI's schema in {name}")
    return service.result(service.environment, Database(**service.found["database"]), service.was)


@contextlib.contextmanager
def _env_file(service: Service, env: dict[str, str]) -> Iterator[str]:
    """For a while, an env file beside the settings."""
    path = service.settings + BOOTSTRAP
    folder = os.path.dirname(path)
    service.make_folder(folder, 0o700)
    try:
        service.write(path, settings_text(env), PRIVATE)
        yield path
    finally:
        service.remove(path)
        service.remove_folder(folder)


def bootstrap_command(found: dict[str, Any], env_file: str, timeout: int) -> list[str]:
    """How systemd is asked to have Open WebUI create its schema."""
    properties = {
        "User": found["user"],
        "Group": found["group"],
        "WorkingDirectory": found["working_directory"],
        "EnvironmentFile": env_file,
        "RuntimeMaxSec": str(timeout + GRACE_SECONDS),
    }
    return [
        *("systemd-run", "--quiet", "--wait", "--pipe", "--collect"),
        *(f"--property={name}={value}" for name, value in properties.items() if value),
        *("/bin/sh", "-c", BOOTSTRAP_SCRIPT, "sh", found["python"], found["package_dir"]),
    ]


# -- the files --------------------------------------------------------------------------------------------------------------------


def settings_text(env: dict[str, str]) -> str:
    """An env file as systemd reads it: in double quotes, with what means something in them escaped."""
    lines = (f'{name}="{_SPECIAL.sub(_escaped, value)}"\n' for name, value in sorted(env.items(), key=_by_name))
    return SETTINGS_TEXT + "".join(lines)


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[1]}"


def _by_name(setting: tuple[str, str]) -> str:
    return setting[0].lower()


def _refuse_settings(service: Service, wish: Wish) -> None:
    names = [name for name in (*wish.env, *wish.remove) if not _NAME.fullmatch(name)]
    broken = sorted({*names, *(name for name, value in wish.env.items() if _CONTROL.search(value))})
    if broken:
        raise refuse(
            "service",
            f"{service.settings}: cannot hold {', '.join(broken)}: a name has letters, digits and '_', a value has no control characters",
        )
    if database_of(wish.env).kind != "postgresql":
        raise refuse("service", f"{service.name}: with these settings Open WebUI would not use PostgreSQL; give DATABASE_URL in env")


def _roots(mode: int) -> Owner:
    """What belongs to root, where the task is root's: nobody else can give anything away."""
    return Owner(mode, 0, 0) if os.geteuid() == 0 else Owner(mode)


def _owner_of(state: os.stat_result) -> Owner:
    return Owner(stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid)


def _is_as(path: str, text: str, wanted: Owner) -> bool:
    """Whether the file is what would be written."""
    if not os.path.lexists(path):
        return False
    state = os.lstat(path)
    if not stat.S_ISREG(state.st_mode):
        return False
    with open(path, "rb") as file:
        content = file.read()
    return content == _encoded(text) and wanted.over(_owner_of(state)) == _owner_of(state)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _refusals(path: str, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refuse("service", f"{path}: cannot be {done} ({error.strerror}); set ansible_become to true, or look at its folder") from None


def _side(there: bool, env: dict[str, str], names: list[str], earlier: dict[str, str] | None = None) -> dict[str, Any]:
    """One side of a diff: whether a variable is set, never its value."""
    words = {}
    for name in names:
        again = earlier is not None and name in earlier
        words[name] = "not set" if name not in env else "set to another value" if again else "set"
    return {"switched": there, "env": words}
