# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server complains of becomes one line that holds no value of a row. No server is needed."""

from __future__ import annotations

from types import SimpleNamespace

import psycopg
import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import (
    guard,
    in_words,
    is_row_fault,
    reason,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


def error(kind: type[psycopg.Error], message: str = "", **diagnosis: str) -> psycopg.Error:
    """An error as the server sends it."""
    names = ("constraint_name", "column_name", "table_name", "context", "source_function", "message_primary")
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


KINDS = {
    kind.sqlstate: kind
    for kind in vars(psycopg.errors).values()
    if isinstance(kind, type) and issubclass(kind, psycopg.Error) and kind.sqlstate
}


@pytest.mark.parametrize("kind", [KINDS[state] for state in sorted(KINDS)])
def test_every_error_of_the_server_has_words(kind):
    told = in_words(kind("holds a secret"), "loading chat").message
    assert "secret" not in told
    assert kind.__name__ not in told
    assert told.endswith(f" while loading chat (SQLSTATE {kind.sqlstate})")
    assert len(told.split(" while ")[0].split()) >= 4


def test_a_state_that_a_user_has_made_up_has_words_too():
    kind = type("Own", (psycopg.Error,), {"sqlstate": "MY001"})
    assert in_words(kind("secret"), "loading chat").message == (
        "the server, or a trigger or function of the target, refuses it while loading chat (SQLSTATE MY001)"
    )


@pytest.mark.parametrize(
    ("source", "message", "words"),
    [
        ("_bt_check_third_page", "", "a value is too long for a b-tree index, which takes 2,704 bytes after compression (tag_pkey)"),
        ("GinFormTuple", 'index row size 1 exceeds maximum 2 for index "tag_pkey"', "a value is too long for a GIN index (tag_pkey)"),
        ("gistSplit", "", "a value is too long for a GiST index (tag_pkey)"),
        ("_hash_doinsert", "", "a value is too long for a hash index (tag_pkey)"),
        ("RelationGetBufferForTuple", "", "the row is wider than a page of the server takes"),
        ("make_tsvector", "", "a text is too long for full text search"),
        ("something_new", "", "a row, or a value of it, is larger than the table or one of its indexes can take"),
    ],
)
def test_a_limit_is_told_by_what_raised_it_in_any_language(source, message, words):
    named = "tag_pkey" if "tag_pkey" in words and not message else None
    raised = error(psycopg.errors.ProgramLimitExceeded, source_function=source, message_primary=message, constraint_name=named)
    assert reason(raised) == words


def test_a_function_that_refuses_is_named_and_what_it_says_is_not():
    context = 'PL/pgSQL function public."no secrets"() line 1 at RAISE\nCOPY chat, line 1: "my secret"'
    assert reason(error(psycopg.errors.RaiseException, "my secret", context=context.replace('"no secrets"', "guard"))) == (
        "a trigger or function of the target refuses it (function public.guard)"
    )
    assert "secret" not in reason(error(psycopg.errors.RaiseException, "my secret", context="COPY chat, line 1: secret"))


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        (psycopg.errors.UniqueViolation, True),
        (psycopg.errors.ProgramLimitExceeded, True),
        (psycopg.errors.RaiseException, True),
        (psycopg.errors.UndefinedTable, True),
        (psycopg.errors.InsufficientPrivilege, False),
        (psycopg.errors.DiskFull, False),
        (psycopg.errors.LockNotAvailable, False),
        (psycopg.errors.DeadlockDetected, False),
        (psycopg.errors.AdminShutdown, False),
        (psycopg.OperationalError, False),
    ],
)
def test_whether_a_row_is_to_blame(kind, is_one):
    assert is_row_fault(kind("x")) is is_one


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
