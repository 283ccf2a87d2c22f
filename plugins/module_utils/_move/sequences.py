# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences: what is drawn from one is gone, also after a rollback, and each has to go on after the rows that were loaded.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Iterable

from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import DrawnSequence, Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, only_row
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

if PSYCOPG_IMPORT_ERROR is None:
    from psycopg import sql


def shelter_sequences(target: Target) -> None:
    """Give the sequences new storage, so that a rollback undoes also what is drawn from them. By itself it would not."""
    for schema, name, cache in target.drawn_sequences():
        statement = sql.SQL("ALTER SEQUENCE {} CACHE {}").format(sql.Identifier(schema, name), sql.Literal(cache))
        target.connection.execute(statement)


def set_sequences(target: Target, tables: Iterable[str]) -> None:
    """Let each sequence go on after what the rows have. RESTART is undone by a rollback, setval is not."""
    names = set(tables)
    following: dict[str, int] = {}
    for sequence in target.sequences():
        value = _following(target, sequence) if sequence.table in names else None
        if value is not None:
            further = max if sequence.step > 0 else min
            following[sequence.name] = further(value, following.get(sequence.name, value))
    for name, value in following.items():
        restart = sql.SQL("ALTER SEQUENCE {} RESTART WITH {}")
        target.connection.execute(restart.format(sql.SQL(name), sql.Literal(value)))


def _following(target: Target, sequence: DrawnSequence) -> int | None:
    """What a sequence has to give next, as far as one column goes; None where it may stay.

    Numbers that it cannot give do not matter: it never meets them.
    """
    rising = sequence.step > 0
    column = sql.SQL("{}::numeric").format(sql.Identifier(sequence.column))
    query = sql.SQL("SELECT {} FROM {} WHERE {} BETWEEN {} AND {}").format(
        sql.SQL("floor(max({}))" if rising else "ceil(min({}))").format(column),
        target.name(sequence.table),
        column,
        sql.Literal(sequence.first),
        sql.Literal(sequence.last),
    )
    (reached,) = only_row(target.connection.execute(query))
    if reached is None:
        return None
    following = int(reached) + (1 if rising else -1)
    if not sequence.is_own:
        # Others may have drawn from it, and must not meet what they have.
        (drawn,) = only_row(target.connection.execute(sql.SQL("SELECT last_value FROM {}").format(sql.SQL(sequence.name))))
        if (drawn >= following) if rising else (drawn <= following):
            return None
    place = f"{sequence.table}.{sequence.column}"
    if not sequence.owned:
        raise refuse(
            "privilege",
            f"{place} draws from the sequence {sequence.name}, which belongs to {sequence.owner} and has to go on after what is loaded;"
            " connect as its owner",
            table=sequence.table,
            column=sequence.column,
        )
    if not sequence.first <= following <= sequence.last:
        raise refuse(
            "sequence",
            f"{place}: a row has the last number that the sequence {sequence.name} can give, so that none could be added any more;"
            " give that row another number",
            table=sequence.table,
            column=sequence.column,
        )
    return following
