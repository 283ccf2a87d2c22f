# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_database on real servers: what is missing is made, and whatever else stands in the way is named with what to run.

The advice is taken: after what a message says to run was run, the module succeeds.
"""

from __future__ import annotations

import re
import secrets
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Iterator

import psycopg
import pytest
from lab.databases import DatabaseServer
from psycopg import sql

HARD = "p@ss/w:rd %41#?'\"\\ $HOME ~`"


class Place:
    """Names on one server that no other test has, and the module run against them."""

    def __init__(self, server: DatabaseServer, run_module: Callable[..., Any]) -> None:
        self.server = server
        self._run = run_module
        mark = secrets.token_hex(4)
        self.owner, self.database, self.admin, self.other = (f"{what} {mark}" for what in ("owner", "db", "admin", "other"))
        self.major = self._number("server_version_num") // 10000

    def _number(self, setting: str) -> int:
        with self.server.admin() as connection:
            return int(connection.execute("SELECT current_setting(%s)", [setting]).fetchone()[0])

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Run it as superuser, with {owner}, {database}, {admin} and {other} in it."""
        names = {name: sql.Identifier(getattr(self, name)) for name in ("owner", "database", "admin", "other")}
        with self.server.admin(database, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(**names))

    def make_admin(self, *flags: str) -> None:
        self.sql(f"CREATE ROLE {{admin}} LOGIN PASSWORD 'adm-pw' {' '.join(flags)}")

    def make_owner(self, *flags: str) -> None:
        self.sql(f"CREATE ROLE {{owner}} LOGIN PASSWORD '0wn-pw' {' '.join(flags)}")

    def run(self, admin: str | None = None, check: bool = False, python: Path | None = None, **options: Any) -> Any:
        login = {
            "login_host": self.server.cluster.host,
            "login_port": self.server.cluster.port,
            "login_user": self.owner,
            "login_password": "0wn-pw",
            "login_db": self.database,
        }
        if admin:
            login.update(admin_user=admin, admin_password="adm-pw" if admin == self.admin else self.server.cluster.password)
        return self._run("webui_database", {**login, **options}, check=check, diff=True, python=python)

    def run_as_superuser(self, **options: Any) -> Any:
        return self.run(self.server.cluster.superuser, **options)

    def refused(self, *parts: str, admin: str | None = None, **options: Any) -> list[str]:
        """The messages of a refusal, which hold all these between them. Nothing is made."""
        before = self.everything()
        result = self.run(admin, **options)
        assert result.get("failed"), result
        messages = [problem["message"] for problem in result["problems"]]
        assert [part for part in parts if not any(part in message for message in messages)] == [], messages
        assert all("\n" not in message for message in messages)
        assert "DO $$" not in result["msg"]
        assert "$$" not in result["msg"]
        assert self.everything() == before
        return messages

    def take_advice(self, message: str, database: str = "postgres") -> None:
        """Run the first statement that the message names, as superuser."""
        statement = re.search(r"(?:Run|run|Turn|template0)[^:]*: ((?:ALTER|GRANT|CREATE|DROP) .*?)(?:;|\. |\.$)", message)[1]
        with self.server.admin(database, autocommit=True) as connection:
            connection.execute(statement.replace("'...'", "'0wn-pw'").encode())

    def everything(self) -> list:
        """Roles and databases of the server, as they are."""
        with self.server.admin() as connection:
            roles = connection.execute(
                "SELECT rolname, rolcanlogin, rolpassword, rolconnlimit, rolvaliduntil::text FROM pg_authid ORDER BY 1"
            ).fetchall()
            databases = connection.execute(
                "SELECT datname, datdba, datacl::text, datallowconn, datistemplate FROM pg_database ORDER BY 1"
            ).fetchall()
            members = connection.execute("SELECT roleid, member FROM pg_auth_members ORDER BY 1, 2").fetchall()
        return [roles, databases, members]

    def owner_can_work(self, password: str = "0wn-pw", schema: str = "public") -> bool:
        with psycopg.connect(
            host=self.server.cluster.host, port=self.server.cluster.port, user=self.owner, password=password, dbname=self.database
        ) as connection:
            connection.execute(sql.SQL("CREATE TABLE {}.mine (id int)").format(sql.Identifier(schema)))
            connection.execute("CREATE SCHEMA books")
            connection.rollback()
        return True

    def clean(self) -> None:
        with self.server.admin(autocommit=True) as connection:
            name = sql.Identifier(self.database)
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database]).fetchone():
                connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(name))
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            for role in (self.owner, self.admin, self.other):
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


