# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter, as Jinja calls it."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.openwebui.postgres.plugins.filter import webui_last_words

call = webui_last_words.FilterModule().filters()["webui_last_words"]


@pytest.mark.parametrize("nothing", ["", None])
def test_nothing_was_printed(nothing):
    assert call(nothing) == []


def test_numbers_and_secrets():
    assert call("ERROR 4711 is no password", [4711]) == ["ERROR ******** is no password"]
    assert call("one\ntwo", most=1) == ["two"]
    assert call("ValueError: private", rows=True) == ["ValueError"]


def test_lines_as_a_command_has_them():
    lines = ["psycopg2.errors.InsufficientPrivilege: permission denied for schema public", "[SQL: ", "CREATE TABLE x (", ")", "]"]
    assert call(lines) == lines[:1]


def test_it_takes_what_it_documents():
    options = yaml.safe_load(webui_last_words.DOCUMENTATION)["options"]
    assert list(options) == ["_input", "secrets", "rows", "most"]
