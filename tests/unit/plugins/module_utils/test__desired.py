# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Open WebUI is to be told of the new database, from the operator's variables and what is known of the host."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._desired import DATABASE, desired, faults
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import database_of

CONTAINER = {"capabilities": {"has_engine": True}, "network_mode": "default", "data_dir_inside": "/app/backend/data"}
SERVICE = {"capabilities": {"has_engine": False}}
EXTERNAL = {"mode": "external", "host": "db.example.com", "user": "web", "password": "pw", "name": "chat"}


def url_of(**database: Any) -> str:
    return desired({**EXTERNAL, **database}, SERVICE).url


# -- where it is ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "instance", "mode", "by_network"),
    [
        ({}, CONTAINER, "compose", True),
        ({}, {**CONTAINER, "network_mode": "host"}, "compose", False),
        ({}, {**CONTAINER, "network_mode": "container:vpn"}, "compose", True),
        ({}, {"capabilities": {"has_engine": True}}, "compose", True),
        ({"delegated": True}, CONTAINER, "compose", False),
        ({"mode": "external"}, CONTAINER, "external", False),
        ({}, SERVICE, "external", False),
        ({"mode": "compose"}, SERVICE, "compose", False),
        ({}, {}, "external", False),
    ],
)
def test_where_postgresql_comes_from_and_how_it_is_reached(database, instance, mode, by_network):
    found = desired({"port": 6432, **database}, instance)
    assert (found.mode, found.by_network) == (mode, by_network)
    assert (found.url_host, found.url_port) == (("openwebui-postgres", 5432) if by_network else ("127.0.0.1", 6432))


@pytest.mark.parametrize("instance", [CONTAINER, SERVICE])
def test_the_operator_s_address_wins(instance):
    found = desired({"url_host": "10.0.0.7", "url_port": "6543"}, instance)
    assert (found.url_host, found.url_port, found.place) == ("10.0.0.7", 6543, "10.0.0.7:6543/openwebui")


def test_another_name_in_the_network():
    assert desired({"alias": "pg"}, CONTAINER).place == "pg:5432/openwebui"


# -- the URL --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "url"),
    [
        ({}, "postgresql://web:pw@db.example.com:5432/chat"),
        ({"port": "6432", "url_scheme": "postgresql+psycopg"}, "postgresql+psycopg://web:pw@db.example.com:6432/chat"),
        ({"password": ""}, "postgresql://web@db.example.com:5432/chat"),
        (
            {"user": "a b", "password": "/~%@:#?&'\"\\ é"},
            "postgresql://a%20b:%2F%7E%25%40%3A%23%3F%26%27%22%5C%20%C3%A9@db.example.com:5432/chat",
        ),
        ({"password": 4711}, "postgresql://web:4711@db.example.com:5432/chat"),
        ({"password": "aZ09-._"}, "postgresql://web:aZ09-._@db.example.com:5432/chat"),
        ({"host": "2001:db8::7"}, "postgresql://web:pw@[2001:db8::7]:5432/chat"),
        ({"host": "/run/post gresql"}, "postgresql://web:pw@:5432/chat?host=%2Frun%2Fpost%20gresql"),
        # A socket needs no encryption, and there is room for one parameter.
        ({"host": "/run/pg", "ssl_mode": "require"}, "postgresql://web:pw@:5432/chat?host=%2Frun%2Fpg"),
        ({"ssl_mode": "verify-full"}, "postgresql://web:pw@db.example.com:5432/chat?sslmode=verify-full"),
        ({"ssl_mode": "prefer"}, "postgresql://web:pw@db.example.com:5432/chat"),
        ({"url": "postgresql://other/x"}, "postgresql://other/x"),
    ],
)
def test_the_url(database, url):
    assert url_of(**database) == url
    assert desired({**EXTERNAL, **database}, SERVICE).env["DATABASE_URL"] == url


def test_a_password_of_everything_comes_back_whole():
    password = "".join(map(chr, range(33, 127)))
    userinfo = url_of(password=password).split("://")[1].rpartition("@")[0]
    assert unquote(userinfo) == f"web:{password}"
    assert not set("/~@:?#&'\"\\") & set(userinfo.partition(":")[2])


