# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: webui_settings
short_description: What an Open WebUI is to be told, to be on a database
version_added: 0.1.0
description:
  - Composes E(DATABASE_URL) and all other settings that put an Open WebUI on PostgreSQL, from the variables of the role C(webui) and what
    M(openwebui.postgres.webui_info) has found out about the host.
  - The result holds the password, in E(DATABASE_URL) and percent-encoded. Do not print it.
positional: instance
options:
  _input:
    description:
      - The variables, by their names without C(webui_database_) and C(webui_postgres_). Those are C(mode), C(delegated), C(network),
        C(alias), C(host), C(port), C(name), C(user), C(password), C(schema), C(ssl_mode), C(ca_cert), C(ssl_cert), C(ssl_key), C(url),
        C(url_scheme), C(url_host), C(url_port), C(pool_size), C(pool_max_overflow) and C(environment).
      - What is not there is as by the defaults of the role. An empty C(url) is composed, an empty C(url_host) and a C(url_port) of V(0) are
        found out.
    type: dict
    required: true
  instance:
    description: RV(openwebui.postgres.webui_info#module:instance). Empty for one that was not found yet.
    type: dict
    default: {}
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Put the container on PostgreSQL
  openwebui.postgres.webui_container:
    name: "{{ found.instance.name }}"
    state: switched
    env: "{{ wanted.env }}"
    env_remove: "{{ wanted.removed }}"
  vars:
    database:
      host: db.example.com
      password: "{{ vault_webui_password }}"
    wanted: "{{ database | openwebui.postgres.webui_settings(found.instance) }}"
"""

RETURN = r"""
_value:
  description: What is wanted.
  type: dict
  contains:
    mode:
      description: Where PostgreSQL comes from, V(compose) or V(external).
      type: str
      sample: compose
    by_network:
      description: Whether Open WebUI reaches it in a network of the engine that the two share.
      type: bool
    url_host:
      description: Its host as Open WebUI reaches it, or the folder of its socket.
      type: str
      sample: openwebui-postgres
    url_port:
      description: Its port as Open WebUI reaches it.
      type: int
      sample: 5432
    url:
      description: E(DATABASE_URL), with the password.
      type: str
    place:
      description: The database as C(host:port/name).
      type: str
      sample: openwebui-postgres:5432/openwebui
    driver:
      description: The driver that Open WebUI needs for it.
      type: str
      sample: psycopg2
    env:
      description: All settings, E(DATABASE_URL) among them.
      type: dict
    removed:
      description: Names of settings that must not be there beside them.
      type: list
      elements: str
      sample: ["DATABASE_TYPE"]
    certificates:
      description: Files on the host that a container needs copies of, by the names of the copies.
      type: dict
      sample: {"ca.pem": "/etc/ssl/postgresql/ca.crt"}
    certificate_volumes:
      description: What a container of another run mounts to have these copies, too.
      type: list
      elements: str
    added_networks:
      description: The networks that Open WebUI is connected to for it.
      type: list
      elements: dict
      sample: [{"name": "openwebui-postgres"}]
    networks:
      description: The networks from which all can be reached that Open WebUI will reach.
      type: list
      elements: dict
      sample: [{"name": "openwebui-postgres"}]
    secrets:
      description: What must not be shown.
      type: list
      elements: str
    certificate_folder:
      description: The folder of these copies as the container sees it. Empty where there is no container.
      type: str
      sample: /app/backend/data/postgresql-tls
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.openwebui.postgres.plugins.module_utils._desired import DATABASE, desired, faults


def webui_settings(database: Any, instance: Any = None) -> dict[str, Any]:
    """What an Open WebUI is to be told."""
    unknown = sorted(set(database) - set(DATABASE))
    if unknown:
        raise AnsibleFilterError(f"webui_settings knows no {', '.join(unknown)}")
    refused = faults(dict(database))
    if refused:
        raise AnsibleFilterError(" ".join(refused))
    return desired(dict(database), dict(instance or {}))._asdict()


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Callable]:
        return {"webui_settings": webui_settings}
