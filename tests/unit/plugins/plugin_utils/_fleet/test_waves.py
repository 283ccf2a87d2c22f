# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of hosts, the names of their databases, and which of them would be in each other's way."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.filter.webui_database_name import FilterModule
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import waves
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.waves import database_name

# The name of a database


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("chat1", "openwebui_chat1"),
        ("Chat1.Example.ORG", "openwebui_chat1_example_org"),
        ("chat-1..b_", "openwebui_chat_1_b"),
        ("192.0.2.7", "openwebui_192_0_2_7"),
        ("chät", "openwebui_ch_t"),
        ('x"; DROP TABLE chat; --', "openwebui_x_drop_table_chat"),
    ],
)
def test_the_name_of_a_database_says_whose_it_is(host: str, name: str) -> None:
    assert database_name(host) == name


def test_the_name_never_changes() -> None:
    """A later run has to find the database of an earlier one, whatever has become of this code."""
    long = "a-very-long-name-of-a-host.in-a-very-long-domain.of-some-university.example.org"
    assert database_name(long) == "openwebui_a_very_long_name_of_a_host_in_a_very_long_do_4ba8a7d2"
    assert database_name("聊天") == "openwebui_4b3510b8"


@pytest.mark.parametrize("length", [52, 53, 54, 300])
def test_no_name_is_longer_than_postgresql_takes(length: int) -> None:
    name = database_name("h" * length)
    assert len(name.encode()) <= 63
    assert (name == f"openwebui_{'h' * length}") == (length <= 53)


@pytest.mark.parametrize("host", ["chat1", "聊天", "-", "ünïcödé" * 20, 'a"b', "9"])
def test_every_name_goes_without_quotes(host: str) -> None:
    assert re.fullmatch(r"[a-z_][a-z0-9_]*", database_name(host))


def test_names_that_nothing_is_left_of_and_long_ones_that_begin_alike_differ() -> None:
    hosts = ["聊天", "チャット", "-", "h" * 60 + "1", "h" * 60 + "2"]
    assert len({database_name(host) for host in hosts}) == len(hosts)


def test_the_filter_is_that_name() -> None:
    assert FilterModule().filters()["webui_database_name"]("chat.example.org") == "openwebui_chat_example_org"


# What would be shared


def instances(**hosts: dict[str, Any]) -> list[waves.Instance]:
    known = {name.replace("_", "-"): told for name, told in hosts.items()}
    machines = {host: waves.machine(host, told) for host, told in known.items()}
    return [waves.instance(host, told, machines) for host, told in known.items()]


def clashes(**hosts: dict[str, Any]) -> list[str]:
    return waves.clashes(instances(**hosts))


ON_DB1 = {"webui_database_host": "db1.example.org"}


def test_hosts_that_set_nothing_share_nothing() -> None:
    assert clashes(chat1={}, chat2={}) == []
    assert clashes(chat1=ON_DB1, chat2=ON_DB1) == []


def test_two_hosts_with_one_database_at_one_server_are_named_with_the_way_out() -> None:
    same = {**ON_DB1, "webui_database_name": "chats"}
    assert clashes(chat1=same, chat2=same, chat3=ON_DB1, chat4=same) == [
        "chat1, chat2 and chat4 would share the database chats at db1.example.org, port 5432; "
        "set webui_database_name and webui_database_user for each."
    ]


def test_names_that_differ_in_punctuation_alone_give_one_database() -> None:
    (line,) = waves.clashes(
        [waves.instance(host, ON_DB1, {"chat-1": "a", "chat.1": "b"}) for host in ("chat-1", "chat.1")],
    )
    assert line.startswith("chat-1 and chat.1 would share the database openwebui_chat_1 at db1.example.org")


def test_one_that_is_set_to_the_name_that_is_derived_for_another_is_noticed() -> None:
    assert len(clashes(chat1=ON_DB1, chat2={**ON_DB1, "webui_database_name": "openwebui_chat1"})) == 1


@pytest.mark.parametrize(
    "apart",
    [
        {"webui_database_schema": "other"},
        {"webui_database_port": 5433},
        {"webui_database_host": "db2.example.org"},
        {"webui_database_host": "127.0.0.1"},
    ],
)
def test_one_name_is_two_databases_where_the_server_or_the_schema_differs(apart: dict[str, Any]) -> None:
    same = {**ON_DB1, "webui_database_name": "chats"}
    assert clashes(chat1=same, chat2={**same, **apart}) == []


@pytest.mark.parametrize("written", [5432, "5432", "", None])
def test_the_usual_port_is_one_however_it_is_written(written: Any) -> None:
    same = {**ON_DB1, "webui_database_name": "chats"}
    assert len(clashes(chat1=same, chat2={**same, "webui_database_port": written})) == 1


def test_a_port_that_is_none_is_no_end_of_everything() -> None:
    """Whether it is a number is asked by the roles, which say so in words."""
    assert clashes(chat1={"webui_database_port": "{{ later }}", "ansible_port": "ssh"}, chat2={}) == []