@pytest.fixture(params=["pg18", "pg15"])
def place(request: pytest.FixtureRequest, run_module) -> Iterator[Place]:
    made = Place(request.getfixturevalue(request.param), run_module)
    yield made
    made.clean()


@pytest.fixture
def place18(pg18: DatabaseServer, run_module) -> Iterator[Place]:
    made = Place(pg18, run_module)
    yield made
    made.clean()


# What is missing is made


def test_a_superuser_makes_it_all_and_a_second_run_changes_nothing(place):
    rehearsal = place.run_as_superuser(check=True, login_password=HARD, schema="web ui")
    assert (rehearsal["made"], rehearsal["ready"], rehearsal["changed"]) == (["role", "database", "schema"], False, True)
    assert rehearsal["diff"]["after"] == {"role": place.owner, "database": place.database, "schema": "web ui"}
    made = place.run_as_superuser(login_password=HARD, schema="web ui")
    assert (made["made"], made["ready"], made["changed"]) == (["role", "database", "schema"], True, True), made
    for check in (False, True):
        again = place.run_as_superuser(login_password=HARD, schema="web ui", check=check)
        assert (again["made"], again["ready"], again["changed"]) == ([], True, False)
    assert place.owner_can_work(HARD, "web ui")
    assert HARD not in made.stdout


def test_an_administrator_as_hosters_hand_out_makes_it_all(place):
    """Neither a superuser nor able to read passwords, as on RDS, Cloud SQL and Azure."""
    place.make_admin("CREATEROLE CREATEDB")
    made = place.run(place.admin, schema="ui")
    assert made.get("made") == ["role", "membership", "database", "schema"], made
    assert place.run(place.admin, schema="ui")["changed"] is False
    assert place.owner_can_work("0wn-pw", "ui")
    other = place.run(place.admin, login_password="another")
    assert other.get("made") == ["password"], other
    assert place.owner_can_work("another")


def test_python_39_makes_it_too(place18, python39):
    assert place18.run_as_superuser(python=python39).get("ready") is True


def test_the_password_never_reaches_the_server_in_clear_text(place18):
    place18.sql("ALTER SYSTEM SET log_statement = 'all'")
    place18.sql("SELECT pg_reload_conf()")
    try:
        assert place18.run_as_superuser(login_password="in-clear-text")["ready"]
    finally:
        place18.sql("ALTER SYSTEM RESET log_statement")
        place18.sql("SELECT pg_reload_conf()")
    log = place18.server.cluster.log.read_text()
    assert f'CREATE ROLE "{place18.owner}" LOGIN' in log
    assert "in-clear-text" not in log


def test_odd_settings_of_the_roles_do_no_harm(place):
    place.make_admin("CREATEROLE CREATEDB")
    place.make_owner()
    for role in ("{admin}", "{owner}"):
        place.sql(f"ALTER ROLE {role} SET quote_all_identifiers = on")
        place.sql(f"ALTER ROLE {role} SET search_path = nowhere")
    place.sql("ALTER ROLE {admin} SET default_transaction_read_only = on")
    place.sql("GRANT {owner} TO {admin}")
    assert place.run(place.admin).get("made") == ["database"]


def test_a_role_that_may_not_log_in_may_afterwards(place):
    place.sql("CREATE ROLE {owner} NOLOGIN PASSWORD '0wn-pw'")
    assert place.run_as_superuser().get("made") == ["login", "database"]


# Who may not do it


def test_an_administrator_who_cannot_connect(place):
    place.make_admin()
    result = place.run(place.admin, admin_password="wrong one", admin_help="Correct it.")
    assert result["problems"][0]["kind"] == "admin"
    assert f"{place.admin} cannot connect to the database postgres at 127.0.0.1 port" in result["msg"]
    assert "password authentication failed" in result["msg"]
    assert result["msg"].endswith("Correct it.")
    assert "wrong one" not in result.stdout


def test_an_administrator_who_may_create_neither(place):
    place.make_admin()
    messages = place.refused(f'ALTER ROLE "{place.admin}" CREATEROLE', f'ALTER ROLE "{place.admin}" CREATEDB', admin=place.admin)
    assert len(messages) == 2
    for message in messages:
        place.take_advice(message)
    assert place.run(place.admin).get("ready") is True


