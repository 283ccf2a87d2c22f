# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter, as Jinja calls it."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.openwebui.postgres.plugins.filter import webui_settings
from ansible_collections.openwebui.postgres.plugins.module_utils._desired import DATABASE, Desired

call = webui_settings.FilterModule().filters()["webui_settings"]


@pytest.mark.parametrize("instance", [{}, None, {"capabilities": {"has_engine": False}}])
def test_nothing_may_be_known_of_open_webui(instance):
    found = call({"password": "p@ss"}, instance)
    assert found["env"] == {"DATABASE_URL": "postgresql://openwebui:p%40ss@127.0.0.1:5432/openwebui"}
    assert found["mode"] == "external"


def test_what_is_known_of_it_counts():
    assert call({}, {"capabilities": {"has_engine": True}})["url_host"] == "openwebui-postgres"


def test_a_name_that_means_nothing():
    with pytest.raises(AnsibleFilterError, match="knows no pasword, sslmode"):
        call({"pasword": "x", "sslmode": "y"})


def test_all_that_cannot_be_told_is_said_at_once():
    with pytest.raises(AnsibleFilterError) as caught:
        call({"name": "a b", "environment": {"A": "s3cr3t'"}})
    assert "webui_database_name may have letters" in str(caught.value)
    assert "A: schema, certificate paths" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_it_takes_and_returns_what_it_documents():
    options = yaml.safe_load(webui_settings.DOCUMENTATION)["options"]
    assert list(options) == ["_input", "instance"]
    told = set(re.findall(r"C\((\w+)\)", options["_input"]["description"][0])) - {"webui_database_", "webui_postgres_"}
    assert told == set(DATABASE)
    assert set(yaml.safe_load(webui_settings.RETURN)["_value"]["contains"]) == set(Desired._fields) == set(call({}))
