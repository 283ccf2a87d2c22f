# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webui.db of an older release than the image that will run: upgraded on a copy, moved, and never written to.

The tests of this file are steps of one road and build on each other, in the order in which they stand. The old release is played by a
container of the new image that answers for its health and leaves the file alone, as a real one of the new image would not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import old_source, webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import DATA_INSIDE, WebUIContainer, host_variables

from .conftest import SECRET_KEY

HEALTHY = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
HTTPServer(("", 8080), Healthy).serve_forever()
"""

MOVED = {
    "members of groups": ("SELECT group_id, user_id FROM group_member ORDER BY 1, 2", ["readers|ada", "readers|bob", "writers|eve"]),
    "keys": ("SELECT user_id, key FROM api_key ORDER BY 1", ["ada|sk-ada", "bob|sk-bob", "eve|sk-eve"]),
    "files": ("SELECT knowledge_id, file_id FROM knowledge_file", ["k1|f1"]),
    "messages": ("SELECT id, role FROM chat_message ORDER BY 1", ["c1-m1|user", "c1-m2|assistant"]),
    "chats": ("SELECT id, chat ->> 'title' FROM chat", ["c1|Sums"]),
    "shared chats": ("SELECT id, chat_id, user_id FROM shared_chat", ["shared|c1|ada"]),
    "prompts": ("SELECT command, name FROM prompt", ["hello|Hello"]),
    "orphans": ("SELECT count(*) FROM oauth_session", ["0"]),
}


def spoil(path: Path) -> None:
    """All that Open WebUI's own upgrade would fail on, one step after the other."""
    old_source.add_group(path, "twice", ["ada", "ada"])
    old_source.add_user(path, "ada2", email="ADA@example.com")
    old_source.execute(path, "INSERT INTO channel_member (id, channel_id, user_id, created_at) VALUES ('cm', 'ch', 'ada', 1)")
    old_source.execute(path, "CREATE TABLE _alembic_tmp_user (id TEXT NOT NULL)")


def heal(path: Path) -> None:
    for sql in (
        "DELETE FROM \"group\" WHERE id = 'twice'",
        "DELETE FROM user WHERE id = 'ada2'",
        "DELETE FROM channel_member",
        "DROP TABLE _alembic_tmp_user",
    ):
        old_source.execute(path, sql)


