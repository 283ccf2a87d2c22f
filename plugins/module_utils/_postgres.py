# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL side: connecting, and what the live target looks like.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._other_types import Shape
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._values import TargetColumn

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

# In words of our own: what PostgreSQL says holds values of rows.
_SQLSTATES = {
    "08": "the connection to PostgreSQL was lost",
    "22001": "a text is longer than its column allows",
    "22003": "a number does not fit its column",
    "22021": "a text holds bytes that PostgreSQL does not take",
    "22P02": "a value does not fit the type of its column",
    "22P05": "a JSON value holds \\u0000 or half a surrogate pair where an index looks into it",
    "23502": "a NULL in a column that is NOT NULL",
    "23503": "a foreign key is violated",
    "23505": "a unique index is violated",
    "23514": "a check constraint is violated",
    "25006": "the server or the session is read-only",
    "42501": "the role lacks a privilege",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53300": "the server has no free connection",
    "54001": "a value is nested deeper than the server's max_stack_depth allows",
    "55P03": "a table of the target is locked by another session; stop what uses the database",
    "57014": "the server cancelled a statement",
    "57P": "the server shut the connection down",
}


class ForeignKey(NamedTuple):
    """A foreign key of the target, columns and parent columns in the same order."""

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


class UniqueIndex(NamedTuple):
    """A unique index: what it compares, as SQL, and for which rows.

    :ivar columns: the plain columns it is made of, empty as soon as one part of it is an expression.
    """

    name: str
    table: str
    expressions: tuple[str, ...]
    predicate: str | None
    columns: tuple[str, ...]


class TargetTable(NamedTuple):
    """A table of the target schema.

    :ivar owned: whether the connected role is, or is a member of, its owner.
    :ivar computed: further columns, which PostgreSQL generates by itself.
    """

    name: str
    columns: dict[str, TargetColumn]
    primary_key: tuple[str, ...]
    owner: str
    owned: bool
    computed: frozenset[str] = frozenset()


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


@contextmanager
def connect(options: dict[str, Any]) -> Iterator[psycopg.Connection]:
    """A connection that no setting of the role, the database or the server makes behave otherwise.

    :raises Refused: when it cannot be had, with the reason in one line and no secret in it.
    """
    parameters = connection_parameters(options)
    if SECRET_PARAMETERS.intersection(options.get("connect_params") or {}):
        # Only login_password is kept out of logs; hiding every value of connect_params would garble all other output.
        raise refuse("connection", "connect_params must not hold a password; use login_password")
    try:
        connection = psycopg.connect(**parameters)
    except (psycopg.Error, UnicodeError) as error:
        raise refuse("connection", _why_not_connected(error, parameters)) from None
    try:
        _demand_server(connection)
        _settle(connection)
        yield connection
    finally:
        connection.close()


def _why_not_connected(error: Exception, parameters: dict[str, Any]) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in lines if "FATAL" in line or "failed" in line), lines[0] if lines else type(error).__name__)
    if parameters.get("password"):
        reason = reason.replace(parameters["password"], "********")
    where = f"{parameters.get('host', 'the local socket')}, port {parameters.get('port')}"
    return (
        f"cannot connect to database {parameters.get('dbname')} as {parameters.get('user', 'the current user')} "
        f"on {where}: {reason}"
    )


def _demand_server(connection: psycopg.Connection) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise refuse("server", f"the server is PostgreSQL {version // 10000}; version 14 or newer is needed")
    if connection.info.parameter_status("server_encoding") != "UTF8":
        encoding = connection.info.parameter_status("server_encoding")
        raise refuse("encoding", f"the database has encoding {encoding}; create it with ENCODING 'UTF8' TEMPLATE template0")
    if connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]:
        raise refuse("server", "the server is a standby and read-only; name the primary")
    connection.rollback()


def _settle(connection: psycopg.Connection) -> None:
    settings = {
        "search_path": "pg_catalog",
        "DateStyle": "ISO, YMD",
        # The proof compares what PostgreSQL prints.
        "extra_float_digits": "1",
        "bytea_output": "hex",
        "TimeZone": "UTC",
        "standard_conforming_strings": "on",
        "default_transaction_read_only": "off",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "transaction_timeout": "0",
        "lock_timeout": LOCK_TIMEOUT,
        # Rows come back in the order they were written, also when someone else reads the table.
        "synchronize_seqscans": "off",
        "row_security": "off",
    }
    # A server knows the settings of its own version only.
    connection.execute(
        "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)"
        " WHERE lower(name) IN (SELECT lower(known.name) FROM pg_settings AS known)",
        (list(settings), list(settings.values())),
    )
    connection.commit()


def in_words(error: psycopg.Error, doing: str) -> Problem:
    """An error of PostgreSQL as one line without any value of a row: these are in its own messages and details."""
    state = error.sqlstate
    if state is None:
        return Problem("connection", f"the connection to PostgreSQL was lost while {doing}")
    words = next((words for prefix, words in _SQLSTATES.items() if state.startswith(prefix)), None)
    words = words or f"PostgreSQL says {type(error).__name__}"
    place = error.diag.constraint_name or error.diag.column_name
    named = f" ({place})" if place else ""
    return Problem("server", f"{words}{named} while {doing} (SQLSTATE {state})", error.diag.table_name, error.diag.column_name)


