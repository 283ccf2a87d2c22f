# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connecting to PostgreSQL, directly or through a pooler, so that no setting of others matters and none of ours stays.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager, suppress
from typing import Any, Iterator, TypeVar

from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import FULL_DISK, guard, in_words
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse

PSYCOPG_IMPORT_ERROR: str | None
try:
    import psycopg
    from psycopg import sql
except ImportError:
    PSYCOPG_IMPORT_ERROR = traceback.format_exc()
else:
    PSYCOPG_IMPORT_ERROR = None

OLDEST_SERVER = 140000
CONNECT_TIMEOUT = 10
LOCK_TIMEOUT = "30s"
SECRET_PARAMETERS = frozenset({"password", "sslpassword", "oauth_client_secret"})

Row = TypeVar("Row")

# What to do, beside what a server or a pooler says. A server on a full disk cannot even write the file that a first connection needs.
_HINTS = {
    "unsupported startup parameter": "leave it out of connect_params, or let the pooler ignore it (ignore_startup_parameters)",
    "No space left on device": FULL_DISK,
    "Disk quota exceeded": FULL_DISK,
}

# A limit of a millisecond lets the first statement through more often than not.
BEGIN_ATTEMPTS = 20

# What every transaction of ours begins with, and what ends with it. By the oldest version that knows the setting.
_SETTINGS = {
    "statement_timeout": ("0", 0),
    "transaction_timeout": ("0", 170000),
    "idle_in_transaction_session_timeout": ("0", 0),
    "lock_timeout": (LOCK_TIMEOUT, 0),
    "search_path": ("pg_catalog, pg_temp", 0),
    # A role that only reads these tables in part must be an error, not a part of the rows.
    "row_security": ("off", 0),
    # What comes back is compared with what was written, byte by byte.
    "DateStyle": ("ISO, YMD", 0),
    "IntervalStyle": ("postgres", 0),
    "TimeZone": ("UTC", 0),
    "extra_float_digits": ("1", 0),
    "bytea_output": ("hex", 0),
    "xmlbinary": ("base64", 0),
    "xmloption": ("content", 0),
    "lc_monetary": ("C", 0),
    "lc_numeric": ("C", 0),
    # How our own statements are read, and what the catalogue's functions answer with.
    "standard_conforming_strings": ("on", 0),
    "backslash_quote": ("safe_encoding", 0),
    "array_nulls": ("on", 0),
    "transform_null_equals": ("off", 0),
    "quote_all_identifiers": ("off", 0),
    "check_function_bodies": ("on", 0),
    # Where and how our own tables are made.
    "default_tablespace": ("", 0),
    "temp_tablespaces": ("", 0),
    "default_table_access_method": ("heap", 0),
    # A refused row is looked at more closely, in the same session.
    "exit_on_error": ("off", 0),
    "jit": ("off", 0),
    # Rows come back in the order they were written, also when someone else reads the table.
    "synchronize_seqscans": ("off", 0),
}


def connection_argument_spec() -> dict[str, Any]:
    """The connection options, as all modules of this collection take them (doc fragment C(connection))."""
    return {
        "login_host": {"type": "str", "default": ""},
        "login_port": {"type": "int", "default": 5432},
        "login_user": {"type": "str"},
        "login_password": {"type": "str", "no_log": True},
        "login_db": {"type": "str", "required": True},
        "login_unix_socket": {"type": "str", "default": ""},
        "ssl_mode": {
            "type": "str",
            "default": "prefer",
            "choices": ["allow", "disable", "prefer", "require", "verify-ca", "verify-full"],
        },
        "ca_cert": {"type": "path"},
        "ssl_cert": {"type": "path"},
        "ssl_key": {"type": "path"},
        "connect_params": {"type": "dict", "default": {}},
        "schema": {"type": "str", "default": "public"},
    }


