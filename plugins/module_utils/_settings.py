# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an environment means to Open WebUI, wherever it comes from: its database, its data folder, its key, and what must not be shown.

The rules are those of Open WebUI's own ``env.py`` and of SQLAlchemy, which reads the URL.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import shlex
from typing import Any, Iterable, Iterator, NamedTuple
from urllib.parse import parse_qs, quote, quote_plus, unquote

# Of the published image.
WORKING_DIR = "/app/backend"
DATA_DIR = "/app/backend/data"
KEY_FILE = ".webui_secret_key"
PORT = "8080"

# Open WebUI lets these override DATABASE_URL. User or password may be missing, not both.
PARTS = ("DATABASE_TYPE", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME")
KEY_NAMES = ("WEBUI_SECRET_KEY", "WEBUI_JWT_SECRET_KEY")
DATABASE_FILE = "webui.db"
MASK = "********"

# What SQLAlchemy, and so Open WebUI, takes for the parts of a URL. A password may hold a slash there.
_URL = re.compile(
    r"(?P<kind>[\w+]+)://(?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?"
    r"(?:(?:\[(?P<address>[^/?\]]+)\]|(?P<host>[^/:?]+))?(?::(?P<port>[^/?]*))?)?(?:/(?P<name>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_YES = ("true", "yes", "on", "y", "t", "1")
_SECRET_NAME = re.compile(r"KEY|SECRET|PASSW|PASSPHRASE|TOKEN|CREDENTIAL|_PASS$|^PASS_|DATABASE_URL|_DSN$")
_NO_SECRET_NAME = re.compile(r"_(?:FILE|PATH|DIR)$|^ENABLE_|^DISABLE_")
# "true" or a number of tokens is no secret, and masking it would make a log unreadable.
_NO_SECRET = re.compile(r"(?i:true|false|none|null|yes|no|on|off)|\d{1,5}|.{0,2}", re.DOTALL)
_PASSWORD_NAME = re.compile(r"PASSWORD$")
# A password is one whatever it looks like, but two characters are in every line.
_SHORTEST_PASSWORD = 3
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]*:[^\s@]*(?=@)")

_COMMENT = r"[#;](?:\\\n|[^\n])*"
_QUOTED = r"\"(?:\\[\s\S]|[^\"\\])*\"|'[^']*'"
_ASSIGNMENT = (
    r"^\ufeff?[ \t]*(?:{comment}(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*"
    rf"(?P<value>(?:{_QUOTED}|\\[\s\S]|[^\n\"'\\])*))"
)
_FOR_SYSTEMD = re.compile(_ASSIGNMENT.replace("{comment}", rf"{_COMMENT}|"), re.MULTILINE)
_FOR_SHELL = re.compile(_ASSIGNMENT.replace("{comment}", ""), re.MULTILINE)
_PIECE = re.compile(r"\"((?:\\[\s\S]|[^\"\\])*)\"|'([^']*)'|\\([\s\S])")
# In a shell, a comment may follow behind white space or another command behind a semicolon, and variables stand for what they hold.
_WORD = re.compile(
    r"(?P<end>(?<=[ \t])#|;(?=\s|\Z))|'(?P<single>[^']*)'|\"(?P<double>(?:\\[\s\S]|[^\"\\])*)\"|\\(?P<escaped>[\s\S])"
    r"|(?P<plain>[^'\"\\#;]+|[#;])"
)
_ESCAPE = re.compile(r"\\([\s\S])")
_IN_QUOTES = re.compile(r"\\(?P<escaped>[\s\S])|\$(?:\{\w+\}|[A-Za-z_]\w*)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")


class Database(NamedTuple):
    """What Open WebUI is told about its database.

    :ivar kind: sqlite, postgresql or other.
    :ivar where: host:port/name, or the path as Open WebUI sees it; never with credentials. Empty for a database in memory.
    :ivar set_by: names of the environment variables that say so; none for Open WebUI's default.
    """

    kind: str
    where: str
    set_by: list[str]


# -- the database ---------------------------------------------------------------------------------------------------------------


def database_of(env: dict[str, str], folder: str = WORKING_DIR, data: str | None = None) -> Database:
    """The database that an environment leads Open WebUI to, by Open WebUI's own rules.

    :param folder: the folder that Open WebUI is started in; a relative path stays relative where that is not known.
    :param data: the data folder, where the environment alone does not tell.
    """
    url, set_by = _url_of(env, data_dir(env, folder) if data is None else data)
    match = _URL.fullmatch(url)
    if match is None:
        return Database("other", "", set_by)
    kind, _plus, driver = match["kind"].partition("+")
    if kind in ("postgres", "postgresql"):
        return Database("postgresql", _server(match, env), set_by)
    # SQLAlchemy takes no server for a file.
    if kind != "sqlite" or match["host"] or match["address"] or match["port"]:
        return Database("other", _server(match, env), set_by)
    name = _sqlite_file(match)
    # The file of SQLCipher is one that SQLite cannot read.
    return Database("other" if driver == "sqlcipher" else "sqlite", _joined(folder, name) if name else "", set_by)


def data_dir(env: dict[str, str], folder: str = WORKING_DIR, default: str = DATA_DIR) -> str:
    """The data folder as Open WebUI sees it. One that is set to nothing is the folder that it is started in."""
    return _joined(folder, env["DATA_DIR"]) if "DATA_DIR" in env else default


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _url_of(env: dict[str, str], data: str) -> tuple[str, list[str]]:
    kind, user, password, host, port, name = (env.get(part) or "" for part in PARTS)
    if kind and (user or password) and host and port and name:
        # Its credentials play no part here, and could not be told apart from the rest: Open WebUI does not encode them.
        return f"{kind}://{host}:{port}/{name}", [part for part in PARTS if env.get(part)]
    if env.get("DATABASE_URL"):
        return env["DATABASE_URL"], ["DATABASE_URL"]
    path = posixpath.join(data, DATABASE_FILE)
    if kind == "sqlite+sqlcipher":
        return f"{kind}:///{path}", ["DATABASE_TYPE"]
    return f"sqlite:///{path}", []


def _sqlite_file(match: re.Match[str]) -> str:
    """The path in a URL, which is not percent-encoded, unless it is a URI for SQLite itself; empty for a database in memory."""
    name = match["name"] or ""
    query = parse_qs(match["query"] or "")
    if query.get("uri", [""])[-1].strip().lower() in _YES and name.startswith("file:"):
        if "memory" in query.get("mode", []):
            return ""
        # What may stand between two and the third slash is the name of this host.
        name = unquote(re.sub(r"^file:(?://[^/]*)?", "", name.partition("#")[0]))
    return "" if name == ":memory:" else name


def _server(match: re.Match[str], env: dict[str, str]) -> str:
    """host:port/name, always with a port, so that two ways of writing the same compare equal."""
    query = parse_qs(match["query"] or "")

    def told(name: str, in_url: str | None, otherwise: str) -> str:
        return ",".join(query.get(name, [])) or in_url or otherwise

    address = f"[{match['address']}]" if match["address"] else ""
    host = told("host", address or match["host"], env.get("PGHOST") or "localhost")
    port = told("port", match["port"], env.get("PGPORT") or "5432")
    # Unlike the user's, the name of the database is not decoded.
    name = told("dbname", match["name"], unquote(match["user"] or ""))
    return f"{unquote(host)}:{port}/{name}"


# -- the file that is moved -----------------------------------------------------------------------------------------------------


def other_file(named: str, path: str) -> list[str]:
    """Why the file to be moved is not the one that the settings name, one line; none where it is.

    :param named: the file that the settings name, as this host has it.
    :param path: the file that is to be moved.
    """
    try:
        if same_file(named, path):
            return []
    except PermissionError as error:
        return [f"{error.filename} cannot be looked at ({error.strerror}). Set ansible_become to true, or connect as a user who may."]
    return [
        f"Open WebUI uses {named}, but webui_sqlite_path is {path}. Set webui_sqlite_path to the file in use, or leave it out, and the "
        "file in use is moved."
    ]


def same_file(one: str, other: str) -> bool:
    """Whether two paths are one file for SQLite, whose log lies beside the file's real path: a second hard link elsewhere is another.

    :raises PermissionError: when that cannot be seen.
    """
    one, other = os.path.realpath(one), os.path.realpath(other)
    if one == other:
        return True
    if os.path.basename(one) != os.path.basename(other):
        return False
    # One folder may be mounted in two places.
    return _identity(os.path.dirname(one)) == _identity(os.path.dirname(other)) and _identity(one) == _identity(other)


def _identity(path: str) -> tuple[int, int] | str:
    """Device and inode; the path itself where there is nothing."""
    try:
        facts = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path
    return facts.st_dev, facts.st_ino


# -- env files ------------------------------------------------------------------------------------------------------------------


def texts(env: dict[str, Any] | None) -> dict[str, str]:
    """Settings as a shell would have them: YAML makes truth values and numbers of what is meant as text."""

    def text(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return "" if value is None else str(value)

    return {name: text(value) for name, value in (env or {}).items()}


class Assignment(NamedTuple):
    """One variable that an env file sets.

    :ivar start: where its first line begins.
    :ivar end: where its value ends.
    """

    name: str
    value: str
    start: int
    end: int


def parse_env_file(text: str) -> dict[str, str]:
    """Read an env file as systemd does: quotes may be within a value and reach over lines, a backslash joins lines."""
    found = {}
    for match in _FOR_SYSTEMD.finditer(text):
        if match["name"]:
            found[match["name"]] = _PIECE.sub(_unquoted, match["value"].rstrip(" \t\r"))
    return found


def assignments(text: str) -> Iterator[Assignment]:
    """Read an env file as a shell does, which for sane files is how everything else reads it. The last line of a name wins."""
    known: dict[str, str] = {}
    for match in _FOR_SHELL.finditer(text):
        value = _word(match["value"], known)
        known[match["name"]] = value
        yield Assignment(match["name"], value, match.start(), match.end())


def _word(raw: str, known: dict[str, str]) -> str:
    value = bare = ""
    for match in _WORD.finditer(raw):
        if match["end"]:
            break
        if match["plain"]:
            bare += _expanded(match["plain"], known)
            continue
        # White space counts between two pieces, and not behind the last one.
        value, bare = value + bare + _piece(match, known), ""
    return value + bare.rstrip(" \t\r")


def _piece(match: re.Match[str], known: dict[str, str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return _IN_QUOTES.sub(lambda inner: _escaped(inner["escaped"]) if inner["escaped"] else _expanded(inner[0], known), match["double"])
    return "" if match["escaped"] == "\n" else match["escaped"]


def _expanded(text: str, known: dict[str, str]) -> str:
    """With the variables that the file itself has set; others are left as they are written."""
    return _VARIABLE.sub(lambda match: known.get(match[1] or match[2], match[0]), text)


def _unquoted(match: re.Match[str]) -> str:
    double, single, escaped = match.groups()
    if double is not None:
        return _ESCAPE.sub(lambda inner: _escaped(inner[1]), double)
    if single is not None:
        return single
    return "" if escaped == "\n" else escaped


def _escaped(character: str) -> str:
    if character == "\n":
        return ""
    return character if character in '"\\`$' else f"\\{character}"


# -- secrets --------------------------------------------------------------------------------------------------------------------


def secrets_in(env: dict[str, str], more: Iterable[str]) -> list[str]:
    """What must not be shown of an environment: the longest first, since one may be part of another."""
    found = {value for value in more if not _NO_SECRET.fullmatch(value)}
    passwords: set[str] = set()
    for name, value in env.items():
        if _SECRET_NAME.search(name.upper()) and not _NO_SECRET_NAME.search(name.upper()) and not _NO_SECRET.fullmatch(value):
            found.add(value)
        password = _password_in(value)
        passwords.update((password, unquote(password)))
        if _PASSWORD_NAME.search(name.upper()):
            passwords.add(value)
    found.update(password for password in passwords if len(password) >= _SHORTEST_PASSWORD)
    return sorted({form for value in found for form in _forms(value)}, key=lambda value: (-len(value), value))


def _password_in(value: str) -> str:
    match = re.match(r"[\w+.-]+://[^:/@\s]*:(.*)@", value, re.DOTALL)
    return match[1] if match else ""


def _forms(secret: str) -> set[str]:
    """The ways in which programs write a text: in a URL, in JSON, in a Python literal, in a shell's word, in libpq's own strings."""
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        # As SQLAlchemy does.
        quote(secret, safe=" +"),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        shlex.quote(secret).strip("'"),
        secret.replace("\\", "\\\\").replace("'", "\\'"),
        secret.replace("'", "''"),
    } - {""}


def masked(text: str, hidden: list[str]) -> str:
    """The text without these secrets, and without credentials in any URL."""
    for secret in hidden:
        text = text.replace(secret, MASK)
    return _CREDENTIALS.sub(MASK, text)