@pytest.mark.parametrize(
    ("database", "place"),
    [
        ({}, "db.example.com:5432/chat"),
        ({"host": "2001:db8::7"}, "[2001:db8::7]:5432/chat"),
        ({"host": "/run/pg", "port": 6432}, "/run/pg:6432/chat"),
        ({"ssl_mode": "require"}, "db.example.com:5432/chat"),
        ({"url": "postgres://web:p%2Fw@db/chat?sslmode=require"}, "db:5432/chat"),
        ({"url": "postgresql://web:pw@db:5432/chat", "environment": {"DATABASE_POOL_SIZE": 5}}, "db:5432/chat"),
    ],
)
def test_the_place_is_what_a_look_at_open_webui_says_of_it(database, place):
    found = desired({**EXTERNAL, **database}, SERVICE)
    assert found.place == place == database_of(found.env).where
    # Which is why the target needs no password.
    assert desired({**EXTERNAL, **database, "password": ""}, SERVICE).place == place


@pytest.mark.parametrize(("scheme", "driver"), [("postgresql", "psycopg2"), ("postgresql+psycopg", "psycopg"), ("postgres", "psycopg2")])
def test_the_driver_that_is_needed(scheme, driver):
    assert desired({"url_scheme": scheme}, SERVICE).driver == driver


# -- further settings -----------------------------------------------------------------------------------------------------------


def settings(instance=None, **database):
    env = desired({**EXTERNAL, **database}, SERVICE if instance is None else instance).env
    assert env.pop("DATABASE_URL")
    return env


@pytest.mark.parametrize(
    ("database", "env"),
    [
        ({}, {}),
        ({"schema": "public"}, {}),
        ({"schema": "chat"}, {"DATABASE_SCHEMA": "chat"}),
        ({"pool_size": 15, "pool_max_overflow": "5"}, {"DATABASE_POOL_SIZE": "15", "DATABASE_POOL_MAX_OVERFLOW": "5"}),
        ({"pool_size": "0", "pool_max_overflow": 0}, {}),
        ({"environment": {"A": True, "B": 7, "C": None, "D": "x"}}, {"A": "true", "B": "7", "C": "", "D": "x"}),
        ({"schema": "chat", "environment": {"DATABASE_SCHEMA": "other"}}, {"DATABASE_SCHEMA": "other"}),
    ],
)
def test_what_it_is_told_besides(database, env):
    assert settings(**database) == env


def test_the_operator_s_environment_goes_before_the_url():
    found = desired({**EXTERNAL, "environment": {"DATABASE_URL": "postgresql://mine/x"}}, SERVICE)
    assert (found.env["DATABASE_URL"], found.place) == ("postgresql://mine/x", "mine:5432/x")


CERTIFICATES = {"ca_cert": "/etc/pg/ca.crt", "ssl_cert": "/etc/pg/web.crt", "ssl_key": "/etc/pg/web.key"}


def test_certificates_of_the_host():
    assert settings(**CERTIFICATES) == {"PGSSLROOTCERT": "/etc/pg/ca.crt", "PGSSLCERT": "/etc/pg/web.crt", "PGSSLKEY": "/etc/pg/web.key"}
    found = desired(CERTIFICATES, SERVICE)
    assert (found.certificates, found.certificate_folder) == ({}, "")


@pytest.mark.parametrize("folder", ["/app/backend/data", "/data", ""])
def test_certificates_in_a_container_are_copies_in_its_data_folder(folder):
    instance = {**CONTAINER, "data_dir_inside": folder}
    inside = f"{folder or '/app/backend/data'}/postgresql-tls"
    assert settings(instance, **CERTIFICATES) == {
        "PGSSLROOTCERT": f"{inside}/ca.pem",
        "PGSSLCERT": f"{inside}/client.pem",
        "PGSSLKEY": f"{inside}/client.key",
    }
    found = desired({"ca_cert": "/etc/pg/ca.crt", "ssl_key": "/etc/pg/web.key"}, instance)
    assert found.certificates == {"ca.pem": "/etc/pg/ca.crt", "client.key": "/etc/pg/web.key"}
    assert found.certificate_folder == inside


