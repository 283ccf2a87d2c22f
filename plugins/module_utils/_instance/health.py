# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until a started Open WebUI answers. What comes of it if not: C(state.py).

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from typing import Callable, NamedTuple
from urllib.parse import urlsplit

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


class _Https(urllib.request.HTTPSHandler):
    """Reads the authorities that the host trusts once an address wants them, also one that another leads to: nothing here takes longer."""

    def __init__(self, validate_certs: bool) -> None:
        # Without a context of its own it may read them at once. This one is empty, and never used.
        super().__init__(context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self._validate_certs = validate_certs
        self._trust: ssl.SSLContext | None = None

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Ask an address of https."""
        if self._trust is None:
            self._trust = ssl.create_default_context()
            if not self._validate_certs:
                self._trust.check_hostname = False
                self._trust.verify_mode = ssl.CERT_NONE
        return self.do_open(http.client.HTTPSConnection, req, context=self._trust)


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
    handlers: list[urllib.request.BaseHandler] = [_Https(validate_certs)]
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