class Target:
    """The live schema that Open WebUI created in the target database.

    All SQL names the schema: tables of the same name elsewhere do not matter.
    """

    def __init__(self, connection: psycopg.Connection, schema: str) -> None:
        self.connection = connection
        self.schema = schema

    def name(self, table: str) -> sql.Identifier:
        """A table's qualified name, for :mod:`psycopg.sql`."""
        return sql.Identifier(self.schema, table)

    def rows(self, query: str, *parameters: object) -> list[tuple]:
        """All rows of a query on the catalogue."""
        return self.connection.execute(query, parameters).fetchall()

    def exists(self) -> bool:
        """Whether the schema is there."""
        return bool(self.rows("SELECT 1 FROM pg_namespace WHERE nspname = %s", self.schema))

    def tables(self) -> dict[str, TargetTable]:
        """The tables of the schema with their columns, by name."""
        columns: dict[str, dict[str, TargetColumn]] = {}
        computed: dict[str, set[str]] = {}
        for table, is_computed, *described in self.rows(_COLUMNS, self.schema):
            column = _column(*described)
            if is_computed:
                computed.setdefault(table, set()).add(column.name)
            else:
                columns.setdefault(table, {})[column.name] = column
        keys = {table: tuple(names) for table, names in self.rows(_PRIMARY_KEYS, self.schema)}
        return {
            table: TargetTable(
                table, columns.get(table, {}), keys.get(table, ()), owner, owned, frozenset(computed.get(table, ()))
            )
            for table, owner, owned in self.rows(_TABLES, self.schema)
        }

    def foreign_keys(self) -> list[ForeignKey]:
        """The foreign keys between tables of the schema."""
        return [
            ForeignKey(name, table, tuple(columns), parent, tuple(parent_columns))
            for name, table, columns, parent, parent_columns in self.rows(_FOREIGN_KEYS, self.schema)
        ]

    def referring_from_outside(self, tables: list[str]) -> list[tuple[str, str]]:
        """Pairs of a table that is not among these and one of these that it has a foreign key to."""
        return self.rows(_OUTSIDE_REFERENCES, self.schema, tables, self.schema, tables)

    def unique_indexes(self) -> list[UniqueIndex]:
        """The unique indexes of the schema's tables, primary keys included."""
        return [
            UniqueIndex(name, table, tuple(expressions), predicate, tuple(columns or ()))
            for name, table, expressions, predicate, columns in self.rows(_UNIQUE_INDEXES, self.schema)
        ]

    def checks(self, table: str) -> list[tuple[str, str]]:
        """The check constraints of a table: name and SQL expression."""
        return self.rows(_CHECKS, self.schema, table)

    def sequences(self) -> list[tuple[str, str, str]]:
        """The columns that draw from a sequence: table, column, and the sequence's quoted, qualified name."""
        return self.rows(_SEQUENCES, self.schema)

    def revisions(self) -> list[str]:
        """The alembic revisions that the schema is stamped with: one, if all is well."""
        query = sql.SQL("SELECT version_num FROM {}").format(self.name("alembic_version"))
        return sorted(version for version, in self.connection.execute(query).fetchall())

    def holding_rows(self, tables: list[str]) -> list[str]:
        """Which of these tables have any row."""
        if not tables:
            return []
        queries = [
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(table), self.name(table))
            for table in tables
        ]
        return [row[0] for row in self.connection.execute(sql.SQL(" UNION ALL ").join(queries)).fetchall()]

    def may_create_schema(self) -> bool:
        """Whether the role may create a schema in this database, as the bookkeeping needs once."""
        return self.rows("SELECT has_database_privilege(current_database(), 'CREATE')")[0][0]

    def role(self) -> str:
        """The name of the connected role."""
        return self.rows("SELECT current_user")[0][0]

    def can_compress_with_lz4(self) -> bool:
        """Whether the server was built with lz4 for large values."""
        return bool(
            self.rows("SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)")
        )


# How many digits of a fraction of a second are kept, the whole modifier of such a type.
_TIMES = frozenset(
    {"timestamp without time zone", "timestamp with time zone", "time without time zone", "time with time zone"}
)


def _column(
    name: str,
    base: str,
    modifier: int,
    not_null: bool,
    has_default: bool,
    labels: list[str] | None,
    element: str | None,
    declared: str,
) -> TargetColumn:
    length = None
    shape = Shape(labels=tuple(labels or ()), element=element or "")
    if modifier >= 0 and (base in ("character varying", "character") or element == "character varying"):
        length = modifier - 4
    elif modifier >= 0 and base in _TIMES:
        shape = shape._replace(precision=modifier)
    elif modifier >= 0 and base == "numeric":
        # Eleven bits of a signed number, from PostgreSQL 15 on; before that none was negative.
        scale = ((modifier - 4 & 0x7FF) ^ 1024) - 1024
        shape = shape._replace(precision=modifier - 4 >> 16 & 0xFFFF, scale=scale)
    return TargetColumn(name, base, length, not_null, has_default, shape, declared)