def test_a_role_that_another_administrator_has_made(place):
    """From PostgreSQL 16 on, an administrator is master of its own roles only."""
    place.make_admin("CREATEROLE CREATEDB")
    place.make_owner()
    if place.major < 16:
        assert place.run(place.admin).get("made") == ["membership", "database"]
        return
    (message,) = place.refused(
        f"{place.admin} may not act for the role {place.owner}",
        f'GRANT "{place.owner}" TO "{place.admin}" WITH SET TRUE',
        admin=place.admin,
    )
    place.take_advice(message)
    assert place.run(place.admin).get("made") == ["database"]


def test_a_role_of_another_administrator_with_another_password(place18):
    place18.make_admin("CREATEROLE CREATEDB")
    place18.make_owner()
    place18.sql("GRANT {owner} TO {admin} WITH SET TRUE")
    place18.refused("its password is not webui_database_password", "WITH ADMIN OPTION", admin=place18.admin, login_password="another")
    place18.sql("ALTER ROLE {owner} NOLOGIN")
    place18.refused("may not log in", "WITH ADMIN OPTION", admin=place18.admin)
    place18.sql("GRANT {owner} TO {admin} WITH ADMIN OPTION")
    result = place18.run(place18.admin, login_password="another")
    assert result.get("made") == ["login", "password", "database"], result


def test_only_the_right_to_inherit_is_not_enough(place18):
    place18.make_admin("CREATEDB")
    place18.make_owner()
    place18.sql("GRANT {owner} TO {admin} WITH INHERIT TRUE, SET FALSE")
    place18.refused("WITH SET TRUE", admin=place18.admin)


def test_a_role_that_is_a_superuser(place):
    place.make_admin("CREATEROLE CREATEDB")
    place.make_owner("SUPERUSER")
    place.refused(f"may not act for the role {place.owner}", admin=place.admin)
    place.refused("is a superuser", admin=place.admin, login_password="another")


def test_an_administrator_that_is_the_owner_itself(place):
    place.make_admin("CREATEDB")
    made = place.run(place.admin, login_user=place.admin, login_password="adm-pw")
    assert made.get("made") == ["database"], made


# What is there, and of somebody else


@pytest.mark.parametrize("by_admin", [True, False])
def test_a_database_of_another_role(place, by_admin):
    place.make_owner()
    place.sql("CREATE ROLE {other} LOGIN")
    place.sql("CREATE DATABASE {database} OWNER {other}")
    admin = place.server.cluster.superuser if by_admin else None
    messages = place.refused(f"belongs to {place.other}", "may not create schemas in", admin=admin)
    place.take_advice(messages[0])
    result = place.run(admin)
    assert (result.get("ready"), result.get("changed")) == (True, False), result
    assert place.owner_can_work()


def test_a_database_of_another_role_in_which_everything_is_allowed(place):
    place.make_owner()
    place.sql("CREATE DATABASE {database}")
    place.sql("GRANT ALL ON DATABASE {database} TO {owner}")
    place.sql("GRANT ALL ON SCHEMA public TO {owner}", place.database)
    before = place.everything()
    assert place.run_as_superuser()["changed"] is False
    assert place.everything() == before


def test_a_database_without_its_role(place):
    place.sql("CREATE DATABASE {database}")
    place.refused("belongs to postgres", "which would have no rights in it", admin=place.server.cluster.superuser)


@pytest.mark.parametrize("by_admin", [True, False])
def test_all_rights_in_the_database_and_none_in_public(place, by_admin):
    """What "GRANT ALL ON DATABASE" gives from PostgreSQL 15 on: USAGE on public is everybody's, CREATE is not."""
    place.make_owner()
    place.sql("CREATE DATABASE {database}")
    place.sql("GRANT ALL ON DATABASE {database} TO {owner}")
    admin = place.server.cluster.superuser if by_admin else None
    (message,) = place.refused(
        f"{place.owner} may not create tables in the schema public of {place.database}",
        "which belongs to postgres, the owner of the database: it lacks CREATE there",
        f'GRANT CREATE ON SCHEMA "public" TO "{place.owner}"',
        admin=admin,
    )
    place.take_advice(message, place.database)
    assert place.run(admin).get("ready") is True
    assert place.owner_can_work()


