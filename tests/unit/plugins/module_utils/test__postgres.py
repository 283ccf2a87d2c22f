# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options become connection parameters, and errors become one line without a secret or a value. No server is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils import _postgres
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres import (
    connect,
    connection_argument_spec,
    connection_parameters,
    guard,
    in_words,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused

ODD_PASSWORD = "p@ss/w:rd %41#?'\"\\ with $HOME and a space"


def options(**given: Any) -> dict[str, Any]:
    """The options of a module with the defaults that Ansible fills in."""
    defaults = {name: option.get("default") for name, option in connection_argument_spec().items()}
    return {**defaults, "login_db": "webui", **given}


# Parameters


def test_by_default_the_local_socket_as_the_current_user():
    parameters = connection_parameters(options())
    named = ("dbname", "port", "sslmode", "client_encoding")
    assert [parameters[name] for name in named] == ["webui", 5432, "prefer", "UTF8"]
    assert not {"host", "user", "password", "sslrootcert", "sslcert", "sslkey"} & set(parameters)


def test_each_option_has_its_parameter():
    given = {
        "login_host": ("host", "db"), "login_port": ("port", 5433), "login_user": ("user", "ada"),
        "login_password": ("password", "x"), "ssl_mode": ("sslmode", "verify-full"), "ca_cert": ("sslrootcert", "/ca"),
        "ssl_cert": ("sslcert", "/c"), "ssl_key": ("sslkey", "/k"),
    }
    parameters = connection_parameters(options(**{name: value for name, (_parameter, value) in given.items()}))
    assert {name: parameters[name] for name, _value in given.values()} == dict(given.values())


def test_the_socket_wins_over_the_host():
    assert connection_parameters(options(login_host="db", login_unix_socket="/run/postgresql"))["host"] == "/run/postgresql"


def test_other_parameters_have_the_last_word_but_for_the_encoding():
    given = {"connect_timeout": 3, "host": "other", "target_session_attrs": "read-write", "client_encoding": "LATIN1"}
    parameters = connection_parameters(options(login_host="db", connect_params=given))
    assert (parameters["connect_timeout"], parameters["host"], parameters["target_session_attrs"]) == (3, "other", "read-write")
    assert parameters["client_encoding"] == "UTF8"
    assert given["client_encoding"] == "LATIN1"


def test_a_password_needs_no_quoting():
    parameters = connection_parameters(options(login_password=ODD_PASSWORD))
    assert parameters["password"] == ODD_PASSWORD
    assert psycopg.conninfo.conninfo_to_dict(psycopg.conninfo.make_conninfo(**parameters))["password"] == ODD_PASSWORD


def test_secrets_are_marked_as_such():
    secret = {name for name, option in connection_argument_spec().items() if option.get("no_log")}
    assert secret == {"login_password"}


@pytest.mark.parametrize("name", ["password", "sslpassword"])
def test_no_secret_comes_another_way(name):
    with pytest.raises(Refused, match="use login_password"), connect(options(connect_params={name: "hunter2"})):
        pytest.fail("there is no connection")


# Why there is no connection


def fails_with(monkeypatch: pytest.MonkeyPatch, message: str, kind: type[Exception] = psycopg.OperationalError, **given: Any) -> str:
    def fail(**_parameters: Any) -> None:
        raise kind(message)

    monkeypatch.setattr(_postgres.psycopg, "connect", fail)
    with pytest.raises(Refused) as caught, connect(options(**given)):
        pytest.fail("there is no connection")
    (problem,) = caught.value.problems
    assert problem.kind == "connection"
    assert "\n" not in problem.message
    return problem.message


def test_the_reason_is_one_line(monkeypatch):
    message = (
        'connection failed: connection to server at "127.0.0.1", port 5433 failed: Connection refused\n'
        "\tIs the server running on that host and accepting TCP/IP connections?"
    )
    assert fails_with(monkeypatch, message, login_host="127.0.0.1", login_port=5433, login_user="ada") == (
        f"cannot connect to database webui as ada on 127.0.0.1, port 5433: {message.splitlines()[0]}"
    )


def test_of_several_attempts_one_with_a_reason_is_told(monkeypatch):
    message = 'Multiple connection attempts failed. All failures were:\nFATAL:  password authentication failed for user "ada"'
    assert "attempts failed" in fails_with(monkeypatch, message)
    assert "authentication" in fails_with(monkeypatch, 'hint: look\nFATAL:  password authentication failed for user "ada"')


def test_who_and_where_without_options(monkeypatch):
    assert fails_with(monkeypatch, "").startswith("cannot connect to database webui as the current user on the local socket, port 5432: ")
    assert fails_with(monkeypatch, "").endswith("OperationalError")


@pytest.mark.parametrize("password", [ODD_PASSWORD, "hunter2"])
def test_the_password_is_not_in_it(monkeypatch, password):
    message = f'missing "=" after "{password}" in connection info string, failed'
    assert password not in fails_with(monkeypatch, message, login_password=password)


def test_what_cannot_be_encoded_is_a_refusal_too(monkeypatch):
    def fail(**_parameters: Any) -> None:
        "\ud800".encode()

    monkeypatch.setattr(_postgres.psycopg, "connect", fail)
    with pytest.raises(Refused), connect(options()):
        pytest.fail("there is no connection")


def test_the_cause_with_its_parameters_is_not_dragged_along(monkeypatch):
    def fail(**_parameters: Any) -> None:
        raise psycopg.OperationalError("hunter2 failed")

    monkeypatch.setattr(_postgres.psycopg, "connect", fail)
    with pytest.raises(Refused) as caught, connect(options(login_password="hunter2")):
        pytest.fail("there is no connection")
    assert caught.value.__suppress_context__


# Servers that are not taken


class FakeConnection:
    """A server as it presents itself when somebody connects."""

    def __init__(self, version: int = 160004, encoding: str = "UTF8", standby: bool = False) -> None:
        self.info = SimpleNamespace(server_version=version, parameter_status=lambda name: encoding)
        self.standby = standby
        self.settings: dict[str, str] = {}
        self.closed = False

    def execute(self, query: str, parameters: tuple | None = None) -> SimpleNamespace:
        if parameters:
            self.settings = dict(zip(*parameters))
        return SimpleNamespace(fetchone=lambda: (self.standby,))

    def rollback(self) -> None:
        pass

    commit = rollback

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (FakeConnection(version=130012), "the server is PostgreSQL 13; version 14 or newer is needed"),
        (FakeConnection(encoding="LATIN1"), "the database has encoding LATIN1; create it with ENCODING 'UTF8' TEMPLATE template0"),
        (FakeConnection(encoding="SQL_ASCII"), "the database has encoding SQL_ASCII; create it with ENCODING 'UTF8' TEMPLATE template0"),
        (FakeConnection(standby=True), "the server is a standby and read-only; name the primary"),
    ],
)
def test_servers_that_are_refused(monkeypatch, server, message):
    monkeypatch.setattr(_postgres.psycopg, "connect", lambda **_parameters: server)
    with pytest.raises(Refused) as caught, connect(options()):
        pytest.fail("the server was taken")
    assert str(caught.value) == message
    assert server.closed


