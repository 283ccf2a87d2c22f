# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided from what was seen: what to make, and what to say. tests/integration/test_database.py has real servers see it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.database import (
    Seen,
    Standing,
    Wanted,
    advice,
    check_standing,
    quoted,
    steps_for,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings

WANTED = Wanted("ada", "secret", "webui", "public", "db.example.org port 5432")

BARE = Seen(
    version=180000,
    standby=False,
    admin="boss",
    superuser=False,
    may_create_roles=True,
    may_create_databases=True,
    has_role=False,
    can_login=False,
    role_limit=0,
    expired=False,
    owner_superuser=False,
    acts_for_owner=False,
    administers_owner=False,
    has_database=False,
    database_owner="",
    encoding="",
    allows_connections=False,
    is_template=False,
    database_limit=0,
    owner_may_connect=False,
    owner_may_create=False,
)
WITH_ROLE = BARE._replace(has_role=True, can_login=True, role_limit=-1)
WHOLE = WITH_ROLE._replace(
    has_database=True,
    database_owner="ada",
    encoding="UTF8",
    allows_connections=True,
    database_limit=-1,
    owner_may_connect=True,
    owner_may_create=True,
)
WELL = Standing(
    version=150004,
    version_text="15.4",
    encoding="UTF8",
    standby=False,
    read_only=False,
    is_template=False,
    database_owner="ada",
    may_create_schema=True,
    schema_owner="pg_database_owner",
    may_use=True,
    may_create=True,
    bookkeeping_owner=None,
    may_use_bookkeeping=False,
    may_create_bookkeeping=False,
    stamp_owner=None,
    may_read_stamp=False,
)


def decide(seen: Seen, password_fails: bool = False, wanted: Wanted = WANTED, **changes: Any) -> tuple[list[str], list[str]]:
    findings = Findings()
    steps = steps_for(findings, seen._replace(**changes), wanted, password_fails)
    return steps, [problem.message for problem in findings.problems]


def lacks(**changes: Any) -> list[str]:
    findings = Findings()
    check_standing(findings, WELL._replace(**changes), WANTED)
    return [problem.message for problem in findings.problems]


def test_all_that_is_there_is_left():
    assert decide(WHOLE) == ([], [])
    assert lacks() == []


@pytest.mark.parametrize("version", [140000, 150000, 160000, 180000])
def test_whoever_makes_the_role_may_act_for_it(version):
    assert decide(BARE, version=version) == (["role", "membership", "database"], [])
    assert decide(BARE, version=version, superuser=True) == (["role", "database"], [])


@pytest.mark.parametrize(
    ("version", "administers", "acts", "expected"),
    [
        (150000, False, False, ["membership", "database"]),
        (160000, True, False, ["membership", "database"]),
        (160000, False, True, ["database"]),
        (160000, False, False, []),
    ],
)
def test_a_role_that_others_have_made(version, administers, acts, expected):
    steps, said = decide(WITH_ROLE, version=version, administers_owner=administers, acts_for_owner=acts)
    assert steps == expected
    assert len(said) == (not expected)
    if said:
        assert said[0] == (
            "boss may not act for the role ada at db.example.org port 5432, which another administrator has made, and so cannot create a "
            'database that it owns. Run as that administrator or a superuser: GRANT "ada" TO "boss" WITH SET TRUE; or: CREATE DATABASE '
            '"webui" OWNER "ada" ENCODING \'UTF8\' TEMPLATE template0.'
        )


def test_before_16_there_is_no_option_to_name():
    steps, (said,) = decide(WITH_ROLE, version=150000, may_create_roles=False)
    assert steps == []
    assert 'GRANT "ada" TO "boss"; or: ' in said


def test_an_administrator_who_may_create_nothing():
    _steps, said = decide(BARE, may_create_roles=False, may_create_databases=False)
    assert [message.partition(" Run as a superuser: ")[2].partition(";")[0] for message in said] == [
        'ALTER ROLE "boss" CREATEROLE',
        'ALTER ROLE "boss" CREATEDB',
    ]


@pytest.mark.parametrize(
    ("changes", "steps", "says"),
    [
        ({"superuser": True}, ["password"], None),
        ({"administers_owner": True}, ["password"], None),
        ({"version": 150000}, ["password"], None),
        ({"admin": "ada"}, ["password"], None),
        ({}, [], "another administrator has made it"),
        ({"may_create_roles": False}, [], "it has not CREATEROLE"),
        ({"owner_superuser": True, "administers_owner": True}, [], "ada is a superuser"),
    ],
)
def test_another_password(changes, steps, says):
    found, said = decide(WHOLE, password_fails=True, **changes)
    assert found == steps
    assert (says is None and not said) or says in said[0]


