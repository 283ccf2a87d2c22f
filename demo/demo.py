# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a real Open WebUI, full of chats, moves from SQLite to PostgreSQL and is left running there.

`demo.py up` builds everything from scratch in .lab/demo, and `demo.py clean` stops and removes it. Both are called by make,
which has installed what they need. `--runtime container` does it with Docker.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import secrets
import shlex
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lab import paths, webui_play
from lab.console import LabError
from lab.webui_fill import Account, fill
from lab.webui_service import ApiError, free_port, write_private
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot
from stages import FOLDER, STAGES, Stage, clean

LOGIN = FOLDER / "login.txt"
INVENTORY = FOLDER / "inventory.json"
FIRST_PORT = 8080
LAST_PORT = 8099
EMAIL = "admin@example.org"


def up(runtime: str, wanted_port: int | None) -> int:
    clean()
    FOLDER.mkdir(parents=True)
    stage: Stage = STAGES[runtime](_port(wanted_port))

    step(f"Open WebUI {paths.OPEN_WEBUI_VERSION} starts on SQLite at {stage.url}")
    client = stage.start()
    step("Its users work: chats, notes, channels, files, knowledge, groups, prompts, tools; then they delete some of it")
    world = fill(client, chats_each=5, admin=_admin())
    _say_what_there_is(stage.database)
    before = snapshot(client, world)

    step("ansible-playbook moves it to PostgreSQL 18")
    command = _playbook(stage)
    print(f"$ {shlex.join(command)}", flush=True)
    answer = subprocess.run(command, cwd=paths.ROOT, env=_environment(stage), check=False)
    if answer.returncode != 0:
        raise LabError(f"The playbook failed, see above. {stage.state()}")

    step("The same questions are asked again over HTTP, with the sign-ins of before")
    _compare(before, snapshot(stage.client(), world))
    _say_goodbye(stage, world.admin, command)
    return 0


def step(text: str) -> None:
    print(f"\n==> {text}", flush=True)


def _port(wanted: int | None) -> int:
    """The port asked for, or the first free one from 8080 on."""
    first, last = (wanted, wanted) if wanted else (FIRST_PORT, LAST_PORT)
    try:
        return free_port(first, last)
    except RuntimeError as error:
        raise LabError(f"{error}. Stop what listens there, or choose another port: DEMO_PORT=9000 make demo") from error


def _admin() -> Account:
    account = Account("Demo Admin", EMAIL, secrets.token_urlsafe(9), "admin")
    write_private(LOGIN, f"{account.email}\n{account.password}\n")
    return account


def _say_what_there_is(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
        orphans = collections.Counter((row[0], row[2]) for row in connection.execute("PRAGMA foreign_key_check"))
    shown = ("user", "chat", "chat_message", "message", "note", "file", "knowledge", "config")
    print("    rows:    " + ", ".join(f"{rows[name]} {name}" for name in shown) + f"; {sum(rows.values())} in all")
    for (table, parent), number in sorted(orphans.items()):
        print(f"    orphans: {number} {table} without {parent}")


def _playbook(stage: Stage) -> list[str]:
    webui_play.write_inventory(INVENTORY, {"demo": stage.variables()})
    program, inventory = (str(path.relative_to(paths.ROOT)) for path in (webui_play.ANSIBLE_PLAYBOOK, INVENTORY))
    return [program, webui_play.MIGRATE, "-i", inventory]


def _environment(stage: Stage) -> dict[str, str]:
    """Show what happens and leave out what does not."""
    colour = {"ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    return webui_play.environment(ANSIBLE_DISPLAY_SKIPPED_HOSTS="false", **colour, **stage.environment())


def _compare(before: Snapshot, after: Snapshot) -> None:
    found = differences(repaired(before), after)
    if found:
        raise LabError("Open WebUI says something else than before:\n" + "\n".join(found[:20]))
    print(f"    {len(after)} answers, every one the same as before")


def _say_goodbye(stage: Stage, admin: Account, command: list[str]) -> None:
    step("Open WebUI runs on PostgreSQL, with all that it had")
    print(f"    address    {stage.url}")
    print(f"    e-mail     {admin.email}")
    print(f"    password   {admin.password}   (also in {LOGIN.relative_to(paths.ROOT)})")
    settings = [f"{name}={value}" for name, value in stage.environment().items()]
    back = [webui_play.ROLLBACK if word == webui_play.MIGRATE else word for word in command]
    print(f"    again      {shlex.join([*settings, *command])}   (changes nothing)")
    print(f"    back       {shlex.join([*settings, *back])}")
    print("    remove     make demo-clean", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("up", "clean"))
    parser.add_argument("--runtime", choices=sorted(STAGES), default="command")
    parser.add_argument("--port", type=int, default=int(os.environ.get("DEMO_PORT", 0)) or None)
    options = parser.parse_args()
    started = time.monotonic()
    try:
        if options.action == "clean":
            clean()
            print("The demo is gone.")
            return 0
        return up(options.runtime, options.port)
    except (LabError, ApiError, RuntimeError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    finally:
        if options.action == "up":
            print(f"\n({time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
