# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Widths of texts, and how figures are written."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import text


@pytest.mark.parametrize(("given", "columns"), [("", 0), ("chat1", 5), ("聊天", 4), ("e\u0301", 1), ("a\u200db", 2)])
def test_columns_of_a_terminal(given, columns):
    assert text.width(given) == columns


@pytest.mark.parametrize(
    ("given", "columns", "kept"),
    [
        ("chat1", 5, "chat1"),
        ("chat1", 4, "cha…"),
        ("聊天 1", 4, "聊…"),
        ("a b c", 4, "a b…"),
        ("ab cd", 4, "ab…"),
        ("chat1", 1, "…"),
        ("chat1", 0, ""),
    ],
)
def test_a_text_is_cut_to_columns(given, columns, kept):
    assert text.cut(given, columns) == kept
    assert text.width(kept) <= columns


def test_padding_reckons_with_wide_characters():
    assert text.left("聊天", 6) == "聊天  "
    assert text.right("聊天", 6) == "  聊天"
    assert text.left("longer", 3) == text.right("longer", 3) == "longer"


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("a\n  b\t c ", "a b c"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07shown", "shown"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bcreset", "creset"),
        ("a\u202eb", "a b"),
        ("a\x9bb", "a b"),
        (12, "12"),
    ],
)
def test_nothing_is_left_that_a_terminal_obeys(given, plain):
    assert text.one_line(given) == plain


def test_blanks_at_the_beginning_of_a_line_can_stay():
    assert text.clean("  a  b\x07") == "  a  b "


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (14.4, "14 s"),
        (119.4, "119 s"),
        (125, "2 min 5 s"),
        (7199.6, "2 h 0 min"),
        (11000, "3 h 3 min"),
    ],
)
def test_durations(value, written):
    assert text.seconds(value) == written


@pytest.mark.parametrize(("value", "written"), [(1, "1 row"), (0, "0 rows"), (999_999, "999,999 rows"), (1_234_567, "1.2 million rows")])
def test_rows(value, written):
    assert text.rows(value) == written