def test_one_that_was_made_up_is_never_set_in_place_of_another():
    steps, (said,) = decide(WHOLE, password_fails=True, superuser=True, wanted=WANTED._replace(password_file="/srv/owner"))
    assert steps == []
    assert said.startswith("There is a role ada already, and its password is not the one in /srv/owner.")


def test_an_expired_password_is_not_set_anew():
    steps, (said,) = decide(WHOLE, password_fails=True, superuser=True, expired=True)
    assert steps == []
    assert "ALTER ROLE \"ada\" VALID UNTIL 'infinity'" in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"standby": True}, "The server is a standby"),
        ({"version": 130012}, "The server is PostgreSQL 13. Use 14 or newer."),
        ({"role_limit": 0}, 'ALTER ROLE "ada" CONNECTION LIMIT -1'),
        ({"allows_connections": False}, 'ALTER DATABASE "webui" ALLOW_CONNECTIONS true'),
        ({"database_limit": 0}, 'ALTER DATABASE "webui" CONNECTION LIMIT -1'),
        ({"database_limit": -2, "allows_connections": False}, 'DROP DATABASE "webui"'),
        ({"is_template": True}, 'ALTER DATABASE "webui" IS_TEMPLATE false'),
        ({"encoding": "LATIN1"}, "has the encoding LATIN1"),
        ({"owner_may_create": False, "database_owner": "bob"}, 'ALTER DATABASE "webui" OWNER TO "ada"'),
        ({"owner_may_connect": False}, 'GRANT CONNECT ON DATABASE "webui" TO "ada"'),
        ({"can_login": False}, 'ALTER ROLE "ada" LOGIN'),
        ({"has_role": False, "can_login": False, "database_owner": "bob"}, 'CREATE ROLE "ada" LOGIN'),
    ],
)
def test_what_an_administrator_sees_in_the_way(changes, says):
    _steps, (said,) = decide(WHOLE, **changes)
    assert says in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"standby": True}, "The server is a standby"),
        ({"version": 130012, "version_text": "13.12"}, "The server is PostgreSQL 13.12."),
        ({"encoding": "SQL_ASCII"}, "has the encoding SQL_ASCII"),
        ({"is_template": True}, "is a template"),
        ({"read_only": True}, "SET default_transaction_read_only = off"),
        ({"may_create_schema": False, "database_owner": "bob"}, "may not create schemas in webui, which belongs to bob"),
        ({"schema_owner": None, "may_use": False, "may_create": False}, 'CREATE SCHEMA "public" AUTHORIZATION "ada"'),
        ({"may_create": False}, 'Run in webui as that owner or a superuser: GRANT CREATE ON SCHEMA "public" TO "ada"'),
        ({"may_use": False}, "GRANT USAGE ON SCHEMA"),
        ({"may_use": False, "may_create": False, "schema_owner": "bob"}, "belongs to bob: it lacks USAGE, CREATE there"),
        ({"bookkeeping_owner": "bob", "may_use_bookkeeping": True}, 'GRANT CREATE ON SCHEMA "webui_migration"'),
        ({"stamp_owner": "bob"}, 'ALTER TABLE "public".alembic_version OWNER TO "ada"'),
    ],
)
def test_what_the_owner_lacks(changes, says):
    (said,) = lacks(**changes)
    assert says in said
    assert said.endswith(".")


def test_of_public_the_owner_of_the_database_is_named():
    (said,) = lacks(may_create=False, database_owner="bob")
    assert "which belongs to bob, the owner of the database" in said


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ('password authentication failed for user "ada"', "has expired (VALID UNTIL)"),
        ('role "ada" is not permitted to log in', 'ALTER ROLE "ada" LOGIN'),
        ('role "ada" does not exist', 'CREATE ROLE "ada"'),
        ('database "webui" does not exist', 'CREATE DATABASE "webui"'),
        ('database "webui" is not currently accepting connections', "ALLOW_CONNECTIONS true"),
        ('cannot connect to invalid database "webui"', "DROP DATABASE"),
        ('too many connections for role "ada"', "CONNECTION LIMIT"),
        ('permission denied for database "webui"', "GRANT CONNECT"),
        ('no pg_hba.conf entry for host "10.0.0.1", user "ada", database "webui", no encryption', "set webui_database_ssl_mode to require"),
        ("sorry, too many clients already", "raise max_connections"),
        ("could not write init file: No space left on device", "The server's disk is full; make room there"),
        ("the database system is starting up", "Run again once"),
        ("Connection refused", "correct the webui_database_ variables"),
    ],
)
def test_advice_for_what_a_server_says(reason, says):
    for has_admin in (True, False):
        said = advice(reason, WANTED, has_admin)
        assert says in said
        assert said.endswith(".")
        assert not said.endswith("..")
        assert not (has_admin and "webui_postgres_admin_user" in said)


def test_names_are_quoted():
    assert quoted('a"b') == '"a""b"'
