# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What puts an Open WebUI on the new database: its address as Open WebUI reaches it, and all settings that it is told.

The controller composes them with the password, for the modules that switch. The target does so without, to see whether Open WebUI is on
that database already.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible_collections.openwebui.postgres.plugins.module_utils._settings import DATA_DIR, PARTS, database_of, texts

# Of PostgreSQL in a network that Open WebUI shares with it.
PORT = 5432
# Open WebUI lets these override DATABASE_URL, or has them change what it means.
OTHERS = ("DATABASE_SCHEMA", "DATABASE_ENABLE_IAM_TOKEN_AUTH")

# The folder for copies of certificates, in a data folder.
COPIES = "postgresql-tls"

# The operator's variables, as the roles' defaults have them.
DATABASE: dict[str, Any] = {
    "mode": "auto",
    "delegated": False,
    "network": "openwebui-postgres",
    "alias": "openwebui-postgres",
    "host": "127.0.0.1",
    "port": PORT,
    "name": "openwebui",
    "user": "openwebui",
    "password": "",
    "schema": "public",
    "ssl_mode": "prefer",
    "ca_cert": "",
    "ssl_cert": "",
    "ssl_key": "",
    "url": "",
    "url_scheme": "postgresql",
    "url_host": "",
    "url_port": 0,
    "pool_size": 0,
    "pool_max_overflow": 0,
    "environment": {},
}
# Options of a connection with a certificate: the variable of libpq that names it, and its name in the data folder of a container.
CERTIFICATES = {
    "ca_cert": ("PGSSLROOTCERT", "ca.pem"),
    "ssl_cert": ("PGSSLCERT", "client.pem"),
    "ssl_key": ("PGSSLKEY", "client.key"),
}


class Desired(NamedTuple):
    """What is wanted of an Open WebUI.

    :ivar mode: where PostgreSQL comes from, C(compose) or C(external).
    :ivar by_network: whether Open WebUI reaches it in a network of the engine that the two share.
    :ivar url_host: its host as Open WebUI sees it, or the folder of its socket.
    :ivar url: C(DATABASE_URL). It holds the password.
    :ivar place: the database as C(host:port/name), by which it is compared with the one in use.
    :ivar driver: the driver that Open WebUI needs for it.
    :ivar env: all settings, C(DATABASE_URL) among them.
    :ivar removed: names of settings that must not be there beside them.
    :ivar certificates: files of this connection that a container needs copies of, by their names there.
    :ivar certificate_folder: the folder of these copies as the container sees it; empty where there is no container.
    :ivar certificate_volumes: what a container of another run mounts to have them there, too.
    :ivar added_networks: the networks that Open WebUI is connected to for it, as C(name) of each.
    :ivar networks: all that one of the same image needs to reach what Open WebUI will reach.
    :ivar secrets: what must not be shown, wherever it turns up.
    """

    mode: str
    by_network: bool
    url_host: str
    url_port: int
    url: str
    place: str
    driver: str
    env: dict[str, str]
    removed: list[str]
    certificates: dict[str, str]
    certificate_folder: str
    certificate_volumes: list[str]
    added_networks: list[dict[str, str]]
    networks: list[dict[str, str]]
    secrets: list[str]


