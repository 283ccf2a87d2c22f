# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an environment means: this collection and Open WebUI itself, with its own SQLAlchemy and a real shell, say the same."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import PARTS, assignments, data_dir, database_of
from lab import openwebui, paths

# Reads environments, one in JSON a line, and says what comes of each.
ASK = """
import importlib, json, markdown, os, sys
from sqlalchemy.engine.url import make_url
# The change log of all releases takes seconds each time.
markdown.markdown = lambda text: ""
base = dict(os.environ)
module = None
for line in sys.stdin:
    os.environ.clear()
    os.environ.update(base, **json.loads(line))
    if module is None:
        import open_webui.env as module
    else:
        module = importlib.reload(module)
    try:
        url = make_url(module.DATABASE_URL)
        words, options = url.get_dialect()().create_connect_args(url)
    except Exception as error:
        answer = ["other", type(error).__name__]
    else:
        if url.get_backend_name() == "sqlite":
            file = words[0]
            if options.get("uri"):
                import sqlite3
                with sqlite3.connect(file, uri=True) as connection:
                    file = connection.execute("PRAGMA database_list").fetchone()[2]
            answer = ["sqlite", "" if file == ":memory:" else file]
        else:
            place = {"host": base.get("PGHOST", "localhost"), "port": 5432, **{k: v for k, v in options.items() if v}}
            if ":" in place["host"]:
                place["host"] = f"[{place['host']}]"
            answer = ["postgresql", f"{place['host']}:{place['port']}/{place.get('dbname') or place['user']}"]
    print(json.dumps([*answer, str(module.DATA_DIR.resolve())]), flush=True)
"""

SINGLE = {
    "DATABASE_TYPE": "postgresql",
    "DATABASE_USER": "u",
    "DATABASE_PASSWORD": "secret",
    "DATABASE_HOST": "h",
    "DATABASE_PORT": "1",
    "DATABASE_NAME": "n",
}
ENVIRONMENTS = [
    {},
    {"DATA_DIR": "{folder}/data"},
    {"DATA_DIR": "data"},
    {"DATA_DIR": ""},
    *(
        {"DATABASE_URL": url}
        for url in (
            "sqlite:///x.db",
            "sqlite:///./a/../x.db",
            "sqlite:////srv/my%20own.db?timeout=5",
            "sqlite:///:memory:",
            "sqlite://",
            "sqlite+pysqlite:////srv/x.db",
            "sqlite:///file:{folder}/my%20own.db?mode=rwc&uri=true",
            "sqlite:///file://localhost{folder}/x.db?uri=true",
            "sqlite:////srv/file:x.db",
            "postgresql://u:p%40%2F@h:6543/n",
            "postgres://u:p@h/n?sslmode=require",
            "postgresql+psycopg://u:p@h:1/my%20db",
            "postgresql://u:p/a#s?s@h:1/n",
            "postgresql://u:p@[::1]:1/n",
            "postgresql://u:p@/n?host=/run/pg",
            "postgresql://u:p@h:1/n?host=other",
            "postgresql://u@h",
        )
    ),
    SINGLE,
    {**SINGLE, "DATABASE_URL": "sqlite:////srv/x.db"},
    *({**SINGLE, name: "", "DATABASE_URL": "sqlite:////srv/x.db"} for name in PARTS),
    {name: value for name, value in SINGLE.items() if name != "DATABASE_PASSWORD"},
    {**SINGLE, "DATABASE_TYPE": "sqlite"},
    {**SINGLE, "DATABASE_TYPE": "postgresql+psycopg", "DATABASE_NAME": "my%20db"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Open WebUI is started; there is a file for each URI."""
    folder = tmp_path_factory.mktemp("started")
    for name in ("x.db", "my own.db"):
        (folder / name).touch()
    (folder / "data").mkdir()
    return folder


@pytest.fixture(scope="module")
def environments(folder: Path) -> list[dict[str, str]]:
    return [{name: value.replace("{folder}", str(folder)) for name, value in env.items()} for env in ENVIRONMENTS]


@pytest.fixture(scope="module")
def told(folder: Path, environments: list[dict[str, str]]) -> list[list[str]]:
    """What Open WebUI makes of each of them."""
    inherited = openwebui.environment(folder, "")
    base = {name: value for name, value in inherited.items() if name not in ("DATA_DIR", "DATABASE_URL")}
    answer = subprocess.run(
        [paths.OPEN_WEBUI_PYTHON, "-c", ASK],
        input="".join(json.dumps(env) + "\n" for env in environments),
        env=base,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("[")]


def test_open_webui_comes_to_the_same(folder: Path, environments: list[dict[str, str]], told: list[list[str]]) -> None:
    package = openwebui.package_folder()
    ours = []
    for env in environments:
        data = data_dir(env, str(folder), str(package.parent / "data"))
        database = database_of(env, str(folder), data)
        ours.append([database.kind, database.where, os.path.realpath(data)])
    for env, one, other in zip(environments, ours, told, strict=True):
        # Of what SQLAlchemy takes for nothing, only the kind is compared.
        same = one[:2] == other[:2] if one[0] != "other" else other[0] == "other"
        assert same, (env, one, other)
        assert one[2] == other[2], (env, one, other)


ENV_FILE = r"""
A=1
export B=two
C="three and more" # a comment
D='$A'
E="$A/x"
F=a\ b
G=a#b
H="quoted \"twice\" \$A \\"
# J=1\
K=one
K=two
L=
M=pre'mid'"post"
N="two
lines"
O=p%40ss:w/rd?a=b
P=one; export P
"""


def test_a_shell_reads_the_same_from_an_env_file(tmp_path: Path) -> None:
    path = tmp_path / "webui.env"
    path.write_text(ENV_FILE)
    script = 'set -a; . "$0"; exec env -0'
    answer = subprocess.run(["/bin/sh", "-c", script, path], env={}, capture_output=True, text=True, check=True)
    shell = dict(line.split("=", 1) for line in answer.stdout.split("\0") if line)
    ours = {found.name: found.value for found in assignments(ENV_FILE)}
    assert ours == {name: value for name, value in shell.items() if name in ours}
    assert set(ours) == set("ABCDEFGHKLMNOP")
