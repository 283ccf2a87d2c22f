# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options become connection parameters, and transactions begin with our settings. No server is needed."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres import connection as _connection
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import (
    BEGIN_ATTEMPTS,
    connect,
    connection_argument_spec,
    connection_parameters,
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
        "login_host": ("host", "db"),
        "login_port": ("port", 5433),
        "login_user": ("user", "ada"),
        "login_password": ("password", "x"),
        "ssl_mode": ("sslmode", "verify-full"),
        "ca_cert": ("sslrootcert", "/ca"),
        "ssl_cert": ("sslcert", "/c"),
        "ssl_key": ("sslkey", "/k"),
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

    monkeypatch.setattr(_connection.psycopg, "connect", fail)
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


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("FATAL:  could not write init file: No space left on device", "the server's disk is full; make room there"),
        ("FATAL:  unsupported startup parameter: options", "let the pooler ignore it (ignore_startup_parameters)"),
    ],
)
def test_what_to_do_follows_the_reason(monkeypatch, reason, hint):
    said = fails_with(monkeypatch, reason)
    assert reason in said
    assert said.endswith(hint)


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

    monkeypatch.setattr(_connection.psycopg, "connect", fail)
    with pytest.raises(Refused), connect(options()):
        pytest.fail("there is no connection")


def test_the_cause_with_its_parameters_is_not_dragged_along(monkeypatch):
    def fail(**_parameters: Any) -> None:
        raise psycopg.OperationalError("hunter2 failed")

    monkeypatch.setattr(_connection.psycopg, "connect", fail)
    with pytest.raises(Refused) as caught, connect(options(login_password="hunter2")):
        pytest.fail("there is no connection")
    assert caught.value.__suppress_context__


# Servers that are not taken


class FakeConnection:
    """A server as it presents itself when somebody connects.

    :param fails: what it answers to the first attempts to begin.
    """

    def __init__(self, version: int = 160004, encoding: str = "UTF8", standby: bool = False, fails: list[Exception] | None = None) -> None:
        self.status = {"server_encoding": encoding, "in_hot_standby": "on" if standby else "off"}
        self.info = SimpleNamespace(
            server_version=version,
            parameter_status=self.status.get,
            transaction_status=psycopg.pq.TransactionStatus.IDLE,
        )
        self.fails = fails if fails is not None else []
        self.answers = {"SELECT pg_is_in_recovery()": False, "SELECT current_setting('session_replication_role')": "origin"}
        self.said: list[str] = []
        self.closed = False

    def execute(self, query: str | psycopg.sql.Composed) -> SimpleNamespace:
        text = query if isinstance(query, str) else query.as_string(None)
        self.said.append(text)
        if "BEGIN" in text:
            if self.fails:
                raise self.fails.pop(0)
            self.info.transaction_status = psycopg.pq.TransactionStatus.INTRANS
        return SimpleNamespace(fetchone=lambda: (self.answers[text],))

    @contextmanager
    def transaction(self):
        yield

    def rollback(self) -> None:
        self.info.transaction_status = psycopg.pq.TransactionStatus.IDLE

    commit = rollback

    def close(self) -> None:
        self.closed = True

    @property
    def beginnings(self) -> list[list[str]]:
        """The statements of each message that begins a transaction."""
        return [text.split("; ") for text in self.said if "BEGIN" in text]


@pytest.fixture
def serve(monkeypatch):
    """serve(connection, …): what is handed out to whoever connects, one after the other."""

    def hand_out(*connections: FakeConnection) -> None:
        waiting = list(connections)
        monkeypatch.setattr(_connection.psycopg, "connect", lambda **_parameters: waiting.pop(0))

    return hand_out


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (FakeConnection(version=130012), "the server is PostgreSQL 13; version 14 or newer is needed"),
        (FakeConnection(encoding="LATIN1"), "the database has encoding LATIN1; create it with ENCODING 'UTF8' TEMPLATE template0"),
        (FakeConnection(encoding="SQL_ASCII"), "the database has encoding SQL_ASCII; create it with ENCODING 'UTF8' TEMPLATE template0"),
        (FakeConnection(standby=True), "the server is a standby and read-only; name the primary"),
    ],
)
def test_servers_that_are_refused(serve, server, message):
    serve(server)
    with pytest.raises(Refused) as caught, connect(options()):
        pytest.fail("the server was taken")
    assert str(caught.value) == message
    assert server.closed
    assert server.said == []


