# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that says why is shown, wherever it stands; secrets and what people wrote are not."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._last_words import last_words

DENIED = "permission denied for schema public"

# What Open WebUI 0.12.4 and alembic print, shortened in the middle. A space at the end of a line is written as ¶.
BOOTSTRAP = """\
INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.
INFO  [alembic.runtime.migration] Will assume transactional DDL.
Traceback (most recent call last):
  File "/app/sqlalchemy/engine/base.py", line 1969, in _exec_single_context
    self.dialect.do_execute(
psycopg2.errors.InsufficientPrivilege: permission denied for schema public
LINE 2: CREATE TABLE alembic_version (
                     ^


The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/usr/local/bin/alembic", line 8, in <module>
    sys.exit(main())
             ^^^^^^
  File "/app/sqlalchemy/engine/default.py", line 952, in do_execute
    cursor.execute(statement, parameters)
sqlalchemy.exc.ProgrammingError: (psycopg2.errors.InsufficientPrivilege) permission denied for schema public
LINE 2: CREATE TABLE alembic_version (
                     ^

[SQL:¶
CREATE TABLE alembic_version (
\tversion_num VARCHAR(32) NOT NULL,¶
\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)

]
(Background on this error at: https://sqlalche.me/e/20/f405)
"""

# As "open-webui serve" has it, which breaks the error in two.
SERVE = """\
╭───────────────────── Traceback (most recent call last) ──────────────────────╮
│   1966 │   │   │   │   │   │   │   evt_handled = True                        │
│ ❱  952 │   │   cursor.execute(statement, parameters)                         │
╰──────────────────────────────────────────────────────────────────────────────╯
ProgrammingError: (psycopg2.errors.InsufficientPrivilege) permission denied for¶
schema public
LINE 2: CREATE TABLE alembic_version (
                     ^

[SQL:¶
CREATE TABLE alembic_version (
        version_num VARCHAR(32) NOT NULL
)

]
(Background on this error at: https://sqlalche.me/e/20/f405)
"""

VIOLATED = """\
psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint "user_email_key"
DETAIL:  Key (email)=(ada@example.org) already exists.
Traceback is a word that people write, and so is
Error: private

The above exception was the direct cause of the following exception:

sqlalchemy.exc.IntegrityError: (psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint "user_email_key"
DETAIL:  Key (email)=(ada@example.org) already exists.

[SQL: INSERT INTO user (email) VALUES (%(email)s)]
[parameters: {'email': 'ada@example.org', 'bio': 'private
ValueError: private'}]
(Background on this error at: https://sqlalche.me/e/20/gkpj)
sh: 1: exit: Illegal number: private-not
"""


BOOTSTRAP, SERVE = (text.replace("¶", " ") for text in (BOOTSTRAP, SERVE))


def test_the_error_above_the_statement():
    assert last_words(BOOTSTRAP)[1:] == [
        f"psycopg2.errors.InsufficientPrivilege: {DENIED}",
        f"sqlalchemy.exc.ProgrammingError: (psycopg2.errors.InsufficientPrivilege) {DENIED}",
    ]


def test_an_error_that_was_broken_in_two():
    assert last_words(SERVE) == [f"ProgrammingError: (psycopg2.errors.InsufficientPrivilege) {DENIED}"]


@pytest.mark.parametrize("rows", [False, True])
def test_no_details_and_no_parameters(rows):
    shown = last_words(VIOLATED, rows=rows)
    assert 'psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint "user_email_key"' in shown
    assert [line for line in shown if "ada@" in line or "private" in line.replace("private-not", "")] == []


@pytest.mark.parametrize(
    "line",
    [
        "alembic.util.exc.CommandError: Can't locate revision identified by 'f00'",
        "FAILED: Can't locate revision identified by 'f00'",
        "ERROR [open_webui.env] Error running migrations: (psycopg2.OperationalError) server closed the connection",
        'psycopg2.OperationalError: connection to server at "db", port 5432 failed: FATAL:  sorry, too many clients already',
        "ModuleNotFoundError: No module named 'psycopg2'",
        "sqlalchemy.exc.NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:postgres",
        "peewee.ProgrammingError: permission denied for schema public",
        'psycopg.errors.UndefinedTable: relation "user" does not exist',
        "sh: 1: alembic: not found",
        "timeout: failed to run command 'x': No such file or directory",
        "\x1b[31mCRITICAL: nothing works\x1b[0m",
        "Killed",
    ],
)
def test_the_error_far_above_the_end(line):
    output = "\n".join(["begin", line, *(f"tidying up {number}" for number in range(30))])
    plain = line.replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert last_words(output) == [plain, "tidying up 27", "tidying up 28", "tidying up 29"]


def test_many_errors_are_the_last_ones():
    shown = last_words("\n".join(f"ERROR {number}" for number in range(100)))
    assert shown == [f"ERROR {number}" for number in range(93, 100)]


def test_without_an_error_the_last_lines():
    assert last_words("\n".join(str(number) for number in range(30))) == [str(number) for number in range(20, 30)]
    assert last_words("") == []


def test_secrets_in_any_form():
    password = "p@ss/w:rd %41#?'\"\\ $HOME"
    output = (
        f"ERROR cannot use {password}\n"
        "ERROR postgresql://web:p%40ss%2Fw%3Ard%20%2541%23%3F%27%22%5C%20%24HOME@db/x is wrong\n"
        f"ERROR {password!r}\n"
        "ERROR redis://:other@cache\n"
    )
    shown = "\n".join(last_words(output, [password, ""]))
    assert "p@ss" not in shown
    assert "p%40ss" not in shown
    assert "other" not in shown
    assert "ERROR cannot use ********" in shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('psycopg2.errors.DataError: invalid input syntax for type integer: "private"', "invalid input syntax for type integer"),
        ('psycopg2.errors.DataError: invalid input value for enum kind: "private"', "invalid input value for enum kind"),
        ('psycopg2.errors.OutOfRange: value "12345" is out of range for type integer', "value is out of range for type integer"),
        ('psycopg2.errors.DatetimeFieldOverflow: date/time field value out of range: "private"', "date/time field value out of range"),
    ],
)
def test_values_in_a_message(line, shown):
    assert last_words(line) == [f"{line.partition(': ')[0]}: {shown}"]


def test_of_a_program_that_works_on_rows_the_class_alone():
    output = (
        "INFO  [alembic.runtime.migration] Running upgrade a -> b, Add chat_message\n"
        "INFO  [alembic.runtime.migration] Running upgrade b -> c, Another\n"
        "Skipped chat private\n"
        "ERROR private\n"
        "ValueError: invalid literal for int() with base 10: 'private'\n"
        "json.decoder.JSONDecodeError: private\n"
        "KeyError\n"
        "sqlite3.OperationalError: no such column: chat.x\n"
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such column: chat.x\n"
        "[SQL: SELECT 'private']\n"
    )
    assert last_words(output, rows=True) == [
        "Running upgrade b -> c, Another",
        "ValueError",
        "json.decoder.JSONDecodeError",
        "KeyError",
        "sqlite3.OperationalError: no such column: chat.x",
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such column: chat.x",
    ]


def test_a_very_long_line_is_cut():
    (line,) = last_words("ERROR " + "x" * 10_000)
    assert len(line) == 500