def files(folder: Path) -> dict[str, bytes]:
    """What lies in the data folder but for what Open WebUI itself puts there when it starts."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith("webui.db")}


@pytest.fixture(scope="module")
def webui(docker: Docker, image: Callable[..., str], scratch: Scratch) -> WebUIContainer:
    """The old release on its file, with everything in it that an upgrade fails on."""
    found = WebUIContainer(docker, scratch.name("webui"), scratch.port(), scratch.folder("webui"))
    old_source.fill(old_source.create(found.database))
    spoil(found.database)
    docker.run(
        *("--name", found.name, "--publish", f"127.0.0.1:{found.port}:8080", "--volume", f"{found.data}:{DATA_INSIDE}"),
        # Python does not end at a signal to stop where it is a container's first process.
        *("--init", "--env", f"WEBUI_SECRET_KEY={SECRET_KEY}", "--entrypoint", "python3", image("open-webui"), "-c", HEALTHY),
    )
    return found


@pytest.fixture(scope="module")
def variables(docker: Docker, image: Callable[..., str], scratch: Scratch, webui: WebUIContainer) -> dict[str, Any]:
    names = dict.fromkeys(("project", "container_name", "network", "alias"), scratch.name("postgres"))
    return {
        **host_variables(docker, scratch.folder("host"), image("postgres", 18), scratch.port()),
        **{f"webui_postgres_{key}": name for key, name in names.items()},
        "webui_container_name": webui.name,
        "webui_cutover_connection_timeout": 2,
    }


@pytest.fixture(scope="module")
def play(variables: dict[str, Any], scratch: Scratch) -> Callable[..., webui_play.Run]:
    folder = scratch.folder("inventory")

    def run(*arguments: str, **more: Any) -> webui_play.Run:
        inventory = webui_play.write_inventory(folder / "hosts.json", {"host": {**variables, **more}})
        found = webui_play.play(webui_play.MIGRATE, inventory, *arguments)
        assert "sk-ada" not in found.output
        assert "example.com" not in found.output
        return found

    return run


def postgres(docker: Docker, variables: dict[str, Any], sql: str) -> list[str]:
    name = variables["webui_postgres_container_name"]
    return docker.cli("exec", "--user", "postgres", name, "psql", "-d", "openwebui_host", "-Atc", sql).splitlines()


def copies(variables: dict[str, Any]) -> list[Path]:
    return list(Path(variables["webui_state_dir"]).glob("*/upgrade"))


def test_an_upgrade_that_will_fail_is_refused_before_anything_is_stopped(
    webui: WebUIContainer, play: Callable[..., webui_play.Run], variables: dict[str, Any]
) -> None:
    before, started = files(webui.data), webui.started_at
    play().failed_saying(
        "Nothing was stopped. First put right:",
        "group: 1 groups name a member twice",
        "(twice); save the members",
        "channel_member: 1 members of channels have no joined_at",
        "(cm); with Open WebUI stopped, run in sqlite3: ALTER TABLE channel_member",
        "user: 1 e-mail addresses belong to several users",
        "(ada and ada2); change or delete",
        "_alembic_tmp_user: 0 rows are left of an upgrade that was interrupted",
    )
    assert files(webui.data) == before
    assert webui.started_at == started
    assert copies(variables) == []


def test_check_mode_says_that_it_would_be_upgraded(webui: WebUIContainer, play: Callable[..., webui_play.Run]) -> None:
    heal(webui.database)
    before, started = files(webui.data), webui.started_at
    run = play("--check").succeeded()
    assert "is at revision a5c220713937 and would be upgraded to 0bd252b206fb, on a copy" in run.output
    assert files(webui.data) == before
    assert webui.started_at == started


def test_a_schema_of_another_release_than_the_image_is_refused(
    docker: Docker, image: Callable[..., str], webui: WebUIContainer, play: Callable[..., webui_play.Run], variables: dict[str, Any]
) -> None:
    """As left by an earlier run with the image of that day."""
    started = webui.started_at
    postgres(docker, variables, "UPDATE alembic_version SET version_num = 'd4c1a8e37b62'")
    play().failed_saying(f"is at revision d4c1a8e37b62, but the image {image('open-webui')} works with 0bd252b206fb")
    postgres(docker, variables, "UPDATE alembic_version SET version_num = '0bd252b206fb'")
    assert webui.started_at == started


def test_a_failed_cutover_leaves_the_file_and_its_release_as_they_were(
    docker: Docker, webui: WebUIContainer, play: Callable[..., webui_play.Run], variables: dict[str, Any]
) -> None:
    """The stand-in never connects to PostgreSQL, so it is sent back to SQLite."""
    before, container = files(webui.data), webui.id
    play().failed_saying("the server sees no connection of openwebui", "Open WebUI runs on SQLite again, as before")
    assert files(webui.data) == before
    assert webui.id == container
    assert webui.inspect()["State"]["Running"]
    assert copies(variables) == []
    assert postgres(docker, variables, "SELECT abandoned_at IS NOT NULL FROM webui_migration.run") == ["t"]


def test_the_newer_image_takes_over_with_all_data(
    docker: Docker, image: Callable[..., str], webui: WebUIContainer, play: Callable[..., webui_play.Run], variables: dict[str, Any]
) -> None:
    """A rebuilt host: the old container is gone, an image and the data folder are there."""
    docker.cli("rm", "--force", webui.name)
    before = files(webui.data)
    variables.update(
        webui_runtime="container",
        webui_image=image("open-webui"),
        webui_data_dir=str(webui.data),
        webui_secret_key=SECRET_KEY,
        webui_health_url=f"{webui.url}/health",
        webui_container_options={"published_ports": [f"127.0.0.1:{webui.port}:8080"]},
        webui_cutover_connection_timeout=60,
    )
    run = play().succeeded()
    assert "Upgraded on a copy: from revision a5c220713937 to 0bd252b206fb." in run.output
    assert files(webui.data) == before
    assert copies(variables) == []
    assert {what: postgres(docker, variables, sql) for what, (sql, _rows) in MOVED.items()} == {
        what: rows for what, (_sql, rows) in MOVED.items()
    }
    latest = "SELECT source_path FROM webui_migration.run ORDER BY finished_at DESC LIMIT 1"
    assert postgres(docker, variables, latest) == [str(webui.database)]


def test_a_second_run_changes_nothing_and_needs_no_copy(webui: WebUIContainer, play: Callable[..., webui_play.Run]) -> None:
    before, started = files(webui.data), webui.started_at
    run = play().succeeded()
    assert run.changed == 0
    assert "There was nothing to move." in run.output
    assert webui.started_at == started
    assert files(webui.data) == before
