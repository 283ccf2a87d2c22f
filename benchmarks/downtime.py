# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long users wait: the downtime of a move beside a plain restart, for databases of several sizes. See README.md in this folder.

One Open WebUI in a container. One client asks for /health ten times a second, and another one writes chats all the while; every chat that
was acknowledged has to be there afterwards.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from arena import prepare_source
from cutover import Watch, play
from lab import engine, images, install, paths, webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import DATA_INSIDE, WebUIContainer, host_variables
from lab.webui_service import ApiError, Client

SECRET_KEY = "of-the-benchmark"
PAUSE = 0.5
WAYS = {"auto": "loaded ahead", "never": "loaded while down"}
# A file of some GB takes its time to be copied, looked at and loaded.
READY_SECONDS = 900


def token_of(user: str) -> str:
    """What signs a user in: a JSON web token by the secret key."""

    def part(content: Any) -> str:
        return base64.urlsafe_b64encode(content if isinstance(content, bytes) else json.dumps(content).encode()).rstrip(b"=").decode()

    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'id': user})}"
    return f"{signed}.{part(hmac.new(SECRET_KEY.encode(), signed.encode(), hashlib.sha256).digest())}"


class Author:
    """A user who begins one chat after the other, and notes those that Open WebUI has acknowledged."""

    def __init__(self, url: str, user: str) -> None:
        self.client = Client(url, token_of(user))
        self.acknowledged: list[str] = []

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._write, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _write(self, done: threading.Event) -> None:
        while not done.wait(PAUSE):
            chat = {"title": f"number {len(self.acknowledged)}", "models": [], "history": {"messages": {}, "currentId": None}}
            with contextlib.suppress(ApiError, OSError, ValueError):
                self.acknowledged.append(self.client.post("/api/v1/chats/new", {"chat": chat})["id"])

    def lost(self, url: str) -> int:
        """How many of them are not there any more."""
        client, gone = Client(url, self.client.token), 0
        for chat in self.acknowledged:
            try:
                client.get(f"/api/v1/chats/{chat}")
            except ApiError:
                gone += 1
        return gone


def begin(docker: Docker, scratch: Scratch, source: Path) -> tuple[WebUIContainer, str]:
    """An Open WebUI with a copy of that database, and one of its users."""
    name = scratch.name("webui")
    webui = WebUIContainer(docker, name, scratch.port(), scratch.folder(name) / "data")
    webui.data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, webui.database)
    docker.run(
        *("--publish", f"{webui.port}:8080", "--volume", f"{webui.data}:{DATA_INSIDE}", "--env", f"WEBUI_SECRET_KEY={SECRET_KEY}"),
        *("--name", name, images.name(docker.engine, "open-webui")),
    )
    webui.wait_ready(READY_SECONDS)
    with contextlib.closing(sqlite3.connect(f"{webui.database.as_uri()}?mode=ro", uri=True)) as connection:
        (user,) = connection.execute("SELECT id FROM user WHERE role = 'admin' LIMIT 1").fetchone()
    return webui, user


def restart(docker: Docker, webui: WebUIContainer) -> float:
    """How long a plain `docker restart` keeps users out, in seconds."""
    watch = Watch(webui.url)
    with watch.looking():
        docker.cli("restart", webui.name)
        webui.wait_ready(READY_SECONDS)
    return watch.outage[1] - watch.outage[0]


def move(docker: Docker, scratch: Scratch, source: Path, online: str) -> tuple[float, float, int, int]:
    """Seconds of a restart and of the downtime of a move, chats that were written meanwhile, and how many of these are lost."""
    webui, user = begin(docker, scratch, source)
    plain = restart(docker, webui)
    variables = host_variables(docker, scratch.folder(f"host-{online}"), images.name(docker.engine, "postgres", 18), scratch.port())
    names = dict.fromkeys(("project", "container_name", "network", "alias"), scratch.name("postgres"))
    variables |= {"webui_container_name": webui.name, **{f"webui_postgres_{key}": value for key, value in names.items()}}
    variables |= {"webui_migrate_online": online, "webui_health_timeout": READY_SECONDS}
    inventory = webui_play.write_inventory(scratch.folder(f"inventory-{online}") / "hosts.json", {"host": variables})
    watch, author = Watch(webui.url), Author(webui.url, user)
    with watch.looking(), author.writing():
        play(webui_play.MIGRATE, inventory, docker.environment)
    lost = author.lost(webui.url)
    docker.cli("rm", "--force", webui.name, f"{webui.name}-on-sqlite", names["container_name"])
    return plain, watch.outage[1] - watch.outage[0], len(author.acknowledged), lost


def measure(docker: Docker, folder: Path, size: int, ways: list[str]) -> str:
    """A row of the table for this size."""
    source = prepare_source(size)
    cells = []
    for online in ways:
        scratch = Scratch(docker, folder / f"{size}-{online}")
        (folder / f"{size}-{online}").mkdir()
        try:
            plain, down, written, lost = move(docker, scratch, source, online)
        finally:
            scratch.clean()
            shutil.rmtree(folder / f"{size}-{online}", ignore_errors=True)
        cells += [f"{plain:.1f}", f"{down:.1f}", f"{down - plain:+.1f}", f"{written} / {lost}"]
    return f"| {size} | " + " | ".join(cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs="+", default=[50, 500], help="of webui.db, in MB")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="values of webui_migrate_online")
    options = parser.parse_args()
    install.for_docker()
    with engine.session() as found, tempfile.TemporaryDirectory(prefix="webui-downtime-") as folder:
        images.build(found)
        docker = Docker(found)
        os.environ.update(docker.environment)
        rows = [measure(docker, Path(folder), size, options.ways) for size in options.size]
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    columns = " | ".join(f"restart, s | {WAYS[way]}: downtime, s | beyond | chats written / lost" for way in options.ways)
    print(f"\n{revision.stdout.strip()}\n\n| MB | {columns} |\n|---:|" + "---:|" * 4 * len(options.ways))
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