@pytest.mark.parametrize(
    ("database", "kept"),
    [({}, set()), ({"schema": "chat"}, {"DATABASE_SCHEMA"}), ({"environment": {"DATABASE_TYPE": "postgresql"}}, {"DATABASE_TYPE"})],
)
def test_what_must_not_be_there_beside_it(database, kept):
    every = {"DATABASE_TYPE", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME"}
    every |= {"DATABASE_SCHEMA", "DATABASE_ENABLE_IAM_TOKEN_AUTH"}
    assert set(desired(database, SERVICE).removed) == every - kept


def test_what_is_not_said_is_as_by_default():
    assert desired({}, SERVICE) == desired(DATABASE, SERVICE) == desired(dict.fromkeys(DATABASE), SERVICE)


# -- networks, copies and secrets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "instance", "added", "networks"),
    [
        ({}, CONTAINER, ["openwebui-postgres"], ["openwebui-postgres"]),
        ({"network": "pg"}, {**CONTAINER, "networks": ["bridge", "chat"]}, ["pg"], ["pg"]),
        # In a network of its own PostgreSQL would be added; these reach it otherwise.
        ({"mode": "external"}, {**CONTAINER, "networks": ["chat", "proxy"]}, [], ["chat", "proxy"]),
        ({"delegated": True}, CONTAINER, [], ["bridge"]),
        ({}, {**CONTAINER, "network_mode": "host", "networks": ["host"]}, [], ["host"]),
        ({}, SERVICE, [], ["bridge"]),
    ],
)
def test_its_networks(database, instance, added, networks):
    found = desired(database, instance)
    assert found.added_networks == [{"name": name} for name in added]
    assert found.networks == [{"name": name} for name in networks]


@pytest.mark.parametrize(
    ("database", "instance", "volumes"),
    [
        (CERTIFICATES, {**CONTAINER, "data_dir": "/srv/chat"}, ["/srv/chat/postgresql-tls:/app/backend/data/postgresql-tls:ro"]),
        ({}, {**CONTAINER, "data_dir": "/srv/chat"}, []),
        (CERTIFICATES, {**SERVICE, "data_dir": "/srv/chat"}, []),
    ],
)
def test_another_container_mounts_the_copies_only(database, instance, volumes):
    assert desired(database, instance).certificate_volumes == volumes


def test_all_forms_of_a_secret():
    found = desired({**EXTERNAL, "password": "p@ss"}, SERVICE)
    assert found.secrets == ["postgresql://web:p%40ss@db.example.com:5432/chat", "web:p%40ss", "p@ss"]


def test_a_name_is_no_secret():
    assert desired({**EXTERNAL, "password": ""}, SERVICE).secrets == ["postgresql://web@db.example.com:5432/chat"]


# -- what cannot be told --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "database",
    [
        {},
        dict.fromkeys(DATABASE),
        {"name": "Chat.db_1-x", "schema": "chat", "pool_size": "15"},
        {"environment": {"A": "a@b%+=:,./-_", "B": None, "C": True, "D": 7}},
        # It is percent-encoded.
        {"password": "' \" $ `", "user": "a b"},
    ],
)
def test_what_can_be_told(database):
    assert faults(database) == []


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a?b", "ä", "a%20b", "a\n"])
def test_a_name_that_open_webui_would_not_decode(name):
    (said,) = faults({"name": name})
    assert said.startswith("webui_database_name may have letters, digits,")


@pytest.mark.parametrize(
    ("database", "names"),
    [
        ({"schema": "my chat"}, "DATABASE_SCHEMA"),
        ({"ca_cert": "/etc/my ca.crt", "ssl_key": "/etc/$KEY"}, "PGSSLKEY, PGSSLROOTCERT"),
        ({"environment": {"A": "it's", "B": "plain", "C": 'a"b'}}, "A, C"),
        *(({"environment": {"A": f"s3cr3t{character}"}}, "A") for character in " '\"$`\\#;&|<>()*?~!\n"),
    ],
)
def test_a_value_that_is_not_read_alike_everywhere(database, names):
    (said,) = faults(database)
    assert said.startswith(f"{names}: schema, certificate paths and the values of webui_database_environment may have no spaces, ")
    assert "s3cr3t" not in said


def test_every_fault_is_told():
    assert len(faults({"name": "a b", "schema": "c d"})) == 2
