# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role, a database of its own and a schema in it: what is missing is made, and what stands in the way is named with what to run.

First all facts are asked for, then it is decided what to do, then it is done. Rights are asked for one by one: a question for two of them
at once is answered with yes by PostgreSQL as soon as one is there.

Nothing that a session sets outlives its transaction, since there may be a pooler in between.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import (
    PSYCOPG_IMPORT_ERROR,
    SECRET_PARAMETERS,
    connection_parameters,
    only_row,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import FULL_DISK
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import MASK

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql
    from psycopg.rows import dict_row

if TYPE_CHECKING:
    # As dict_row has it.
    _Connection = psycopg.Connection[dict[str, Any]]

OLDEST_SERVER = 140000
# From this one on, a role that may create roles is master only of those that it has ADMIN OPTION on.
FIRST_STRICT = 160000
BOOKKEEPING = "webui_migration"
# Where alembic keeps the revision of a schema.
STAMP = "alembic_version"
SEVERAL = ", "
# An interrupted DROP DATABASE leaves this as the limit of connections.
INVALID = -2
# Another run may be making the same things at this moment. What it has made by then is found by another look.
ATTEMPTS = 5


class Wanted(NamedTuple):
    """What is to be there.

    :ivar password_file: where the password is kept, if it was made up. Then it is never set in place of another.
    :ivar admin_help: what to do about an administrator who cannot connect.
    """

    owner: str
    password: str
    database: str
    schema: str
    where: str
    password_file: str = ""
    admin_help: str = ""

    @property
    def create_role(self) -> str:
        """The statement, for people."""
        return f"CREATE ROLE {quoted(self.owner)} LOGIN PASSWORD '...'"

    @property
    def create_database(self) -> str:
        """The statement, for people."""
        return f"CREATE DATABASE {quoted(self.database)} OWNER {quoted(self.owner)} ENCODING 'UTF8' TEMPLATE template0"

    @property
    def own_database(self) -> str:
        """The statement, for people."""
        return f"ALTER DATABASE {quoted(self.database)} OWNER TO {quoted(self.owner)}"


class Seen(NamedTuple):
    """What an administrator sees of all this. All that is about a role or a database that is not there is false, 0 or empty."""

    version: int
    standby: bool
    admin: str
    superuser: bool
    may_create_roles: bool
    may_create_databases: bool
    has_role: bool
    can_login: bool
    role_limit: int
    expired: bool
    owner_superuser: bool
    acts_for_owner: bool
    administers_owner: bool
    has_database: bool
    database_owner: str
    encoding: str
    allows_connections: bool
    is_template: bool
    database_limit: int
    owner_may_connect: bool
    owner_may_create: bool

    @property
    def may_alter_role(self) -> bool:
        """Whether the administrator can give the owner role a password and let it log in."""
        return self.superuser or (self.may_create_roles and not self.owner_superuser and self._is_master)

    @property
    def may_join_role(self) -> bool:
        """Whether the administrator can make itself a member of the owner role, as the maker of a database for it has to be."""
        if not self.has_role:
            return self.may_create_roles
        return self.administers_owner or (self.may_create_roles and not self.owner_superuser and self._is_master)

    @property
    def _is_master(self) -> bool:
        return self.version < FIRST_STRICT or self.administers_owner


class Standing(NamedTuple):
    """What the owner role sees of its database, and may do there."""

    version: int
    version_text: str
    encoding: str
    standby: bool
    read_only: bool
    is_template: bool
    database_owner: str
    may_create_schema: bool
    schema_owner: str | None
    may_use: bool
    may_create: bool
    bookkeeping_owner: str | None
    may_use_bookkeeping: bool
    may_create_bookkeeping: bool
    stamp_owner: str | None
    may_read_stamp: bool


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


# -- deciding -------------------------------------------------------------------------------------------------------------------


def steps_for(findings: Findings, seen: Seen, wanted: Wanted, password_fails: bool) -> list[str]:
    """What the administrator has to make, in this order: role, login, password, membership, database.

    :param findings: takes what stands in the way, each with what to run.
    :param password_fails: the owner role could not log in with the password that is wanted.
    """
    _check_server(findings, seen.version, f"{seen.version // 10000}", seen.standby)
    steps = _steps_for_role(findings, seen, wanted, password_fails)
    if seen.has_database:
        _check_database(findings, seen, wanted)
        return steps
    return steps + _steps_for_database(findings, seen, wanted)


def _check_server(findings: Findings, version: int, version_text: str, standby: bool) -> None:
    if version < OLDEST_SERVER:
        findings.add("server", f"The server is PostgreSQL {version_text}. Use {OLDEST_SERVER // 10000} or newer.")
    if standby:
        findings.add("server", "The server is a standby and takes no changes. Set webui_database_host to the primary.")


def _steps_for_role(findings: Findings, seen: Seen, wanted: Wanted, password_fails: bool) -> list[str]:
    owner, admin = quoted(wanted.owner), quoted(seen.admin)
    if not seen.has_role:
        if seen.superuser or seen.may_create_roles:
            return ["role"]
        findings.add(
            "role",
            f"There is no role {wanted.owner} at {wanted.where}, and {seen.admin} may not create it. Run as a superuser: ALTER ROLE "
            f"{admin} CREATEROLE; or: {wanted.create_role}.",
        )
        return []
    if seen.role_limit == 0 and not seen.owner_superuser:
        findings.add("role", _about_role_limit(wanted))
    if seen.expired:
        findings.add(
            "role",
            f"The password of the role {wanted.owner} at {wanted.where} has expired (VALID UNTIL). Run as a superuser: ALTER ROLE {owner} "
            "VALID UNTIL 'infinity'.",
        )
        password_fails = False
    steps = []
    if not seen.can_login:
        if seen.may_alter_role:
            steps.append("login")
        else:
            findings.add("role", f"{_about_login(wanted)} {_about_mastery(seen, wanted)}")
    if password_fails and wanted.password_file:
        findings.add(
            "role",
            f"There is a role {wanted.owner} already, and its password is not the one in {wanted.password_file}. Put its password there, "
            "or set webui_database_password to it; if the role is of something else, set webui_database_user to another name.",
        )
    elif password_fails and (seen.may_alter_role or seen.admin == wanted.owner):
        steps.append("password")
    elif password_fails:
        findings.add(
            "role",
            f"There is a role {wanted.owner} at {wanted.where} already, and its password is not webui_database_password. Correct that, or "
            f"run as a superuser: ALTER ROLE {owner} PASSWORD '...'. {_about_mastery(seen, wanted)}",
        )
    return steps


def _about_mastery(seen: Seen, wanted: Wanted) -> str:
    """Why the administrator cannot do it."""
    if seen.owner_superuser:
        return f"{seen.admin} may not change it, because {wanted.owner} is a superuser."
    if not seen.may_create_roles:
        return f"{seen.admin} may not change it, because it has not CREATEROLE."
    return (
        f"{seen.admin} may not change it, because another administrator has made it: from PostgreSQL 16 on, that takes GRANT "
        f"{quoted(wanted.owner)} TO {quoted(seen.admin)} WITH ADMIN OPTION."
    )


def _about_role_limit(wanted: Wanted) -> str:
    return (
        f"The role {wanted.owner} at {wanted.where} is allowed no connection, or no further one. Run as a superuser: ALTER ROLE "
        f"{quoted(wanted.owner)} CONNECTION LIMIT -1."
    )


def _about_login(wanted: Wanted) -> str:
    return f"The role {wanted.owner} at {wanted.where} may not log in. Run as a superuser: ALTER ROLE {quoted(wanted.owner)} LOGIN."


def _check_database(findings: Findings, seen: Seen, wanted: Wanted) -> None:
    database = f"The database {wanted.database} at {wanted.where}"
    if seen.database_limit == INVALID:
        findings.add("database", _about_invalid(wanted))
    elif not seen.allows_connections:
        findings.add("database", _about_connections(wanted))
    elif seen.database_limit == 0:
        findings.add("database", _about_database_limit(wanted))
    if seen.is_template:
        findings.add("database", _about_template(wanted))
    if seen.encoding != "UTF8":
        findings.add("database", _about_encoding(wanted, seen.encoding))
    if not seen.has_role:
        findings.add(
            "database",
            f"{database} is there already and belongs to {seen.database_owner}, and the role {wanted.owner} is not there, which would have "
            f"no rights in it. Set webui_database_name to another name; or run as a superuser: {wanted.create_role}; "
            f"{wanted.own_database}.",
        )
    elif not seen.owner_may_create:
        findings.add(
            "database",
            f"{database} is there already and belongs to {seen.database_owner}, and {wanted.owner} may not create schemas in it. "
            f"{_run_for_database(wanted)}",
        )
    elif not seen.owner_may_connect:
        findings.add("database", _about_connect(wanted))


def _steps_for_database(findings: Findings, seen: Seen, wanted: Wanted) -> list[str]:
    admin, owner = quoted(seen.admin), quoted(wanted.owner)
    may_create = seen.superuser or seen.may_create_databases
    if not may_create:
        findings.add(
            "database",
            f"There is no database {wanted.database} at {wanted.where}, and {seen.admin} may not create it. Run as a superuser: ALTER ROLE "
            f"{admin} CREATEDB; or: {wanted.create_database}.",
        )
    if seen.superuser or seen.acts_for_owner or seen.admin == wanted.owner:
        return ["database"]
    if seen.may_join_role:
        return ["membership", "database"]
    if may_create and seen.has_role:
        grant = f"GRANT {owner} TO {admin}" + (" WITH SET TRUE" if seen.version >= FIRST_STRICT else "")
        findings.add(
            "role",
            f"{seen.admin} may not act for the role {wanted.owner} at {wanted.where}, which another administrator has made, and so cannot "
            f"create a database that it owns. Run as that administrator or a superuser: {grant}; or: {wanted.create_database}.",
        )
    return []


def _run_for_database(wanted: Wanted) -> str:
    return (
        f"If it is meant for Open WebUI, run as its owner or a superuser: {wanted.own_database}; or: GRANT CREATE, CONNECT ON DATABASE "
        f"{quoted(wanted.database)} TO {quoted(wanted.owner)}. If not, set webui_database_name to another name."
    )


def _about_connections(wanted: Wanted) -> str:
    return (
        f"The database {wanted.database} at {wanted.where} takes no connections. Run as a superuser, in another database: ALTER DATABASE "
        f"{quoted(wanted.database)} ALLOW_CONNECTIONS true."
    )


def _about_database_limit(wanted: Wanted) -> str:
    return (
        f"The database {wanted.database} at {wanted.where} is allowed no connection, or no further one. Run as a superuser: ALTER DATABASE "
        f"{quoted(wanted.database)} CONNECTION LIMIT -1."
    )


def _about_invalid(wanted: Wanted) -> str:
    return (
        f"The database {wanted.database} at {wanted.where} is what an interrupted DROP DATABASE has left of one. Run as a superuser: DROP "
        f"DATABASE {quoted(wanted.database)}; and run this again."
    )


def _about_connect(wanted: Wanted) -> str:
    return (
        f"{wanted.owner} may not connect to the database {wanted.database} at {wanted.where}. Run as its owner or a superuser: GRANT "
        f"CONNECT ON DATABASE {quoted(wanted.database)} TO {quoted(wanted.owner)}."
    )


def _about_template(wanted: Wanted) -> str:
    return (
        f"The database {wanted.database} at {wanted.where} is a template, of which other databases are copied, with all that is in it. Set "
        f"webui_database_name to another name, or run as a superuser: ALTER DATABASE {quoted(wanted.database)} IS_TEMPLATE false."
    )


def _about_encoding(wanted: Wanted, encoding: str) -> str:
    return (
        f"The database {wanted.database} at {wanted.where} has the encoding {encoding}. Create it anew with encoding UTF8 from template0: "
        f"{wanted.create_database}."
    )


def check_standing(findings: Findings, standing: Standing, wanted: Wanted) -> None:
    """Name all that the owner role lacks in its database."""
    owner, schema = quoted(wanted.owner), quoted(wanted.schema)
    _check_server(findings, standing.version, standing.version_text, standing.standby)
    if standing.encoding != "UTF8":
        findings.add("database", _about_encoding(wanted, standing.encoding))
    if standing.is_template:
        findings.add("database", _about_template(wanted))
    if standing.read_only:
        findings.add(
            "server",
            f"default_transaction_read_only is on for {wanted.owner} in {wanted.database}. Turn it off: ALTER ROLE {owner} IN DATABASE "
            f"{quoted(wanted.database)} SET default_transaction_read_only = off.",
        )
    if not standing.may_create_schema:
        findings.add(
            "privilege",
            f"{wanted.owner} may not create schemas in {wanted.database}, which belongs to {standing.database_owner}. "
            f"{_run_for_database(wanted)}",
        )
    if standing.schema_owner is None:
        findings.add(
            "privilege",
            f"There is no schema {wanted.schema} in {wanted.database}. Run there as {wanted.owner} or a superuser: CREATE SCHEMA {schema} "
            f"AUTHORIZATION {owner}.",
        )
    else:
        lacks = _lacking(USAGE=standing.may_use, CREATE=standing.may_create)
        _add_schema_rights(findings, wanted, wanted.schema, standing.schema_owner, lacks, "create tables in", standing.database_owner)
    if standing.stamp_owner is not None and standing.may_use and not standing.may_read_stamp:
        findings.add(
            "privilege",
            f"{wanted.owner} may not read {STAMP} in the schema {wanted.schema} of {wanted.database}, which belongs to "
            f"{standing.stamp_owner}, so another role has created that schema's tables. Run in {wanted.database} as a superuser, for this "
            f"and all other tables of Open WebUI: ALTER TABLE {schema}.{STAMP} OWNER TO {owner}.",
        )
    if standing.bookkeeping_owner is not None:
        lacks = _lacking(USAGE=standing.may_use_bookkeeping, CREATE=standing.may_create_bookkeeping)
        _add_schema_rights(findings, wanted, BOOKKEEPING, standing.bookkeeping_owner, lacks, "keep record in", standing.database_owner)


def _lacking(**held: bool) -> list[str]:
    return [right for right, has in held.items() if not has]


def _add_schema_rights(
    findings: Findings, wanted: Wanted, schema: str, schema_owner: str, lacks: list[str], purpose: str, database_owner: str
) -> None:
    if not lacks:
        return
    rights = ", ".join(lacks)
    # From PostgreSQL 15 on, public belongs to whoever owns the database.
    belongs = f"{database_owner}, the owner of the database" if schema_owner == "pg_database_owner" else schema_owner
    findings.add(
        "privilege",
        f"{wanted.owner} may not {purpose} the schema {schema} of {wanted.database}, which belongs to {belongs}: it lacks {rights} there. "
        f"Run in {wanted.database} as that owner or a superuser: GRANT {rights} ON SCHEMA {quoted(schema)} TO {quoted(wanted.owner)}.",
    )


# What a server or libpq says, and what to do about it. Patterns leave names out, since these may be anything.
_REASONS = (
    (
        r"password authentication failed|no password supplied",
        lambda wanted: (
            "The server does not tell whether there is no such role, or the password is another one or has expired (VALID UNTIL). Correct "
            f"webui_database_user and webui_database_password; or run as a superuser: {wanted.create_role}"
        ),
    ),
    (r"is not permitted to log in", _about_login),
    (r"too many connections for role", _about_role_limit),
    (r"too many connections for database", _about_database_limit),
    (r"not currently accepting connections", _about_connections),
    (r"invalid database", _about_invalid),
    (r"permission denied for database", _about_connect),
    (r"role \".*\" does not exist", lambda wanted: f"Run as a superuser: {wanted.create_role}"),
    (r"database \".*\" does not exist", lambda wanted: f"Run as a superuser: {wanted.create_database}"),
    (
        r"pg_hba\.conf",
        lambda wanted: (
            'Let it in with a line in the server\'s pg_hba.conf; if it says "no encryption", set webui_database_ssl_mode to require'
        ),
    ),
    (r"No space left on device|Disk quota exceeded", lambda wanted: FULL_DISK.capitalize()),
    (r"starting up|shutting down|in recovery mode", lambda wanted: "Run again once it has started"),
    (r"too many clients|connection slots", lambda wanted: "End some of its sessions, or raise max_connections"),
)
_OTHERWISE = "Create role and database, correct the webui_database_ variables"
_OR_HAVE_IT_MADE = "set webui_postgres_admin_user and webui_postgres_admin_password and this role creates them"


def advice(reason: str, wanted: Wanted, has_admin: bool) -> str:
    """What to do about a connection that the owner role is refused."""
    words = next((words(wanted) for pattern, words in _REASONS if re.search(pattern, reason)), _OTHERWISE).rstrip(".")
    makes = words == _OTHERWISE or "CREATE " in words
    return f"{words}." if has_admin or not makes else f"{words}; or {_OR_HAVE_IT_MADE}."


# -- asking ---------------------------------------------------------------------------------------------------------------------


class _NoConnection(Exception):
    """There is none, for this reason: one line, without the password."""


@contextmanager
def _connected(options: dict[str, Any]) -> Iterator[_Connection]:
    if SECRET_PARAMETERS.intersection(options.get("connect_params") or {}):
        raise refuse("connection", "connect_params must not hold a password; use login_password")
    try:
        connection = psycopg.connect(**connection_parameters(options), autocommit=True, row_factory=dict_row, prepare_threshold=None)
    except (psycopg.Error, UnicodeError) as error:
        raise _NoConnection(_one_line(str(error) or type(error).__name__, options)) from None
    try:
        yield connection
    finally:
        connection.close()


def _one_line(text: str, options: dict[str, Any]) -> str:
    """What the server says, if anything does, without the password and without details."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if "FATAL" in line or "failed" in line), lines[0] if lines else "no reason given")
    password = options.get("login_password")
    line = line.replace(password, MASK) if password else line
    return re.sub(r"^.*\bFATAL:\s*", "", line).rstrip(".")


@contextmanager
def _transaction(connection: _Connection, writes: bool = False) -> Iterator[None]:
    """A transaction that no setting of role, database or server disturbs."""
    with connection.transaction():
        if writes:
            connection.execute("SET TRANSACTION READ WRITE")
        connection.execute("SET LOCAL search_path = pg_catalog")
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SET LOCAL lock_timeout = '30s'")
        connection.execute("SET LOCAL quote_all_identifiers = off")
        yield


_SEEN = """
    SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby,
           a.rolname::text AS admin, a.rolsuper AS superuser, a.rolcreaterole AS may_create_roles, a.rolcreatedb AS may_create_databases,
           o.oid IS NOT NULL AS has_role, coalesce(o.rolcanlogin, false) AS can_login, coalesce(o.rolconnlimit, 0) AS role_limit,
           coalesce(o.rolvaliduntil <= now(), false) AS expired, coalesce(o.rolsuper, false) AS owner_superuser,
           coalesce(pg_has_role(a.oid, o.oid, %(acting)s), false) AS acts_for_owner,
           coalesce(pg_has_role(a.oid, o.oid, 'MEMBER WITH ADMIN OPTION'), false) AS administers_owner,
           d.oid IS NOT NULL AS has_database, coalesce(pg_get_userbyid(d.datdba)::text, '') AS database_owner,
           coalesce(pg_encoding_to_char(d.encoding)::text, '') AS encoding, coalesce(d.datallowconn, false) AS allows_connections,
           coalesce(d.datistemplate, false) AS is_template, coalesce(d.datconnlimit, 0) AS database_limit,
           coalesce(has_database_privilege(o.oid, d.oid, 'CONNECT'), false) AS owner_may_connect,
           coalesce(has_database_privilege(o.oid, d.oid, 'CREATE'), false) AS owner_may_create
      FROM pg_roles AS a
      LEFT JOIN pg_roles AS o ON o.rolname = %(owner)s
      LEFT JOIN pg_database AS d ON d.datname = %(database)s
     WHERE a.rolname = current_user"""

_STANDING = """
    SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_text,
           current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby,
           current_setting('default_transaction_read_only') = 'on' AS read_only, d.datistemplate AS is_template,
           pg_get_userbyid(d.datdba)::text AS database_owner,
           has_database_privilege(d.oid, 'CREATE') AS may_create_schema,
           pg_get_userbyid(s.nspowner)::text AS schema_owner,
           coalesce(has_schema_privilege(s.oid, 'USAGE'), false) AS may_use,
           coalesce(has_schema_privilege(s.oid, 'CREATE'), false) AS may_create,
           pg_get_userbyid(b.nspowner)::text AS bookkeeping_owner,
           coalesce(has_schema_privilege(b.oid, 'USAGE'), false) AS may_use_bookkeeping,
           EXISTS (SELECT FROM pg_class AS r WHERE r.relnamespace = b.oid AND r.relname = 'run')
           OR coalesce(has_schema_privilege(b.oid, 'CREATE'), false) AS may_create_bookkeeping,
           pg_get_userbyid(t.relowner)::text AS stamp_owner,
           coalesce(has_table_privilege(t.oid, 'SELECT'), false) AS may_read_stamp
      FROM pg_database AS d
      LEFT JOIN pg_namespace AS s ON s.nspname = %(schema)s
      LEFT JOIN pg_namespace AS b ON b.nspname = %(bookkeeping)s
      LEFT JOIN pg_class AS t ON t.relnamespace = s.oid AND t.relname = %(stamp)s AND t.relkind IN ('r', 'p', 'v', 'm', 'f')
     WHERE d.datname = current_database()"""


def _look_as_admin(connection: _Connection, wanted: Wanted) -> Seen:
    acting = "SET" if connection.info.server_version >= FIRST_STRICT else "MEMBER"
    with _transaction(connection):
        row = only_row(connection.execute(_SEEN, {"acting": acting, "owner": wanted.owner, "database": wanted.database}))
    return Seen(**row)


def _look_as_owner(connection: _Connection, wanted: Wanted) -> Standing:
    with _transaction(connection):
        row = only_row(connection.execute(_STANDING, {"schema": wanted.schema, "bookkeeping": BOOKKEEPING, "stamp": STAMP}))
    return Standing(**row)


def _revision(connection: _Connection, wanted: Wanted) -> str:
    """What alembic has noted, usually one revision; several are joined, so that none of them is taken for the one."""
    table = sql.Identifier(wanted.schema, STAMP)
    with _transaction(connection):
        rows = connection.execute(sql.SQL("SELECT version_num::text AS revision FROM {} ORDER BY 1").format(table)).fetchall()
    return SEVERAL.join(row["revision"] for row in rows if row["revision"])


# -- doing ----------------------------------------------------------------------------------------------------------------------


class _MadeMeanwhile(Exception):
    """By another run."""


def provide(options: dict[str, Any], admin: dict[str, Any] | None, wanted: Wanted, check_mode: bool) -> dict[str, Any]:
    """Have role, database and schema there, and say whether they can be used.

    :param options: connection options of the owner role.
    :param admin: those of an administrator, if there is one to make what is missing.
    :returns: C(made), what was made or would be, in the order in which it is; C(ready), whether the database can be used now;
        C(revision), that of Open WebUI's schema in it, empty where there is none.
    :raises Refused: with all that stands in the way.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _provide(options, admin, wanted, check_mode)
        except _MadeMeanwhile as busy:
            if attempt == ATTEMPTS - 1:
                raise refuse("server", str(busy)) from None
    raise AssertionError("unreachable")


def _provide(options: dict[str, Any], admin: dict[str, Any] | None, wanted: Wanted, check_mode: bool) -> dict[str, Any]:
    made = _make(options, admin, wanted, check_mode) if admin is not None else []
    if check_mode and {"role", "login", "password", "database"} & set(made):
        if "database" in made and wanted.schema != "public":
            made.append("schema")
        return {"made": made, "ready": False, "revision": ""}
    try:
        with _connected(options) as connection, _in_words(f"{wanted.owner} could not look at {wanted.database}", options):
            standing = _look_as_owner(connection, wanted)
            if admin is not None and standing.schema_owner is None and standing.may_create_schema:
                made.append("schema")
                if check_mode:
                    return {"made": made, "ready": False, "revision": ""}
                with _transaction(connection, writes=True):
                    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(wanted.schema)))
                standing = _look_as_owner(connection, wanted)
            revision = _revision(connection, wanted) if standing.may_use and standing.may_read_stamp else ""
    except _NoConnection as reason:
        raise refuse(
            "connection",
            f"{wanted.owner} cannot connect to the database {wanted.database} at {wanted.where}: {reason}. "
            f"{advice(str(reason), wanted, admin is not None)}",
        ) from None
    findings = Findings()
    check_standing(findings, standing, wanted)
    findings.refuse_if_any()
    return {"made": made, "ready": True, "revision": revision}