def test_a_standby_behind_a_pooler_tells_when_it_is_asked(serve):
    server = FakeConnection()
    server.answers["SELECT pg_is_in_recovery()"] = True
    serve(server)
    with pytest.raises(Refused, match="standby"), connect(options()):
        pytest.fail("the server was taken")
    assert server.closed


# Transactions


def test_settings_of_the_role_do_not_matter_and_ours_end_with_the_transaction(serve):
    server = FakeConnection(version=180000)
    serve(server)
    with connect(options()) as session:
        assert session.connection is server
    assert server.closed
    ((begin, first, *settings),) = server.beginnings
    assert begin == "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE"
    assert first == "SET LOCAL statement_timeout = '0'"
    for setting in (
        "search_path = 'pg_catalog', 'pg_temp'",
        "DateStyle = 'ISO', 'YMD'",
        "standard_conforming_strings = 'on'",
        "quote_all_identifiers = 'off'",
        "transaction_timeout = '0'",
        "idle_in_transaction_session_timeout = '0'",
        "row_security = 'off'",
    ):
        assert f"SET LOCAL {setting}" in settings
    assert all("set_config" not in text or text.count("true") == 1 for text in server.said)


def test_a_server_is_not_asked_for_settings_of_newer_ones(serve):
    server = FakeConnection(version=140000)
    serve(server)
    with connect(options()):
        assert not any("transaction_timeout" in setting.replace("idle_in_transaction", "") for setting in server.beginnings[0])


def test_each_transaction_begins_with_them_and_an_open_one_is_undone_in_the_same_message(serve):
    server = FakeConnection()
    serve(server)
    with connect(options()) as session:
        session.rollback()
        session.commit()
        session.begin()
    first, second, third = server.beginnings
    assert second == ["ROLLBACK", *first]
    assert third == first


@pytest.mark.parametrize("error", [psycopg.errors.QueryCanceled, psycopg.errors.TransactionTimeout, psycopg.OperationalError])
def test_a_tight_limit_is_got_past(serve, error):
    servers = [FakeConnection(fails=[error("too long")]) for _attempt in range(3)]
    serve(*servers, FakeConnection())
    with connect(options()) as session:
        assert session.connection.said


@pytest.mark.parametrize("error", [psycopg.errors.QueryCanceled, psycopg.OperationalError])
def test_a_limit_that_cannot_be_got_past_is_named(serve, error):
    servers = [FakeConnection(fails=[error("too long")] * BEGIN_ATTEMPTS) for _attempt in range(BEGIN_ATTEMPTS)]
    serve(*servers)
    with pytest.raises(Refused, match="raise statement_timeout, idle_session_timeout"), connect(options()):
        pytest.fail("a session began")
    assert servers[0].closed


def test_a_pooler_that_takes_transactions_apart_is_recognised(serve):
    said = "transaction blocks not allowed in statement pooling mode"
    serve(FakeConnection(fails=[psycopg.errors.ProtocolViolation(said)]))
    with pytest.raises(Refused, match="pool_mode = statement"), connect(options()):
        pytest.fail("a session began")


def test_any_other_trouble_at_the_beginning_is_in_words(serve):
    server = FakeConnection(fails=[psycopg.errors.InsufficientPrivilege("secret")])
    serve(server)
    with pytest.raises(Refused, match="the role lacks a privilege while beginning a transaction"), connect(options()):
        pytest.fail("a session began")
    assert server.closed


def test_a_session_that_checks_no_foreign_key_is_refused(serve):
    server = FakeConnection()
    server.answers["SELECT current_setting('session_replication_role')"] = "replica"

    def refuse_to_change(query):
        if "session_replication_role =" in str(query):
            raise psycopg.errors.InsufficientPrivilege("no")
        return FakeConnection.execute(server, query)

    server.execute = refuse_to_change
    serve(server)
    with pytest.raises(Refused, match="session_replication_role is not origin"), connect(options()):
        pytest.fail("a session began")
    assert server.closed


def test_a_pooler_is_told_of_the_unknown_parameter(monkeypatch):
    told = fails_with(monkeypatch, "FATAL:  unsupported startup parameter: options", connect_params={"options": "-c x=1"})
    assert "leave it out of connect_params, or let the pooler ignore it (ignore_startup_parameters)" in told


def test_no_statement_is_prepared_and_no_transaction_begins_by_itself(monkeypatch):
    given = {}

    def take(**parameters):
        given.update(parameters)
        return FakeConnection()

    monkeypatch.setattr(_connection.psycopg, "connect", take)
    with connect(options(connect_params={"autocommit": False, "prepare_threshold": 1})):
        assert (given["autocommit"], given["prepare_threshold"]) == (True, None)