@pytest.mark.parametrize("address", ["", "localhost", "127.0.0.1", "::1", "/run/postgresql"])
def test_a_loopback_address_and_a_socket_are_those_of_each_machine(address: str) -> None:
    own = {"webui_database_host": address, "webui_database_name": "chats"}
    assert clashes(chat1=own, chat2=own) == []
    # Under its address it is the same server as from within.
    outside = {"webui_database_host": "192.0.2.1", "webui_database_name": "chats"}
    (line,) = clashes(chat1={**own, "ansible_host": "192.0.2.1"}, chat2=outside)
    assert line.startswith("chat1 and chat2 would share the database chats at 192.0.2.1, port 5432")


def test_a_server_on_another_host_is_one_whatever_its_address_is_called() -> None:
    told = {"webui_postgres_delegate_to": "db1", "webui_database_name": "chats"}
    (line,) = clashes(
        db1={"ansible_host": "192.0.2.9"},
        chat1={**told, "webui_database_host": "db1.internal"},
        chat2={**told, "webui_database_host": "10.0.0.9"},
        chat3={"webui_database_host": "192.0.2.9", "webui_database_name": "chats"},
    )
    assert line.startswith("chat1, chat2 and chat3 would share the database chats at 192.0.2.9, port 5432")
    # One that the inventory does not know goes by its name.
    elsewhere = {**told, "webui_postgres_delegate_to": "db9"}
    assert "at db9, port 5432" in clashes(chat1=elsewhere, chat2=elsewhere)[0]


def test_one_machine_under_two_names_is_noticed() -> None:
    here = {"ansible_host": "192.0.2.1"}
    assert clashes(chat1=here, chat2=here) == [
        "chat1 and chat2 are on one machine, 192.0.2.1, and would share /var/lib/openwebui-postgres/open-webui; set webui_instance_name "
        "for each, and what tells them apart: webui_container_name, webui_systemd_unit or webui_env_file."
    ]


@pytest.mark.parametrize(
    "apart",
    [{"webui_container_name": "webui2"}, {"webui_instance_name": "second"}, {"webui_state_dir": "/srv/second"}, {"ansible_port": 2222}],
)
def test_two_open_webui_on_one_machine_that_are_told_apart_are_no_clash(apart: dict[str, Any]) -> None:
    here = {"ansible_host": "192.0.2.1"}
    assert clashes(chat1=here, chat2={**here, **apart}) == []


@pytest.mark.parametrize(
    "told", [{"ansible_connection": "local"}, {"ansible_host": "localhost"}, {"ansible_host": "127.0.0.1"}, {"ansible_host": "::1"}]
)
def test_the_controller_is_one_machine_however_it_is_reached(told: dict[str, Any]) -> None:
    assert waves.machine("chat1", told) == "localhost"


def test_behind_another_port_of_the_controller_is_another_machine() -> None:
    assert waves.machine("chat1", {"ansible_host": "127.0.0.1", "ansible_port": 2222}) == "127.0.0.1:2222"


def test_neighbours_are_those_who_share_a_machine() -> None:
    here = {"ansible_host": "192.0.2.1"}
    told = {"chat1": here, "chat2": {}, "chat3": {**here, "webui_instance_name": "b"}, "chat4": {**here, "ansible_port": 2222}}
    assert waves.neighbours(instances(**told)) == ["chat1", "chat3"]


# The order


def known(size: int | None, state: str = "ready") -> dict[str, Any]:
    return {"state": state, "source": {"size_bytes": size}}


def test_the_canary_first_then_the_smallest_the_unknown_and_at_last_those_that_were_moved() -> None:
    past = {
        "large": known(900),
        "small": known(10),
        "moved": known(1, "migrated"),
        "kept": known(None, "kept"),
        "canary": known(5000),
        "unsized": known(None),
        "lost": {"state": "lost"},
    }
    hosts = ["moved", "unheard", "kept", "large", "unsized", "lost", "small", "canary"]
    assert waves.ordered(hosts, "canary", past) == ["canary", "small", "large", "unheard", "unsized", "lost", "moved", "kept"]


def test_a_canary_is_first_even_if_it_was_moved() -> None:
    assert waves.ordered(["a", "b"], "b", {"b": known(1, "migrated"), "a": known(1)}) == ["b", "a"]


def test_without_any_knowledge_the_order_is_the_inventory_s() -> None:
    assert waves.ordered(["c", "a", "b"], "", {}) == ["c", "a", "b"]


def test_an_empty_file_is_smaller_than_one_of_unknown_size() -> None:
    assert waves.ordered(["unknown", "empty"], "", {"empty": known(0)}) == ["empty", "unknown"]


def test_what_is_in_the_write_ahead_log_only_counts_as_well() -> None:
    past = {host: {"state": "ready", "source": {"size_bytes": 100, "wal_bytes": log}} for host, log in (("a", 900), ("b", None), ("c", 5))}
    assert waves.ordered(["a", "b", "c"], "", past) == ["b", "c", "a"]
