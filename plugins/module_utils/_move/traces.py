# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has written the rows of the target, as the server itself notes it in each of them.

PostgreSQL keeps in each row the number of the transaction that wrote it (C(xmin)), also after the row was frozen. A table all of whose
rows are by transactions of ours, as many as we wrote, is as we left it: an update gives a row another number, a removal makes them fewer.
Reading that is a small part of reading the content back.

Rows have 32 bits of the number, which are used again after four thousand million transactions. So it says something only while fewer than
half of that have gone by.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR

if PSYCOPG_IMPORT_ERROR is None:
    from psycopg import sql

_WRAP = 1 << 32


class Traces(NamedTuple):
    """What the rows of some tables say.

    :ivar rows: by table, how many rows there are by each writer.
    """

    rows: dict[str, dict[int, int]]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return sum(self.rows[table].values())

    @property
    def writers(self) -> set[int]:
        """The transactions that have written any row, in the 32 bits that a row has."""
        return {writer for found in self.rows.values() for writer in found}

    def not_by(self, writers: Iterable[int], table: str) -> int:
        """How many rows of a table are by others than these."""
        known = set(writers)
        return sum(rows for writer, rows in self.rows[table].items() if writer not in known)


def look(target: Target, tables: Sequence[str]) -> Traces:
    """Read who has written the rows of these tables."""
    found: dict[str, dict[int, int]] = {table: {} for table in tables}
    for table in tables:
        query = sql.SQL("SELECT xmin::text::bigint, count(*) FROM {} GROUP BY xmin").format(target.name(table))
        found[table] = dict(target.connection.execute(query).fetchall())
    return Traces(found)


def current(target: Target) -> int:
    """The number of the open transaction, in all its bits."""
    return int(target.rows("SELECT pg_current_xact_id()::text")[0][0])


def in_full(now: int, writers: Iterable[int]) -> list[int]:
    """The numbers in all their bits of writers in the open transaction: itself, and its savepoints, which come after it."""
    return sorted(now + (writer - now) % _WRAP for writer in writers)


def in_rows(transactions: Iterable[int]) -> set[int]:
    """What rows have of these numbers."""
    return {number % _WRAP for number in transactions}


def say_something(now: int, transactions: Sequence[int]) -> bool:
    """Whether numbers have not been used again since these transactions, nor may have been written over."""
    return all(0 <= now - number < _WRAP // 2 for number in transactions)


def watched(target: Target, tables: Sequence[str]) -> list[tuple[str, str]]:
    """What would do something of its own when rows of these tables are removed: table, and what it is. A TRUNCATE fires none of it."""
    return target.rows(_WATCHED, *[target.schema, list(tables)] * 2)


# 8 is TRIGGER_TYPE_DELETE; '4' is the event of a rule ON DELETE.
_WATCHED = """
    SELECT c.relname::text, 'trigger ' || t.tgname
      FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relname = ANY (%s) AND NOT t.tgisinternal AND t.tgtype & 8 <> 0 AND t.tgenabled IN ('O', 'A')
    UNION ALL
    SELECT c.relname::text, 'rule ' || r.rulename
      FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relname = ANY (%s) AND r.ev_type = '4' AND r.ev_enabled IN ('O', 'A')
     ORDER BY 1, 2"""