@pytest.mark.parametrize(("held", "lacks"), [("USAGE", "CREATE"), ("CREATE", "USAGE"), (None, "USAGE, CREATE")])
def test_a_schema_of_another_role(place, held, lacks):
    place.make_owner()
    place.sql("CREATE ROLE {other}")
    place.sql("CREATE DATABASE {database} OWNER {owner}")
    place.sql("CREATE SCHEMA ui AUTHORIZATION {other}", place.database)
    if held:
        place.sql(f"GRANT {held} ON SCHEMA ui TO {{owner}}", place.database)
    (message,) = place.refused(f"belongs to {place.other}: it lacks {lacks} there", admin=place.server.cluster.superuser, schema="ui")
    place.take_advice(message, place.database)
    assert place.run(schema="ui").get("ready") is True


def test_a_record_of_earlier_moves_that_cannot_be_written(place):
    place.make_owner()
    place.sql("CREATE DATABASE {database} OWNER {owner}")
    place.sql("CREATE SCHEMA webui_migration", place.database)
    (message,) = place.refused("may not keep record in the schema webui_migration", "it lacks USAGE, CREATE there")
    place.take_advice(message, place.database)
    assert place.run().get("ready") is True


def test_a_schema_that_is_not_there(place):
    place.make_owner()
    place.sql("CREATE DATABASE {database} OWNER {owner}")
    (message,) = place.refused("There is no schema ui in", schema="ui")
    place.take_advice(message, place.database)
    assert place.run(schema="ui").get("ready") is True


def test_a_schema_is_made_in_a_database_that_is_there(place):
    place.make_owner()
    place.make_admin()
    place.sql("CREATE DATABASE {database} OWNER {owner}")
    assert place.run(place.admin, schema="ui", check=True)["made"] == ["schema"]
    assert place.run(place.admin, schema="ui").get("made") == ["schema"]


@pytest.mark.parametrize("by_admin", [True, False])
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("ALTER ROLE {owner} CONNECTION LIMIT 0", "CONNECTION LIMIT -1"),
        ("ALTER ROLE {owner} VALID UNTIL '2020-01-01'", "VALID UNTIL"),
        ("ALTER DATABASE {database} ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"),
        ("ALTER DATABASE {database} CONNECTION LIMIT 0", "CONNECTION LIMIT -1"),
        ("ALTER DATABASE {database} IS_TEMPLATE true", "IS_TEMPLATE false"),
        ("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC, {owner}", "GRANT CONNECT"),
        ("UPDATE pg_database SET datconnlimit = -2 WHERE datname LIKE 'db %'", "DROP DATABASE"),
    ],
)
def test_what_keeps_the_role_out(place, by_admin, statement, says):
    place.make_owner()
    place.sql("CREATE DATABASE {database} OWNER {owner}")
    place.sql(statement)
    admin = place.server.cluster.superuser if by_admin else None
    (message,) = place.refused(says, admin=admin)
    if statement.startswith("ALTER ROLE {owner} VALID") and not by_admin:
        return  # The server tells strangers no more than that the password is wrong.
    place.take_advice(message)
    assert place.run(place.server.cluster.superuser).get("ready") is True


def test_a_role_that_may_not_log_in_and_nobody_to_change_it(place):
    place.sql("CREATE ROLE {owner} NOLOGIN PASSWORD '0wn-pw'")
    place.sql("CREATE DATABASE {database} OWNER {owner}")
    (message,) = place.refused("may not log in")
    place.take_advice(message)
    assert place.run().get("ready") is True


def test_neither_role_nor_database_and_nobody_to_make_them(place):
    place.refused(f'CREATE ROLE "{place.owner}" LOGIN', "set webui_postgres_admin_user")
    place.make_owner()
    (message,) = place.refused(f'CREATE DATABASE "{place.database}" OWNER "{place.owner}"', "set webui_postgres_admin_user")
    place.take_advice(message)
    assert place.run().get("ready") is True