def _make(options: dict[str, Any], admin: dict[str, Any], wanted: Wanted, check_mode: bool) -> list[str]:
    """Make, as the administrator, all but the schema."""
    user, database = admin["login_user"], admin["login_db"]
    try:
        with _connected(admin) as connection, _in_words(f"{user} could not look at {wanted.where}", admin):
            seen = _look_as_admin(connection, wanted)
            findings = Findings()
            steps = steps_for(findings, seen, wanted, _password_fails(options, seen, wanted, database))
            findings.refuse_if_any()
            if not check_mode:
                for step in steps:
                    with _in_words(f"{user} could not {_DOING[step]} at {wanted.where}", options):
                        _do(connection, step, wanted)
    except _NoConnection as reason:
        raise refuse(
            "admin", f"{user} cannot connect to the database {database} at {wanted.where}: {reason}. {wanted.admin_help}".strip()
        ) from None
    return steps


def _password_fails(options: dict[str, Any], seen: Seen, wanted: Wanted, other_database: str) -> bool:
    """Whether the server says so. Anything else that keeps the role from connecting comes after its password."""
    if not seen.has_role:
        return False
    database = wanted.database if seen.has_database and seen.allows_connections else other_database
    try:
        with _connected({**options, "login_db": database}):
            return False
    except _NoConnection as reason:
        return re.search(r"password authentication failed|no password supplied", str(reason)) is not None