def guard(doing: str) -> Any:
    """Turn errors of PostgreSQL inside the block into a refusal in our own words."""

    @contextmanager
    def guarded() -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise Refused([in_words(error, doing)]) from None

    return guarded()


_TABLES = """
    SELECT c.relname, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE')
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relkind IN ('r', 'p')
     ORDER BY c.relname"""

# A domain is what is behind it, with its own modifier, default and NOT NULL.
_COLUMNS = """
    WITH RECURSIVE known AS (
        SELECT c.relname, a.attname, a.attnum, a.attgenerated <> '' AS computed, a.atttypid AS type, a.atttypmod AS modifier,
               a.attnotnull AS not_null, a.atthasdef OR a.attidentity <> '' AS has_default,
               format_type(a.atttypid, a.atttypmod) AS declared
          FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT k.relname, k.attname, k.attnum, k.computed, t.typbasetype, t.typtypmod,
               k.not_null OR t.typnotnull, k.has_default OR t.typdefault IS NOT NULL, k.declared
          FROM known AS k JOIN pg_type AS t ON t.oid = k.type
         WHERE t.typtype = 'd'
    )
    SELECT k.relname, k.computed, k.attname,
           CASE WHEN t.typtype = 'e' THEN 'enum'
                WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN 'array'
                WHEN t.typname = 'citext' THEN 'citext'
                ELSE format_type(t.oid, NULL) END,
           k.modifier, k.not_null, k.has_default,
           (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
           CASE WHEN t.typcategory <> 'A' OR t.typelem = 0 THEN NULL
                WHEN i.typname = 'citext' THEN 'citext'
                ELSE format_type(i.oid, NULL) END,
           k.declared
      FROM known AS k JOIN pg_type AS t ON t.oid = k.type LEFT JOIN pg_type AS i ON i.oid = t.typelem
     WHERE t.typtype <> 'd'
     ORDER BY k.relname, k.attnum"""

_PRIMARY_KEYS = """
    SELECT c.relname, array_agg(a.attname::text ORDER BY k.position)
      FROM pg_constraint AS p JOIN pg_class AS c ON c.oid = p.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      CROSS JOIN unnest(p.conkey) WITH ORDINALITY AS k (number, position)
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
     WHERE n.nspname = %s AND p.contype = 'p'
     GROUP BY c.relname"""

_FOREIGN_KEYS = """
    SELECT f.conname, c.relname,
           array_agg(a.attname::text ORDER BY k.position), p.relname, array_agg(b.attname::text ORDER BY k.position)
      FROM pg_constraint AS f
      JOIN pg_class AS c ON c.oid = f.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_class AS p ON p.oid = f.confrelid AND p.relnamespace = c.relnamespace
      CROSS JOIN unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (number, parent_number, position)
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
      JOIN pg_attribute AS b ON b.attrelid = p.oid AND b.attnum = k.parent_number
     WHERE n.nspname = %s AND f.contype = 'f' AND f.conparentid = 0
     GROUP BY f.oid, f.conname, c.relname, p.relname
     ORDER BY c.relname, f.conname"""

_OUTSIDE_REFERENCES = """
    SELECT DISTINCT f.conrelid::regclass::text, p.relname
      FROM pg_constraint AS f JOIN pg_class AS p ON p.oid = f.confrelid JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
      JOIN pg_class AS c ON c.oid = f.conrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
     WHERE f.contype = 'f' AND pn.nspname = %s AND p.relname = ANY (%s)
       AND NOT (cn.nspname = %s AND c.relname = ANY (%s))
     ORDER BY 1, 2"""

_UNIQUE_INDEXES = """
    SELECT i.relname, c.relname,
           array_agg(pg_get_indexdef(i.oid, k.position::int, false) ORDER BY k.position),
           pg_get_expr(x.indpred, x.indrelid),
           CASE WHEN bool_and(k.number > 0) THEN array_agg(a.attname::text ORDER BY k.position) END
      FROM pg_index AS x
      JOIN pg_class AS i ON i.oid = x.indexrelid
      JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      CROSS JOIN unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, position)
      LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number > 0
     WHERE n.nspname = %s AND x.indisunique AND k.position <= x.indnkeyatts
     GROUP BY i.oid, i.relname, c.relname, x.indpred, x.indrelid
     ORDER BY c.relname, i.relname"""

_CHECKS = """
    SELECT k.conname, pg_get_expr(k.conbin, k.conrelid)
      FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relname = %s AND k.contype = 'c'
     ORDER BY k.conname"""

_SEQUENCES = """
    SELECT c.relname, a.attname, pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname)
      FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
       AND pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname) IS NOT NULL
     ORDER BY c.relname, a.attname"""
