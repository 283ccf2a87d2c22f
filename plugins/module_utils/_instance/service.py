# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Open WebUI that systemd runs, as pip and uv install it: what its unit says, and what its own Python says.

Nothing of Open WebUI is imported for that, since importing it upgrades its database.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import glob
import json
import os
import posixpath
import pwd
import re
import shlex
from typing import Any, Callable, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._files import text_of
from ansible_collections.openwebui.postgres.plugins.module_utils._last_words import LOOKED_AT, last_words
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import (
    DATABASE_FILE,
    KEY_FILE,
    KEY_NAMES,
    PORT,
    Database,
    data_dir,
    database_of,
    masked,
    other_file,
    parse_env_file,
    secrets_in,
)

# Runs a command and returns its exit code and what it printed.
Run = Callable[..., "tuple[int, str]"]

# Where the roles keep the settings that put a service on PostgreSQL.
OUR_FOLDER = "/etc/openwebui-postgres"

_PROPERTIES = (
    *("Id", "LoadState", "ActiveState", "User", "Group", "WorkingDirectory"),
    *("Environment", "EnvironmentFiles", "UnsetEnvironment", "ExecStart"),
)
RUNNING = ("active", "activating", "reloading", "refreshing", "deactivating")
# A script is a few lines; what is longer is a program.
_LONGEST_SCRIPT = 65536
_SHEBANG = re.compile(r"#!\s*(?P<path>/\S*python[0-9.]*)\s")
# What pip and uv write where the path is too long for the first line.
_LONG_SHEBANG = re.compile(r"#!\s*/bin/sh\n'''exec'\s+['\"]?(?P<path>/[^'\"\n]*?python[0-9.]*)['\"]?\s")

# find_spec() alone runs no code of the package that it looks for.
_ASK_PYTHON = """
import importlib.metadata, importlib.util, json, os, sys
sys.path[:] = [path for path in sys.path if path]
spec = importlib.util.find_spec("open_webui")
try:
    version = importlib.metadata.version("open-webui")
except importlib.metadata.PackageNotFoundError:
    version = ""
print(json.dumps({
    "package": os.path.dirname(spec.origin) if spec and spec.origin else "",
    "version": version,
    "drivers": [name for name in ("psycopg2", "psycopg") if importlib.util.find_spec(name)],
}))
"""


def info(run: Run, unit: str, python: str, tell_environment: bool, log_lines: int, sqlite_path: str = "") -> dict[str, Any]:
    """What a unit runs, and its environment where that is asked for.

    :param run: runs a command, given as a list, as the user ``user`` if one is named, with ``environment`` added to its own.
    :param sqlite_path: the file that is to be moved, where somebody has said so.
    """
    properties = _show(run, unit)
    if properties.get("LoadState") != ["loaded"]:
        return {"service": {}}
    env = _environment_of(properties)
    result: dict[str, Any] = {"service": _describe(run, properties, env, python, log_lines, sqlite_path)}
    if tell_environment:
        result["environment"] = env
    return result


def _show(run: Run, unit: str) -> dict[str, list[str]]:
    """The unit's properties. One that is listed, such as the env files, comes once for each entry."""
    code, output = run(["systemctl", "show", "--no-pager", *(f"--property={name}" for name in _PROPERTIES), "--", unit])
    found: dict[str, list[str]] = {}
    if code == 0:
        for line in output.splitlines():
            name, equals, value = line.partition("=")
            if equals and value:
                found.setdefault(name, []).append(value)
    return found


def _environment_of(properties: dict[str, list[str]]) -> dict[str, str]:
    files = env_files(properties.get("EnvironmentFiles", []))
    return environment(properties.get("Environment", []), files, properties.get("UnsetEnvironment", []))


def _environment_before(properties: dict[str, list[str]]) -> dict[str, str]:
    """What the service was started with before it was put on PostgreSQL: without our own file, and what that has unset."""
    files = [path for path in env_files(properties.get("EnvironmentFiles", [])) if posixpath.dirname(path) != OUR_FOLDER]
    return environment(properties.get("Environment", []), files, [])


