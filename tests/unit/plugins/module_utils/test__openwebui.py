# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of releases, and which tables are not user data."""

from __future__ import annotations

import re

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import (
    BOOKKEEPING_TABLES,
    BOOTSTRAP_TABLES,
    ESSENTIAL_TABLES,
    REVISIONS,
    STEPS,
    describe_revision,
    first_release,
    is_leftover,
)


def version(release: str) -> tuple[int, ...]:
    assert re.fullmatch(r"\d+\.\d+\.\d+", release)
    return tuple(int(part) for part in release.split("."))


def test_revisions_are_those_of_alembic():
    assert all(re.fullmatch(r"[0-9a-f]{12}", revision) for revision in REVISIONS)


def test_no_release_has_two_revisions_and_the_oldest_comes_first():
    ranges = [(version(releases.first), version(releases.last)) for releases in REVISIONS.values()]
    assert all(first <= last for first, last in ranges)
    assert all(earlier[1] < later[0] for earlier, later in zip(ranges, ranges[1:]))


def test_between_two_revisions_no_release_is_forgotten():
    """The next one begins with the next patch release, or with a new minor one."""
    ranges = [(version(releases.first), version(releases.last)) for releases in REVISIONS.values()]
    for (_first, last), (following, _last) in zip(ranges, ranges[1:]):
        next_minor = (last[0], last[1] + 1, 0)
        assert following in ((*last[:2], last[2] + 1), next_minor)


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ("0bd252b206fb", "0bd252b206fb (Open WebUI 0.12.1 to 0.12.4)"),
        ("b8f2c6d91a04", "b8f2c6d91a04 (Open WebUI 0.12.0)"),
        ("b10670c03dd5", "b10670c03dd5 (on the way to Open WebUI 0.6.41)"),
        ("ffffffffffff", "ffffffffffff (a release this collection does not know)"),
        (None, "no revision"),
    ],
)
def test_a_revision_in_words(revision, words):
    assert describe_revision(revision) == words


def test_every_release_ends_with_a_step_in_the_same_order():
    assert [step for step in STEPS if step in REVISIONS] == list(REVISIONS)
    assert len(set(STEPS)) == len(STEPS)
    assert STEPS[-1] in REVISIONS


@pytest.mark.parametrize(("step", "release"), [("2f1211949ecc", "0.6.41"), ("0bd252b206fb", "0.12.1"), ("ffffffffffff", None)])
def test_the_first_release_with_a_step(step, release):
    assert first_release(step) == release


@pytest.mark.parametrize("table", ["alembic_version", "migratehistory", "modelfile", "prompt_new", "_alembic_tmp_chat"])
def test_leftovers(table):
    assert is_leftover(table)


@pytest.mark.parametrize("table", ["user", "chat", "config", "prompt", "model", "alembic_tmp", "Modelfile"])
def test_data(table):
    assert not is_leftover(table)


def test_what_open_webui_writes_by_itself_is_not_what_it_is_known_by():
    assert BOOKKEEPING_TABLES < BOOTSTRAP_TABLES
    assert not BOOTSTRAP_TABLES & ESSENTIAL_TABLES
    assert not any(is_leftover(table) for table in ESSENTIAL_TABLES)