def test_an_encoding_that_will_not_do(place):
    place.make_owner()
    place.sql("CREATE DATABASE {database} OWNER {owner} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    for admin in (None, place.server.cluster.superuser):
        place.refused("has the encoding SQL_ASCII", admin=admin)


def test_a_read_only_default(place):
    place.make_owner()
    place.sql("CREATE DATABASE {database} OWNER {owner}")
    place.sql("ALTER ROLE {owner} IN DATABASE {database} SET default_transaction_read_only = on")
    (message,) = place.refused("default_transaction_read_only is on")
    place.take_advice(message)
    assert place.run().get("ready") is True


def test_a_password_that_was_made_up_is_not_set_in_place_of_another(place):
    place.make_owner()
    place.refused(
        f"There is a role {place.owner} already, and its password is not the one in /srv/secrets/owner",
        admin=place.server.cluster.superuser,
        login_password="made-up",
        password_file="/srv/secrets/owner",
    )


def test_several_things_at_once(place):
    place.make_owner("CONNECTION LIMIT 0")
    place.sql("CREATE ROLE {other}")
    place.sql("CREATE DATABASE {database} OWNER {other} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    messages = place.refused("CONNECTION LIMIT -1", "has the encoding", "may not create schemas", admin=place.server.cluster.superuser)
    assert len(messages) == 3


# What schema is in it


@pytest.mark.parametrize("schema", ["public", "web ui"])
def test_the_revision_of_the_schema(place, schema):
    assert place.run_as_superuser(schema=schema, check=True).get("revision") == ""
    assert place.run_as_superuser(schema=schema).get("revision") == ""
    stamp = sql.Identifier(schema, "alembic_version")
    login = {"host": place.server.cluster.host, "port": place.server.cluster.port, "user": place.owner, "password": "0wn-pw"}
    revisions = []
    with psycopg.connect(**login, dbname=place.database, autocommit=True) as owner:
        # Another program's, on the way to which nothing is looked for.
        owner.execute('CREATE SCHEMA "aaa"')
        owner.execute("CREATE TABLE aaa.alembic_version AS SELECT 'ffffffffffff' AS version_num")
        owner.execute(sql.SQL("ALTER ROLE {} SET search_path = aaa").format(sql.Identifier(place.owner)))
        owner.execute(sql.SQL("CREATE TABLE {} (version_num varchar(32) NOT NULL)").format(stamp))
        revisions.append(place.run(schema=schema)["revision"])
        owner.execute(sql.SQL("INSERT INTO {} VALUES ('0bd252b206fb')").format(stamp))
        revisions += [place.run(schema=schema, check=check)["revision"] for check in (False, True)]
        owner.execute(sql.SQL("INSERT INTO {} VALUES ('00aa')").format(stamp))
        revisions.append(place.run(schema=schema)["revision"])
    assert revisions == ["", "0bd252b206fb", "0bd252b206fb", "00aa, 0bd252b206fb"]
    assert place.run(schema=schema)["changed"] is False


def test_a_schema_whose_tables_another_role_has_made(place):
    place.make_owner()
    place.sql("CREATE DATABASE {database} OWNER {owner}")
    place.sql("CREATE TABLE public.alembic_version AS SELECT '0bd252b206fb' AS version_num", place.database)
    (message,) = place.refused(f"{place.owner} may not read alembic_version in the schema public of {place.database}")
    place.take_advice(message, place.database)
    assert place.run()["revision"] == "0bd252b206fb"


# Waiting for it


def test_a_server_that_is_there_is_not_waited_for_and_one_that_comes_late_is(place18):
    assert place18.run_as_superuser(wait=600).get("ready") is True
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        late_port = late.getsockname()[1]
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(place18.run, login_host="127.0.0.1", login_port=late_port, wait=600)
            forward = threading.Event()
            # Nothing listens yet: only now does the server come up, for which this stands.
            late.listen()
            threading.Thread(target=_pass_on, args=(late, place18.server.cluster.port, forward), daemon=True).start()
            assert waiting.result().get("ready") is True
        assert forward.is_set()


def _pass_on(listener: socket.socket, port: int, forwarded: threading.Event) -> None:
    """Lead every connection to a real server."""
    while True:
        try:
            client, _address = listener.accept()
        except OSError:
            return
        forwarded.set()
        server = socket.create_connection(("127.0.0.1", port))
        for ends in ((client, server), (server, client)):
            threading.Thread(target=_copy, args=ends, daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_a_server_that_never_comes(place18):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        for check in (False, True):
            result = place18.run(login_host="127.0.0.1", login_port=port, wait=1, check=check)
            assert result["failed"]
            assert result["msg"] == (
                f"Nothing answers at 127.0.0.1 port {port} from the target host. Start PostgreSQL, let the target host through its "
                "firewall, or correct webui_database_host and webui_database_port."
            )