_DOING = {
    "role": "create the role",
    "login": "let the role log in",
    "password": "set the password of the role",
    "membership": "become a member of the role",
    "database": "create the database",
}


def _do(connection: _Connection, step: str, wanted: Wanted) -> None:
    owner, database = sql.Identifier(wanted.owner), sql.Identifier(wanted.database)
    if step == "database":
        statement = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
        return _create_database(connection, statement.format(database, owner))
    with _transaction(connection, writes=True):
        if step == "role":
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(owner) + _password(connection, wanted))
        elif step == "login":
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(owner))
        elif step == "password":
            connection.execute(sql.SQL("ALTER ROLE {}").format(owner) + _password(connection, wanted))
        else:
            options = " WITH SET TRUE" if connection.info.server_version >= FIRST_STRICT else ""
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER" + options).format(owner))
    return None


def _password(connection: _Connection, wanted: Wanted) -> sql.Composable:
    """The clause, with what the server would keep of the password and not the password itself, which a log might show."""
    if not wanted.password:
        return sql.SQL("")
    method = only_row(connection.execute("SHOW password_encryption"))["password_encryption"]
    algorithm = b"md5" if method == "md5" else b"scram-sha-256"
    kept = connection.pgconn.encrypt_password(wanted.password.encode(), wanted.owner.encode(), algorithm)
    return sql.SQL(" PASSWORD {}").format(sql.Literal(kept.decode()))


def _create_database(connection: _Connection, statement: sql.Composed) -> None:
    # Not possible in a transaction, where these would go with it.
    settings = ("statement_timeout", "default_transaction_read_only")
    try:
        for name in settings:
            connection.execute(f"SET {name} = 0")
        connection.execute(statement)
    finally:
        if not connection.broken:
            for name in settings:
                connection.execute(f"RESET {name}")


@contextmanager
def _in_words(failure: str, options: dict[str, Any]) -> Iterator[None]:
    """An error of the server in one line. None of these statements touches a row of anybody's."""
    try:
        yield
    except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject, psycopg.errors.DuplicateDatabase) as error:
        raise _MadeMeanwhile(f"{failure}: {_words_of(error, options)}") from None
    except psycopg.Error as error:
        if "concurrently updated" in str(error):
            raise _MadeMeanwhile(f"{failure}: {_words_of(error, options)}") from None
        raise refuse("server", f"{failure}: {_words_of(error, options)}.") from None


def _words_of(error: psycopg.Error, options: dict[str, Any]) -> str:
    said = " ".join(filter(None, (error.diag.message_primary, error.diag.message_hint)))
    return _one_line(said or str(error) or type(error).__name__, options)