def test_settings_of_the_role_do_not_matter(monkeypatch):
    server = FakeConnection(version=140000)
    monkeypatch.setattr(_postgres.psycopg, "connect", lambda **_parameters: server)
    with connect(options()) as connection:
        assert connection is server
        assert not server.closed
    assert server.closed
    assert server.settings["search_path"] == "pg_catalog"
    assert server.settings["standard_conforming_strings"] == "on"
    assert server.settings["DateStyle"] == "ISO, YMD"
    assert {server.settings[name] for name in ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")} == {"0"}


# Errors in words


def error(kind: type[psycopg.Error], message: str = "", **diagnosis: str) -> psycopg.Error:
    """An error as the server sends it."""
    names = ("constraint_name", "column_name", "table_name", "context")
    described = SimpleNamespace(**{name: diagnosis.get(name) for name in names})
    return type(kind.__name__, (kind,), {"diag": described})(message)


def test_an_error_in_words_with_its_place_and_without_a_value():
    told = in_words(
        error(psycopg.errors.UniqueViolation, "Key (email)=(secret) already exists", constraint_name="user_email_key", table_name="user"),
        "loading user",
    )
    assert told.message == "a unique index is violated (user_email_key) while loading user (SQLSTATE 23505)"
    assert (told.kind, told.table, told.column) == ("server", "user", None)
    assert "secret" not in repr(told)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (psycopg.errors.NotNullViolation, "a NULL in a column that is NOT NULL"),
        (psycopg.errors.ForeignKeyViolation, "a foreign key is violated"),
        (psycopg.errors.StringDataRightTruncation, "a text is longer than its column allows"),
        (psycopg.errors.NumericValueOutOfRange, "a number does not fit its column"),
        (psycopg.errors.CharacterNotInRepertoire, "a text holds bytes that PostgreSQL does not take"),
        (psycopg.errors.InvalidTextRepresentation, "a value does not fit the type of its column"),
        (psycopg.errors.InsufficientPrivilege, "the role lacks a privilege"),
        (psycopg.errors.DiskFull, "the server's disk is full"),
        (psycopg.errors.QueryCanceled, "the server cancelled a statement"),
        (psycopg.errors.AdminShutdown, "the server shut the connection down"),
        (psycopg.errors.CrashShutdown, "the server shut the connection down"),
        (psycopg.errors.ConnectionFailure, "the connection to PostgreSQL was lost"),
        (psycopg.errors.LockNotAvailable, "a table of the target is locked by another session; stop what uses the database"),
    ],
)
def test_errors_in_words(kind, words):
    told = in_words(kind("holds a secret"), "loading chat")
    assert told.message == f"{words} while loading chat (SQLSTATE {kind.sqlstate})"


def test_an_error_without_words_of_ours_is_told_by_its_name():
    told = in_words(psycopg.errors.DivisionByZero("secret"), "loading chat")
    assert told.message == "PostgreSQL says DivisionByZero while loading chat (SQLSTATE 22012)"


def test_a_connection_that_is_gone():
    told = in_words(psycopg.OperationalError("server closed the connection unexpectedly"), "committing")
    assert (told.kind, told.message) == ("connection", "the connection to PostgreSQL was lost while committing")


def test_a_guard_turns_errors_of_postgresql_into_refusals():
    with pytest.raises(Refused, match="a foreign key is violated while trying"), guard("trying"):
        raise psycopg.errors.ForeignKeyViolation("secret")


def test_a_guard_lets_everything_else_through():
    with guard("trying"):
        passed = True
    assert passed
    with pytest.raises(KeyError), guard("trying"):
        raise KeyError("x")
