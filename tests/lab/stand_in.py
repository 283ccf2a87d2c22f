# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs in the place of Open WebUI's own, for runs over many hosts: there the run is what is looked at, and not Open WebUI.

A real one takes some ten seconds of a processor to start. Files, schema, server, commands and everything of this collection are real.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import paths
from .databases import DatabaseServer
from .webui_service import write_private

SERVER = Path(__file__).with_name("stand_in_server.py")

# In place of the interpreter and of alembic, for the command that creates the schema: it takes 3 s with the real ones. What is there in the
# end is the same, to the letter.
_PROGRAMS = {
    "python": "echo {folder}\n",
    "alembic": """\
there=$({psql} --no-psqlrc --no-align --tuples-only --command "SELECT to_regclass('public.alembic_version')" "$DATABASE_URL")
[ -z "$there" ] || exit 0
exec {psql} --no-psqlrc --quiet --output /dev/null --single-transaction --set ON_ERROR_STOP=1 --file {schema} "$DATABASE_URL"
""",
}


def install(folder: Path, server: DatabaseServer) -> Path:
    """Write them into a new folder, which takes the place of the virtual environment that a service is created with. Returns it."""
    schema = folder / "schema.sql"
    (folder / "bin").mkdir(parents=True)
    template = server.create_open_webui_database()
    with schema.open("wb") as file:
        command = [server.program("pg_dump"), "--no-owner", "--no-privileges", "--no-comments", template.url]
        subprocess.run(command, stdout=file, check=True)
    names = {"folder": folder, "psql": server.program("psql"), "schema": schema}
    for name, text in _PROGRAMS.items():
        write_private(folder / "bin" / name, "#!/bin/sh\n" + text.format(**names), 0o700)
    write_private(folder / "bin" / "open-webui", f"#!{paths.PYTHON}\n{SERVER.read_text(encoding='utf-8')}", 0o700)
    return folder
