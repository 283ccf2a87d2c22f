# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until a started Open WebUI answers, and until PostgreSQL sees its connections. What comes of it if not: C(state.py).

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from typing import Any, Callable, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import connect, only_row
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

# Users wait for what is between two looks, and a look costs next to nothing.
PAUSE = 0.25
# For one answer. A busy Open WebUI may take its time.
PATIENCE = 10
HEALTHY = 200
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Answer(NamedTuple):
    """What an address said.

    :ivar status: the HTTP status, 0 where there was no answer.
    :ivar reason: why it is not well, in a few words; empty where it is.
    """

    status: int
    reason: str

    @property
    def healthy(self) -> bool:
        """Whether it is well."""
        return self.status == HEALTHY


class Connected(NamedTuple):
    """What the server says of Open WebUI.

    :ivar connections: how many it has that were made or used since the moment that was asked about.
    :ivar revision: the alembic revision of the schema; None where there is none, or more than one.
    """

    connections: int
    revision: str | None


def asker(url: str, validate_certs: bool = True) -> Callable[[], Answer]:
    """A function that asks this address once.

    :raises Refused: when that is no address of HTTP.
    """
    try:
        parts = urlsplit(url)
        can_be_asked = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # A bracket without the other, or a port that is none.
        can_be_asked = False
    if not can_be_asked:
        raise refuse("health", f"{url} is no address that can be asked; webui_health_url wants http://HOST:PORT/health")
    context = ssl.create_default_context()
    if not validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    handlers: list[Any] = [urllib.request.HTTPSHandler(context=context)]
    if parts.hostname in LOOPBACK:
        # A proxy that the environment names is for other hosts.
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)

    def ask() -> Answer:
        try:
            with opener.open(url, timeout=PATIENCE) as answer:
                return _answer(answer.status)
        except urllib.error.HTTPError as error:
            return _answer(error.code)
        except urllib.error.URLError as error:
            return Answer(0, _words(error.reason))
        # A host that no name server could be asked for.
        except (OSError, ValueError, http.client.HTTPException) as error:
            return Answer(0, _words(error))

    return ask


def _answer(status: int) -> Answer:
    return Answer(status, "" if status == HEALTHY else f"HTTP {status}")


def _words(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return str(reason) or type(reason).__name__


def wait(ask: Callable[[], Answer], timeout: float) -> Answer:
    """Ask until the answer is that all is well, or until the time is up; at least once.

    :param timeout: in seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = ask()
        if answer.healthy or time.monotonic() >= deadline:
            return answer
        time.sleep(PAUSE)


def wait_connected(options: dict[str, Any], ask: Callable[[], Answer], since: float | None, timeout: float) -> Connected:
    """Wait until the server sees a connection of this role to this database, other than ours.

    :param options: the connection options of a module, with C(schema).
    :param ask: asks Open WebUI, so that it may use its database while we look. A pooler may have lent us its connection before.
    :param since: only connections made or used after this moment count, as :func:`time.monotonic` tells it; None for any. The server is
        asked for their age, because the clocks of two hosts differ.
    :param timeout: in seconds.
    :raises Refused: when the server cannot be asked.
    """
    asked = time.monotonic()
    with connect(options) as session, guard("looking for connections of Open WebUI"):
        while True:
            # The server shows the same picture until the transaction ends.
            session.begin()
            ask()
            age = None if since is None else time.monotonic() - since
            (found,) = only_row(session.connection.execute(_CONNECTIONS, {"age": age}))
            if found or time.monotonic() - asked >= timeout:
                return Connected(found, _revision(Target(session, options["schema"])))
            time.sleep(PAUSE)


def _revision(target: Target) -> str | None:
    revisions = target.revisions() if target.present(["alembic_version"]) else []
    return revisions[0] if len(revisions) == 1 else None


_CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
       AND (%(age)s::float8 IS NULL
            OR greatest(backend_start, query_start) >= clock_timestamp() - make_interval(secs => %(age)s::float8))"""
