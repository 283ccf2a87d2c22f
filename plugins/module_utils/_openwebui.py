# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of Open WebUI: which releases have which schema revision, and which tables are not user data.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import NamedTuple


class Releases(NamedTuple):
    """The first and the last release of Open WebUI that were seen with a schema revision."""

    first: str
    last: str


# The head of every release's own migrations, oldest first.
REVISIONS = {
    "ca81bd47c050": Releases("0.3.18", "0.3.30"),
    "6a39f3d8e55c": Releases("0.3.31", "0.3.32"),
    "4ace53fd72c8": Releases("0.3.33", "0.3.35"),
    "922e7a387820": Releases("0.4.0", "0.4.8"),
    "7826ab40b532": Releases("0.5.0", "0.5.2"),
    "3781e22d8b01": Releases("0.5.3", "0.6.5"),
    "9f0c9cd09105": Releases("0.6.6", "0.6.15"),
    "d31026856c01": Releases("0.6.16", "0.6.22"),
    "3af16a1c9fb6": Releases("0.6.23", "0.6.26"),
    "38d63c18f30f": Releases("0.6.27", "0.6.31"),
    "a5c220713937": Releases("0.6.32", "0.6.36"),
    "37f288994c47": Releases("0.6.37", "0.6.40"),
    "3e0e00844bb0": Releases("0.6.41", "0.6.41"),
    "c440947495f3": Releases("0.6.42", "0.7.2"),
    "a1b2c3d4e5f6": Releases("0.8.0", "0.8.0"),
    "b2c3d4e5f6a7": Releases("0.8.1", "0.8.12"),
    "56359461a091": Releases("0.9.0", "0.9.2"),
    "a0b1c2d3e4f5": Releases("0.9.3", "0.9.5"),
    "461111b60977": Releases("0.9.6", "0.9.6"),
    "42e2978c7933": Releases("0.10.0", "0.10.2"),
    "f0bd01a18a3d": Releases("0.11.0", "0.11.0"),
    "d4c1a8e37b62": Releases("0.11.1", "0.11.4"),
    "b8f2c6d91a04": Releases("0.12.0", "0.12.0"),
    "0bd252b206fb": Releases("0.12.1", "0.12.4"),
}

# Every step of Open WebUI's own migrations, oldest first. A file is between two releases when one of them has stopped it there.
STEPS = (
    "7e5b5dc7342b",
    "ca81bd47c050",
    "c0fbf31ca0db",
    "6a39f3d8e55c",
    "242a2047eae0",
    "1af9b942657b",
    "3ab32c4b8f59",
    "c69f45358db4",
    "c29facfe716b",
    "af906e964978",
    "4ace53fd72c8",
    "922e7a387820",
    "57c599a3cb57",
    "7826ab40b532",
    "3781e22d8b01",
    "9f0c9cd09105",
    "d31026856c01",
    "018012973d35",
    "3af16a1c9fb6",
    "38d63c18f30f",
    "a5c220713937",
    "37f288994c47",
    "2f1211949ecc",
    "b10670c03dd5",
    "90ef40d4714e",
    "3e0e00844bb0",
    "6283dc0e4d8d",
    "81cc2ce44d79",
    "c440947495f3",
    "374d2f66af06",
    "8452d01d26d7",
    "f1e2d3c4b5a6",
    "a1b2c3d4e5f6",
    "b2c3d4e5f6a7",
    "a3dd5bedd151",
    "d4e5f6a7b8c9",
    "b7c8d9e0f1a2",
    "e1f2a3b4c5d6",
    "c1d2e3f4a5b6",
    "56359461a091",
    "4de81c2a3af1",
    "a0b1c2d3e4f5",
    "3c9b0ca343fd",
    "461111b60977",
    "3ff2c63645b8",
    "4c5ce3d2f27f",
    "7b3f2a9c1d4e",
    "42e2978c7933",
    "856c5b02fb54",
    "9a1b2c3d4e5f",
    "c49178636c78",
    "b0018471bbbe",
    "55f1302ac17c",
    "959eaac8f909",
    "f0bd01a18a3d",
    "1ce6ade7d93b",
    "6d09d1bf1f23",
    "d4c1a8e37b62",
    "a7d3e9f2b641",
    "b8e4f0a3c752",
    "d6a8c3f912ab",
    "e7b9d4a023bc",
    "f8c0e5b134cd",
    "b8f2c6d91a04",
    "c92da83b017f",
    "0bd252b206fb",
)

# Kept by the migration tools of Open WebUI; the target has its own.
BOOKKEEPING_TABLES = frozenset({"alembic_version", "migratehistory"})

# What a start of Open WebUI writes into an empty database by itself.
BOOTSTRAP_TABLES = BOOKKEEPING_TABLES | {"config"}

# Remains of Open WebUI's own upgrades. Nothing reads them any more.
LEFTOVER_TABLES = frozenset({"modelfile", "prompt_new"})
LEFTOVER_TABLE_PREFIX = "_alembic_tmp_"
LEFTOVER_COLUMNS = frozenset({("document", "id"), ("chat", "old_chat")})

# No file of Open WebUI is without these, in any release.
ESSENTIAL_TABLES = frozenset({"user", "chat", "auth"})


def is_leftover(table: str) -> bool:
    """Whether a table of the source is bookkeeping or a remnant, not data."""
    return table in BOOKKEEPING_TABLES or table in LEFTOVER_TABLES or table.startswith(LEFTOVER_TABLE_PREFIX)


def first_release(revision: str) -> str | None:
    """The first release of Open WebUI whose migrations hold this step; None for an unknown one."""
    if revision not in STEPS:
        return None
    return next(REVISIONS[step].first for step in STEPS[STEPS.index(revision) :] if step in REVISIONS)


def describe_revision(revision: str | None) -> str:
    """A revision in words, with the releases that have it: ``0bd252b206fb (Open WebUI 0.12.1 to 0.12.4)``."""
    if revision is None:
        return "no revision"
    releases = REVISIONS.get(revision)
    if releases is None:
        first = first_release(revision)
        return f"{revision} (on the way to Open WebUI {first})" if first else f"{revision} (a release this collection does not know)"
    if releases.first == releases.last:
        return f"{revision} (Open WebUI {releases.first})"
    return f"{revision} (Open WebUI {releases.first} to {releases.last})"
