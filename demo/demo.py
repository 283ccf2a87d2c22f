# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a real Open WebUI, full of chats, moves from SQLite to PostgreSQL and is left running there.

`demo.py up` builds everything from scratch in .lab/demo, and `demo.py clean` stops and removes it. Both are called by make,
which has installed what they need.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import secrets
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lab import paths, webui_play
from lab.console import LabError
from lab.postgres import Cluster
from lab.webui_fill import Account, fill
from lab.webui_service import ApiError, OpenWebUI, free_port, write_private
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot

FOLDER = paths.LAB / "demo"
STATE = FOLDER / "state.json"
LOGIN = FOLDER / "login.txt"
INVENTORY = FOLDER / "inventory.json"
FIRST_PORT = 8080
LAST_PORT = 8099
EMAIL = "admin@example.org"


def up(wanted_port: int | None) -> int:
    clean()
    FOLDER.mkdir(parents=True)
    port = _port(wanted_port)
    service = OpenWebUI.create(FOLDER / "open-webui", port)
    _remember(port=port)

    step(f"Open WebUI {paths.OPEN_WEBUI_VERSION} starts on SQLite at {service.url}")
    client = service.start()
    step("Its users work: chats, notes, channels, files, knowledge, groups, prompts, tools; then they delete some of it")
    world = fill(client, chats_each=5, admin=_admin())
    _say_what_there_is(service)
    before = snapshot(client, world)

    step("PostgreSQL 18 starts, empty")
    cluster = _start_postgres(port)

    step("ansible-playbook moves it")
    command = _playbook(service, cluster)
    print(f"$ {shlex.join(command)}", flush=True)
    answer = subprocess.run(command, cwd=paths.ROOT, env=_environment(), check=False)
    if answer.returncode != 0:
        where = f"still runs on SQLite at {service.url}" if service.is_running() else "is not running"
        raise LabError(f"The playbook failed, see above. Open WebUI {where}. Its log: {service.log}")

    step("The same questions are asked again over HTTP, with the sign-ins of before")
    _compare(before, snapshot(service.client(), world))
    _say_goodbye(service, world.admin, command)
    return 0


def clean() -> None:
    """Stop what an earlier demo left running, also one that was interrupted, and remove its folders."""
    if STATE.exists():
        state = json.loads(STATE.read_text(encoding="utf-8"))
        OpenWebUI(FOLDER / "open-webui", state["port"]).stop()
        if home := state.get("postgres"):
            if (Path(home) / "cluster.json").exists():
                Cluster(Path(home)).destroy()
            shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(FOLDER, ignore_errors=True)


def step(text: str) -> None:
    print(f"\n==> {text}", flush=True)


def _port(wanted: int | None) -> int:
    """The port asked for, or the first free one from 8080 on."""
    first, last = (wanted, wanted) if wanted else (FIRST_PORT, LAST_PORT)
    try:
        return free_port(first, last)
    except RuntimeError as error:
        raise LabError(f"{error}. Stop what listens there, or choose another port: DEMO_PORT=9000 make demo") from error


def _remember(**values: object) -> None:
    """Note what `clean` must know, before it is there to be cleaned."""
    state = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
    write_private(STATE, json.dumps({**state, **values}))


def _admin() -> Account:
    account = Account("Demo Admin", EMAIL, secrets.token_urlsafe(9), "admin")
    write_private(LOGIN, f"{account.email}\n{account.password}\n")
    return account


def _say_what_there_is(service: OpenWebUI) -> None:
    with contextlib.closing(sqlite3.connect(f"{service.database.as_uri()}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
        orphans = collections.Counter((row[0], row[2]) for row in connection.execute("PRAGMA foreign_key_check"))
    shown = ("user", "chat", "chat_message", "message", "note", "file", "knowledge", "config")
    print("    rows:    " + ", ".join(f"{rows[name]} {name}" for name in shown) + f"; {sum(rows.values())} in all")
    for (table, parent), number in sorted(orphans.items()):
        print(f"    orphans: {number} {table} without {parent}")


def _start_postgres(web_port: int) -> Cluster:
    home = _postgres_home()
    _remember(port=web_port, postgres=str(home))
    # The lab's servers are made to be thrown away; this one is for somebody to look at, and to keep what they write.
    cluster = Cluster.create("18", home, {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"})
    cluster.start(detached=True)
    return cluster


def _postgres_home() -> Path:
    """A folder that PostgreSQL can get at. Root lends it another user, who may not be let into root's own folders."""
    home = FOLDER / "postgres"
    if os.geteuid() == 0 and not all(folder.stat().st_mode & stat.S_IXOTH for folder in home.parents):
        return Path(tempfile.mkdtemp(prefix="openwebui-postgres-demo-", dir="/var/tmp"))
    return home


def _playbook(service: OpenWebUI, cluster: Cluster) -> list[str]:
    database = {
        "webui_database_host": cluster.host,
        "webui_database_port": cluster.port,
        "webui_database_password": secrets.token_urlsafe(18),
        # The playbook creates role and database; the server has neither yet.
        "webui_postgres_admin_user": cluster.superuser,
        "webui_postgres_admin_password": cluster.password,
    }
    webui_play.write_inventory(INVENTORY, {"demo": webui_play.host_variables(service, database)})
    program, inventory = (str(path.relative_to(paths.ROOT)) for path in (webui_play.ANSIBLE_PLAYBOOK, INVENTORY))
    return [program, webui_play.MIGRATE, "-i", inventory]


def _environment() -> dict[str, str]:
    """Show what happens and leave out what does not."""
    colour = {"ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    return webui_play.environment(ANSIBLE_DISPLAY_SKIPPED_HOSTS="false", **colour)


def _compare(before: Snapshot, after: Snapshot) -> None:
    found = differences(repaired(before), after)
    if found:
        raise LabError("Open WebUI says something else than before:\n" + "\n".join(found[:20]))
    print(f"    {len(after)} answers, every one the same as before")


def _say_goodbye(service: OpenWebUI, admin: Account, command: list[str]) -> None:
    step("Open WebUI runs on PostgreSQL, with all that it had")
    print(f"    address    {service.url}")
    print(f"    e-mail     {admin.email}")
    print(f"    password   {admin.password}   (also in {LOGIN.relative_to(paths.ROOT)})")
    print(f"    again      {shlex.join(command)}   (changes nothing)")
    print("    remove     make demo-clean", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("up", "clean"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("DEMO_PORT", 0)) or None)
    options = parser.parse_args()
    started = time.monotonic()
    try:
        if options.action == "clean":
            clean()
            print("The demo is gone.")
            return 0
        return up(options.port)
    except (LabError, ApiError, RuntimeError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    finally:
        if options.action == "up":
            print(f"\n({time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