def desired(database: dict[str, Any], instance: dict[str, Any]) -> Desired:
    """What puts this Open WebUI on this database.

    :param database: the operator's variables; what is not there is as in :data:`DATABASE`.
    :param instance: what is known of Open WebUI, in the terms of webui_info; nothing of one that was not found.
    """
    told = _whole(database)
    has_engine = bool((instance.get("capabilities") or {}).get("has_engine"))
    mode = told["mode"] if told["mode"] != "auto" else "compose" if has_engine else "external"
    # With a network of its own, 127.0.0.1 is not the host.
    inside = has_engine and (instance.get("network_mode") or "bridge") != "host"
    by_network = inside and mode == "compose" and not told["delegated"]
    host = str(told["url_host"]) or (told["alias"] if by_network else told["host"])
    port = int(told["url_port"]) or (PORT if by_network else int(told["port"]))
    folder = f"{instance.get('data_dir_inside') or DATA_DIR}/{COPIES}" if has_engine else ""
    password = str(told["password"])
    userinfo = ":".join(_encoded(part) for part in (str(told["user"]), password) if part)
    url = told["url"] or _url(told, userinfo, host, port)
    environment = _environment(told, folder)
    env = {"DATABASE_URL": url, **environment}
    certificates = {name: told[option] for option, (_variable, name) in CERTIFICATES.items() if told[option]} if has_engine else {}
    added = [told["network"]] if by_network else []
    return Desired(
        mode=mode,
        by_network=by_network,
        url_host=host,
        url_port=port,
        url=url,
        place=database_of(env).where,
        driver="psycopg" if told["url_scheme"] == "postgresql+psycopg" else "psycopg2",
        env=env,
        removed=[name for name in (*PARTS, *OTHERS) if name not in environment],
        certificates=certificates,
        certificate_folder=folder,
        certificate_volumes=[f"{instance.get('data_dir', '')}/{COPIES}:{folder}:ro"] if certificates else [],
        added_networks=_named(added),
        networks=_named([*([] if by_network else instance.get("networks") or ["bridge"]), *added]),
        # A name alone is none, and is part of many a message.
        secrets=[url, userinfo, password] if password else [url],
    )


def faults(database: dict[str, Any]) -> list[str]:
    """What cannot be told to Open WebUI, so that a shell, systemd and Docker all read the same from an env file."""
    told = _whole(database)
    found = []
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", str(told["name"])):
        found.append(
            'webui_database_name may have letters, digits, ".", "_" and "-" only, since Open WebUI does not decode that part of '
            "DATABASE_URL."
        )
    spoilt = sorted(name for name, text in _environment(told, "").items() if not re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]*", text))
    if spoilt:
        found.append(
            f"{', '.join(spoilt)}: schema, certificate paths and the values of webui_database_environment may have no spaces, quotes or "
            "shell characters, so that a shell, systemd and Docker all read the same from the env file."
        )
    return found


def _whole(database: dict[str, Any]) -> dict[str, Any]:
    """The operator's variables, with the defaults of those that are not said."""
    return {**DATABASE, **{name: value for name, value in database.items() if value is not None}}


def _named(networks: list[str]) -> list[dict[str, str]]:
    return [{"name": name} for name in networks]


def _url(told: dict[str, Any], userinfo: str, host: str, port: int) -> str:
    is_socket = host.startswith("/")
    place = "" if is_socket else f"[{host}]" if ":" in host else host
    # One parameter at most: "&" cannot be written in an env file that a shell, systemd and Docker read alike.
    query = f"?host={quote(host, safe='')}" if is_socket else f"?sslmode={told['ssl_mode']}" if told["ssl_mode"] != "prefer" else ""
    return f"{told['url_scheme']}://{userinfo}@{place}:{port}/{told['name']}{query}"


def _encoded(text: str) -> str:
    """Everything but letters, digits, "-", "." and "_" percent-encoded: also "~", which a shell expands."""
    return quote(text, safe="").replace("~", "%7E")


def _environment(told: dict[str, Any], folder: str) -> dict[str, str]:
    """What Open WebUI is told besides its URL. Certificates go by libpq's own variables, since a URL has room for one parameter.

    :param folder: where a container has copies of them. It sees files of the host only where they are mounted, as its data folder is.
    """
    found = {} if told["schema"] == "public" else {"DATABASE_SCHEMA": told["schema"]}
    for option, (variable, name) in CERTIFICATES.items():
        if told[option]:
            found[variable] = f"{folder}/{name}" if folder else told[option]
    for option, variable in (("pool_size", "DATABASE_POOL_SIZE"), ("pool_max_overflow", "DATABASE_POOL_MAX_OVERFLOW")):
        if int(told[option]):
            found[variable] = told[option]
    return texts({**found, **told["environment"]})
