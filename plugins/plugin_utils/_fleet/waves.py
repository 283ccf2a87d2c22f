# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what order hosts are worked on, and which of them cannot both be: two that would share a database, or one Open WebUI named twice."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

# Longer names are cut short by PostgreSQL, in silence.
NAME_BYTES = 63
PREFIX = "openwebui_"
LOOPBACK = ("", "localhost", "127.0.0.1", "::1")


def database_name(host: str) -> str:
    """The name for the database, and its owner, of a host of the inventory that sets none.

    The same name gives the same database for ever, so it depends on nothing else. Two names that differ in punctuation or in case alone
    give the same one; :func:`clashes` tells.
    """
    name = PREFIX + re.sub(r"[^a-z0-9]+", "_", host.lower()).strip("_")
    if name == PREFIX:
        name += _digest(host)
    if len(name) > NAME_BYTES:
        # The end of a long host name is its domain, which many share.
        name = f"{name[: NAME_BYTES - 9]}_{_digest(host)}"
    return name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


class Instance(NamedTuple):
    """What tells one Open WebUI of the inventory, and its database, from others."""

    host: str
    machine: str
    kept_at: str
    server: str
    database: str
    schema: str


def instance(host: str, told: Mapping[str, Any], machines: Mapping[str, str]) -> Instance:
    """
    :arg told: the host's variables, as far as the inventory sets them.
    :arg machines: the machine of each host of the inventory, by :func:`machine`.
    """
    where = machines[host]
    name = told.get("webui_instance_name") or told.get("webui_container_name") or "open-webui"
    return Instance(
        host=host,
        machine=where,
        kept_at=f"{told.get('webui_state_dir') or '/var/lib/openwebui-postgres'}/{name}",
        server=_server(told, where, machines),
        database=told.get("webui_database_name") or database_name(host),
        schema=told.get("webui_database_schema") or "public",
    )


def machine(host: str, told: Mapping[str, Any]) -> str:
    """What an inventory name stands for: aliases of one machine give the same."""
    if told.get("ansible_connection") == "local":
        return "localhost"
    address = str(told.get("ansible_host") or host)
    port = str(told.get("ansible_port") or 22)
    # Behind another port of the controller is another machine: a virtual one, or the end of a tunnel.
    if port != "22":
        return f"{address}:{port}"
    return "localhost" if address in LOOPBACK else address


def _server(told: Mapping[str, Any], where: str, machines: Mapping[str, str]) -> str:
    delegate = str(told.get("webui_postgres_delegate_to") or "")
    if delegate:
        where = machines.get(delegate, delegate)
    address = str(told.get("webui_database_host") or "")
    port = str(told.get("webui_database_port") or 5432)
    # A server that is deployed on another host is that one server, whatever its address is called.
    if delegate or address in LOOPBACK or address.startswith("/"):
        return f"{where}, port {port}"
    return f"{address}, port {port}"


def clashes(instances: Iterable[Instance]) -> list[str]:
    """Why these hosts cannot all be worked on, one line for each group of hosts that are in each other's way."""
    by_database: dict[tuple[str, str, str], list[str]] = {}
    by_folder: dict[tuple[str, str], list[str]] = {}
    for one in instances:
        by_database.setdefault((one.server, one.database, one.schema), []).append(one.host)
        by_folder.setdefault((one.machine, one.kept_at), []).append(one.host)
    return [
        *(
            f"{_and(hosts)} would share the database {database} at {server}; set webui_database_name and webui_database_user for each."
            for (server, database, _schema), hosts in by_database.items()
            if len(hosts) > 1
        ),
        *(
            f"{_and(hosts)} are on one machine, {where}, and would share {folder}; set webui_instance_name for each, and what tells them "
            "apart: webui_container_name, webui_systemd_unit or webui_env_file."
            for (where, folder), hosts in by_folder.items()
            if len(hosts) > 1
        ),
    ]


def neighbours(instances: Iterable[Instance]) -> list[str]:
    """The hosts that share their machine with another one: what is made once for a machine, they make one after the other."""
    by_machine: dict[str, list[str]] = {}
    for one in instances:
        by_machine.setdefault(one.machine, []).append(one.host)
    return [host for hosts in by_machine.values() if len(hosts) > 1 for host in hosts]


def _and(hosts: Sequence[str]) -> str:
    return f"{', '.join(hosts[:-1])} and {hosts[-1]}"


def ordered(hosts: Sequence[str], canary: str, past: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Hosts in the order in which they are begun: the named canary, then the smallest first, then what needs nothing any more.

    :arg past: what earlier runs have noted of each host. One of unknown size comes after all others, and keeps its place among its like.
    """

    def rank(host: str) -> tuple[bool, bool, float]:
        known = past.get(host, {})
        source = known.get("source") or {}
        size = source.get("size_bytes")
        # What is in the log only is as much work as what is in the file.
        whole = float("inf") if size is None else float(size) + float(source.get("wal_bytes") or 0)
        return host != canary, known.get("state") in ("migrated", "kept"), whole

    return sorted(hosts, key=rank)
