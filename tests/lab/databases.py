# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases and owner roles on a lab server, as a database administrator would hand them out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from psycopg import sql

from . import openwebui
from .postgres import TLS_ONLY_ROLE, Cluster


@dataclass(frozen=True)
class Target:
    """A database and the role that owns it; not a superuser."""

    cluster: Cluster
    login_user: str
    login_password: str
    login_db: str

    @property
    def login_host(self) -> str:
        return self.cluster.host

    @property
    def login_port(self) -> int:
        return self.cluster.port

    @property
    def options(self) -> dict:
        """The connection options of the modules."""
        names = ("login_host", "login_port", "login_user", "login_password", "login_db")
        return {name: getattr(self, name) for name in names}

    @property
    def url(self) -> str:
        user, password, database = (quote(part, safe="") for part in (self.login_user, self.login_password, self.login_db))
        return f"postgresql://{user}:{password}@{self.login_host}:{self.login_port}/{database}"

    def connect(self, **parameters) -> psycopg.Connection:
        """A connection of the owner."""
        return self._connect(self.login_user, self.login_password, parameters)

    def admin(self, **parameters) -> psycopg.Connection:
        """A connection of the superuser to this database."""
        return self._connect(self.cluster.superuser, self.cluster.password, parameters)

    def _connect(self, user: str, password: str, parameters: dict) -> psycopg.Connection:
        return psycopg.connect(
            host=self.login_host,
            port=self.login_port,
            user=user,
            password=password,
            dbname=self.login_db,
            **parameters,
        )


class DatabaseServer:
    """A running cluster that hands out databases and takes them back."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._targets: dict[str, Target] = {}
        self._schema: Target | None = None
        if cluster.tls:
            self.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(TLS_ONLY_ROLE)))

    def __getattr__(self, name: str):
        """host, port, start(), stop_immediate() and so on: all that the cluster has."""
        return getattr(self.cluster, name)

    def admin(self, dbname: str = "postgres", **parameters) -> psycopg.Connection:
        return psycopg.connect(
            host=self.cluster.host,
            port=self.cluster.port,
            user=self.cluster.superuser,
            password=self.cluster.password,
            dbname=dbname,
            **parameters,
        )

    def execute(self, *statements: sql.Composable) -> None:
        """Run statements as superuser, each in a transaction of its own."""
        with self.admin(autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def create_role(self, name: str | None = None, password: str | None = None) -> tuple[str, str]:
        """A role that may log in and nothing else."""
        name = name or f"role_{secrets.token_hex(4)}"
        password = password or secrets.token_urlsafe(12)
        self.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password)),
        )
        return name, password

    def create_database(
        self,
        template: str | None = None,
        *,
        owner: tuple[str, str] | None = None,
        encoding: str | None = None,
    ) -> Target:
        """A database of a fresh role, or of this owner (name, password)."""
        user, password = owner or self.create_role()
        name = f"db_{secrets.token_hex(4)}"
        statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(user))
        if encoding is not None:
            statement += sql.SQL(" TEMPLATE template0 LOCALE 'C' ENCODING {}").format(sql.Literal(encoding))
        elif template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self.execute(statement)
        target = Target(self.cluster, user, password, name)
        self._targets[name] = target
        return target

    def create_open_webui_database(self) -> Target:
        """A database with Open WebUI's schema, owned by the one role that owns them all."""
        if self._schema is None:
            self._schema = self._build_schema()
        schema = self._schema
        return self.create_database(schema.login_db, owner=(schema.login_user, schema.login_password))

    def databases(self) -> set[str]:
        """Names of the databases handed out and not yet taken back."""
        return set(self._targets)

    def drop_databases(self, names: set[str]) -> None:
        """Drop databases with whoever is still connected, and the fresh roles that owned them."""
        for name in names:
            target = self._targets.pop(name)
            self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            if target.login_user.startswith("role_"):
                self.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(target.login_user)))

    def _build_schema(self) -> Target:
        target = self.create_database(owner=self.create_role("webui"))
        del self._targets[target.login_db]
        openwebui.create_schema(target.url)
        return target