def connection_parameters(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a module as libpq's connection parameters; C(connect_params) has the last word."""
    named = {
        "host": options.get("login_unix_socket") or options.get("login_host"),
        "port": options.get("login_port"),
        "user": options.get("login_user"),
        "password": options.get("login_password"),
        "dbname": options.get("login_db"),
        "sslmode": options.get("ssl_mode"),
        "sslrootcert": options.get("ca_cert"),
        "sslcert": options.get("ssl_cert"),
        "sslkey": options.get("ssl_key"),
    }
    parameters = {"connect_timeout": CONNECT_TIMEOUT, "application_name": "openwebui.postgres", "keepalives_idle": 30}
    parameters.update({name: value for name, value in named.items() if value not in (None, "")})
    parameters.update(options.get("connect_params") or {})
    parameters["client_encoding"] = "UTF8"
    return parameters


class Session:
    """A connection whose every transaction begins with our settings. All of them end with it: nothing is left in a pooler.

    :ivar connection: in autocommit mode, so that no transaction begins but by :meth:`begin`.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def begin(self) -> None:
        """Begin a transaction, after undoing the one that is open.

        All of it is one message: a server's limit on time or idleness has hardly a moment to strike, and a pooler sees one
        transaction.
        """
        for attempt in range(BEGIN_ATTEMPTS):
            try:
                self.connection.execute(self._beginning())
                break
            except psycopg.errors.QueryCanceled:
                if attempt + 1 == BEGIN_ATTEMPTS:
                    raise
        self._demand_foreign_keys()
        # What is told to be committed has to outlive the server's next crash.
        self.connection.execute("SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'")

    def commit(self) -> None:
        """Make everything last."""
        self.connection.commit()

    def rollback(self) -> None:
        """Undo everything, and begin anew."""
        self.begin()

    def _beginning(self) -> sql.Composed:
        idle = self.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        statements: list[sql.Composable] = [] if idle else [sql.SQL("ROLLBACK")]
        statements.append(sql.SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE"))
        version = self.connection.info.server_version
        for name, (value, since) in _SETTINGS.items():
            if version >= since:
                statements.append(_set(name, value))
        return sql.SQL("; ").join(statements)

    def _demand_foreign_keys(self) -> None:
        """As a replica, a session checks no foreign key and fires no trigger."""
        (role,) = only_row(self.connection.execute("SELECT current_setting('session_replication_role')"))
        if role == "origin":
            return
        try:
            with self.connection.transaction():
                self.connection.execute("SET LOCAL session_replication_role = origin")
        except psycopg.errors.InsufficientPrivilege:
            raise refuse(
                "server",
                "session_replication_role is not origin here, so PostgreSQL would check no foreign key, and the role may not "
                "change it; let a superuser RESET it: ALTER ROLE or ALTER DATABASE, whichever has it SET",
            ) from None


def only_row(answer: psycopg.Cursor[Row]) -> Row:
    """The row of a query that has one in any case."""
    row = answer.fetchone()
    if row is None:
        raise AssertionError("a query of one row without an answer")
    return row


def _set(name: str, value: str) -> sql.Composed:
    if name in ("search_path", "DateStyle"):
        values = sql.SQL(", ").join(sql.Literal(part.strip()) for part in value.split(","))
        return sql.SQL("SET LOCAL {} = {}").format(sql.SQL(name), values)
    return sql.SQL("SET LOCAL {} = {}").format(sql.SQL(name), sql.Literal(value))


@contextmanager
def connect(options: dict[str, Any]) -> Iterator[Session]:
    """A session, in a transaction, that no setting of the role, the database, the server or a pooler makes behave otherwise.

    :raises Refused: when it cannot be had, with the reason in one line and no secret in it.
    """
    parameters = connection_parameters(options)
    if SECRET_PARAMETERS.intersection(options.get("connect_params") or {}):
        # Only login_password is kept out of logs; hiding every value of connect_params would garble all other output.
        raise refuse("connection", "connect_params must not hold a password; use login_password")
    session = _begin_session(parameters)
    try:
        with guard("looking at the server"):
            _demand_primary(session.connection)
        yield session
    finally:
        with suppress(psycopg.Error):
            # A pooler throws away a connection that is handed back in the middle of a transaction.
            session.connection.rollback()
        session.connection.close()


def _begin_session(parameters: dict[str, Any]) -> Session:
    """A connection may be cut before it is used, where the server's limits are that tight."""
    for attempt in range(BEGIN_ATTEMPTS):
        try:
            # A pooler may hand out another server session next time, which knows no prepared statement of ours.
            connection = psycopg.connect(**{**parameters, "autocommit": True, "prepare_threshold": None})
        except (psycopg.Error, UnicodeError) as error:
            raise refuse("connection", _why_not_connected(error, parameters)) from None
        session = Session(connection)
        try:
            _demand_server(connection)
            session.begin()
            return session
        except psycopg.Error as error:
            connection.close()
            has_tried = isinstance(error, psycopg.errors.QueryCanceled) or attempt + 1 == BEGIN_ATTEMPTS
            if has_tried or not _was_cut_short(error):
                raise _why_not_begun(error) from None
        except BaseException:
            connection.close()
            raise
    raise AssertionError("the last attempt returns or raises")


def _was_cut_short(error: psycopg.Error) -> bool:
    return error.sqlstate in (None, "57014", "57P05", "25P03", "25P04")


def _why_not_begun(error: psycopg.Error) -> Refused:
    if "statement pooling" in str(error):
        return refuse(
            "connection",
            "the pooler in between has pool_mode = statement, which takes transactions apart; name the server itself, or set "
            "pool_mode = transaction or session for this database",
        )
    if _was_cut_short(error):
        return refuse(
            "connection",
            "the server ends this session before it can begin; raise statement_timeout, idle_session_timeout and "
            "transaction_timeout of this role and database (ALTER ROLE ... RESET, ALTER DATABASE ... RESET)",
        )
    return Refused([in_words(error, "beginning a transaction")])


def _why_not_connected(error: Exception, parameters: dict[str, Any]) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in lines if "FATAL" in line or "failed" in line), lines[0] if lines else type(error).__name__)
    if parameters.get("password"):
        reason = reason.replace(parameters["password"], "********")
    reason = "; ".join([reason, *(hint for said, hint in _HINTS.items() if said in reason)])
    where = f"{parameters.get('host', 'the local socket')}, port {parameters.get('port')}"
    return f"cannot connect to database {parameters.get('dbname')} as {parameters.get('user', 'the current user')} on {where}: {reason}"


def _demand_server(connection: psycopg.Connection) -> None:
    """What the server says of itself, before it is asked anything."""
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise refuse("server", f"the server is PostgreSQL {version // 10000}; version 14 or newer is needed")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise refuse("encoding", f"the database has encoding {encoding}; create it with ENCODING 'UTF8' TEMPLATE template0")
    if connection.info.parameter_status("in_hot_standby") == "on":
        raise _standby()


def _demand_primary(connection: psycopg.Connection) -> None:
    (is_standby,) = only_row(connection.execute("SELECT pg_is_in_recovery()"))
    if is_standby:
        raise _standby()


def _standby() -> Refused:
    return refuse("server", "the server is a standby and read-only; name the primary")