def _describe(
    run: Run, properties: dict[str, list[str]], unit_env: dict[str, str], python: str, log_lines: int, sqlite_path: str
) -> dict[str, Any]:
    def first(name: str) -> str:
        return properties.get(name, [""])[0]

    user = first("User") or "root"
    folder = _working_directory(first("WorkingDirectory"), user)
    command = _command(first("ExecStart"), unit_env)
    interpreter = python or _python_of(command)
    told = _ask(run, interpreter, user, unit_env.get("PYTHONPATH", ""))
    dotenv = _dotenv(told["package"])
    env = {**dotenv["environment"], **unit_env}
    data = data_dir(env, folder, _default_data_dir(told["package"]))
    database = _database(env, data, folder)
    before = _database({**dotenv["environment"], **_environment_before(properties)}, data, folder)
    return {
        "name": first("Id"),
        "runtime": "systemd",
        "running": first("ActiveState") in RUNNING,
        "status": first("ActiveState"),
        "user": user,
        "group": first("Group"),
        "working_directory": folder,
        "environment_files": env_files(properties.get("EnvironmentFiles", [])),
        "exec": command[0] if command else "",
        "python": interpreter if told["package"] else "",
        "package_dir": told["package"],
        "version": told["version"],
        "drivers": told["drivers"],
        "dotenv": {"path": dotenv["path"], "sets": sorted(name for name in dotenv["environment"] if name.startswith("DATABASE_"))},
        "data_dir": data,
        "sqlite_path": _sqlite_path(database, before, data),
        "health_url": _health_url(command, env),
        "database": database._asdict(),
        "findings": _findings(first("Id"), database, sqlite_path),
        "secret_key": _secret_key(env, folder),
        "log": _log(run, first("Id"), env, folder, log_lines) if log_lines > 0 else [],
    }


# -- the environment ------------------------------------------------------------------------------------------------------------


def env_files(listed: list[str]) -> list[str]:
    """The env files of a unit that are there, in their order; a pattern stands for all that it fits."""
    files: list[str] = []
    for entry in listed:
        path = re.sub(r" \(ignore_errors=\w+\)$", "", entry)
        files += sorted(glob.glob(path)) or ([path] if os.path.exists(path) else [])
    return files


def environment(assigned: list[str], files: list[str], unset: list[str]) -> dict[str, str]:
    """What the service is started with: files override what the unit says, and what is to be unset is."""
    found = dict(word.split("=", 1) for line in assigned for word in _words(line) if "=" in word)
    for path in files:
        found.update(parse_env_file(text_of(path) or ""))
    for word in [word for line in unset for word in _words(line)]:
        name, equals, value = word.partition("=")
        if not equals or found.get(name) == value:
            found.pop(name, None)
    return found


