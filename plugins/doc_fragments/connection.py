# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What reaches the target database. The names are those of community.postgresql.
    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - Host of the PostgreSQL server. Empty for the local socket.
    type: str
    default: ""
  login_port:
    description:
      - Port of the PostgreSQL server.
    type: int
    default: 5432
  login_user:
    description:
      - Role to connect as. It has to own the tables that Open WebUI created; it needs no superuser rights.
    type: str
  login_password:
    description:
      - Password of the role.
    type: str
  login_db:
    description:
      - Database in which Open WebUI has created its schema.
    type: str
    required: true
  login_unix_socket:
    description:
      - Folder of the server's Unix socket, in place of O(login_host).
    type: str
    default: ""
  ssl_mode:
    description:
      - Whether, and how strictly, the connection is encrypted; as C(sslmode) of libpq.
    type: str
    default: prefer
    choices: [allow, disable, prefer, require, verify-ca, verify-full]
  ca_cert:
    description:
      - File with the certificate authorities that may vouch for the server.
    type: path
  ssl_cert:
    description:
      - File with the client's certificate.
    type: path
  ssl_key:
    description:
      - File with the client's private key.
    type: path
  connect_params:
    description:
      - Any other parameters of libpq, such as C(target_session_attrs). They win over the options above.
      - Not for passwords, which are refused here; use O(login_password).
    type: dict
    default: {}
  schema:
    description:
      - PostgreSQL schema that holds Open WebUI's tables. Tables of the same name in other schemas do not matter.
    type: str
    default: public
requirements:
  - psycopg >= 3.1 in the Python that runs the module
"""