def _words(line: str) -> list[str]:
    """The words of a property, each of which systemctl may have put into quotes."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _dotenv(package: str) -> dict[str, Any]:
    """The file .env that Open WebUI reads itself, for what is not set otherwise."""
    path = posixpath.normpath(posixpath.join(package, "..", "..", ".env")) if package else ""
    return {"path": path, "environment": parse_env_file(text_of(path) or "") if path else {}}


# -- the program ----------------------------------------------------------------------------------------------------------------


def _command(exec_start: str, env: dict[str, str]) -> list[str]:
    """The words of the command, from ``{ path=… ; argv[]=… ; ignore_errors=no ; … }``."""
    match = re.search(r"argv\[\]=(.*?) ; ignore_errors=", exec_start)
    words = match[1].split() if match else []
    return [re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: env.get(found[1] or found[2], ""), word) for word in words]


def _python_of(command: Sequence[str]) -> str:
    """The interpreter that runs the program: itself, the one in its first line, or the one beside it."""
    if not command or not command[0].startswith("/"):
        return ""
    program = command[0]
    if re.fullmatch(r"python[0-9.]*", posixpath.basename(program)):
        return program
    head = _head_of(program)
    match = _SHEBANG.match(head) or _LONG_SHEBANG.match(head)
    if match:
        return match["path"]
    for beside in ("python", "python3"):
        # The Python of the system says nothing about a program that lies beside it.
        path = posixpath.join(posixpath.dirname(os.path.realpath(program)), beside)
        if os.path.exists(posixpath.join(posixpath.dirname(path), "..", "pyvenv.cfg")) and os.path.exists(path):
            return path
    return ""


def _head_of(path: str) -> str:
    try:
        if os.path.getsize(path) > _LONGEST_SCRIPT:
            return ""
    except OSError:
        return ""
    return text_of(path) or ""


def _ask(run: Run, python: str, user: str, path: str) -> dict[str, Any]:
    """Where Open WebUI lies, which release it is and which drivers are there, according to its own Python."""
    nothing = {"package": "", "version": "", "drivers": []}
    if not python:
        return nothing
    code, output = run([python, "-c", _ASK_PYTHON], user=user, environment={"PYTHONPATH": path} if path else {})
    try:
        return json.loads(output) if code == 0 else nothing
    except ValueError:
        return nothing


def _working_directory(named: str, user: str) -> str:
    folder = named.lstrip("!-")
    if folder == "~":
        return pwd.getpwnam(user).pw_dir
    return folder or "/"


def _health_url(command: Sequence[str], env: dict[str, str]) -> str:
    host, port = _option(command, "--host"), _option(command, "--port")
    if not port.isdigit():
        # "open-webui serve" does not look at PORT; the scripts of a checkout do.
        port = PORT if command and posixpath.basename(command[0]) == "open-webui" else env.get("PORT") or PORT
    if host in ("", "0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/health"


def _option(command: Sequence[str], name: str) -> str:
    """The value of an option of the command, the last one given."""
    value = ""
    for word, following in zip(command, [*command[1:], ""]):
        if word == name:
            value = following
        elif word.startswith(f"{name}="):
            value = word.partition("=")[2]
    return value


# -- the data -------------------------------------------------------------------------------------------------------------------


def _default_data_dir(package: str) -> str:
    """Without DATA_DIR, the command "open-webui serve" keeps its data in the package's own folder."""
    return f"{package}/data" if package else ""


def _database(env: dict[str, str], data: str, folder: str) -> Database:
    database = database_of(env, folder, data)
    # Without a data folder, there is no telling where the default lies.
    return database if data or database.set_by else database._replace(where="")


def _sqlite_path(database: Database, before: Database, data: str) -> str:
    """The webui.db in use, or the one from before PostgreSQL."""
    for found in (database, before):
        if found.kind == "sqlite":
            return found.where
    return posixpath.join(data, DATABASE_FILE) if data else ""


def _findings(unit: str, database: Database, wanted: str) -> list[str]:
    """Why the file that is to be moved is not the one that this service uses."""
    if database.kind != "sqlite":
        return []
    if not database.where and database.set_by:
        return [f"{unit} keeps its database in memory ({', '.join(database.set_by)}), so there is no file to move."]
    return other_file(database.where, wanted) if wanted and database.where else []


def _secret_key(env: dict[str, str], folder: str) -> dict[str, str]:
    """Where the key is. The file stays where it is, so that nothing has to be carried over."""
    if any(env.get(name) for name in KEY_NAMES):
        return {"from": "env", "path": ""}
    path = posixpath.join(folder, KEY_FILE)
    return {"from": "file", "path": path} if os.path.exists(path) else {"from": "none", "path": ""}


def _log(run: Run, unit: str, env: dict[str, str], folder: str, lines: int) -> list[str]:
    """What the service has logged last, without secrets."""
    looked_at = max(lines, LOOKED_AT)
    code, output = run(["journalctl", "--no-pager", "--quiet", "--output=cat", f"--lines={looked_at}", f"--unit={unit}"])
    hidden = secrets_in(env, [(text_of(posixpath.join(folder, KEY_FILE)) or "").strip()])
    shown = [masked(line.rstrip(), hidden) for line in output.splitlines()]
    return last_words("\n".join(shown), most=lines) if code == 0 else []


def environment_without(run: Run, unit: str, env_file: str, is_unset_with_it: Callable[[str], bool]) -> dict[str, str]:
    """What the service would be started with if it did not read this env file, and if what goes with that were not unset."""
    properties = _show(run, unit)
    files = [path for path in env_files(properties.get("EnvironmentFiles", [])) if path != env_file]
    others = [word for line in properties.get("UnsetEnvironment", []) for word in _words(line) if not is_unset_with_it(word)]
    return environment(properties.get("Environment", []), files, others)
