# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that is moved is the one that Open WebUI has open, wherever its container's mounts and links lead.

Open WebUI itself, moved in one run and taken back in another:

linked   webui.db is a link that leads, within the container alone, to a file on another mount, with the log beside that file
bound    a named volume that is a folder elsewhere, and an empty folder on the host while no container uses it

What cannot be moved, with a small server in the place of Open WebUI: it has the file open, answers, and that is all.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import info
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Noted, of_container, report
from lab import openwebui, webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import DATA_INSIDE, WebUIContainer, host_variables
from lab.webui_fill import World
from lab.webui_play import Run
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot

from .conftest import SECRET_KEY

FILE = f"{DATA_INSIDE}/webui.db"

# Holds a file open as Open WebUI does, with rows in its log, and answers to its health check.
SERVER = """
import http.server, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("INSERT OR REPLACE INTO tag (id, name, user_id) VALUES ('log', 'in the log', 'u')")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": true}')
http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""


# -- the road -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linked(docker: Docker, image: Callable[..., str], scratch: Scratch, use: Callable[[Path], Path]) -> WebUIContainer:
    webui = WebUIContainer(docker, scratch.name("linked"), scratch.port(), use(scratch.folder("linked")))
    fast = scratch.folder("fast")
    # Its log goes with it: Open WebUI leaves one behind when it is stopped.
    for file in webui.data.glob("webui.db*"):
        os.rename(file, fast / file.name.replace("webui.db", "chat data.sqlite"))
    (fast / "second.db").symlink_to("chat data.sqlite")
    webui.database.symlink_to("/fast/second.db")
    docker.run(
        *("--name", webui.name, "--publish", f"127.0.0.1:{webui.port}:8080", "--env", f"WEBUI_SECRET_KEY={SECRET_KEY}"),
        *("--volume", f"{webui.data}:{DATA_INSIDE}", "--volume", f"{fast}:/fast", image("open-webui")),
    )
    return webui


@pytest.fixture(scope="module")
def bound(docker: Docker, image: Callable[..., str], scratch: Scratch, use: Callable[[Path], Path]) -> WebUIContainer:
    webui = WebUIContainer(docker, scratch.name("bound"), scratch.port(), use(scratch.folder("bound")))
    volume = scratch.name("volume")
    docker.cli("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", f"device={webui.data}", volume)
    docker.run(
        *("--name", webui.name, "--publish", f"127.0.0.1:{webui.port}:8080", "--env", f"WEBUI_SECRET_KEY={SECRET_KEY}"),
        *("--volume", f"{volume}:{DATA_INSIDE}", image("open-webui")),
    )
    return webui


@pytest.fixture(scope="module")
def places(linked: WebUIContainer, bound: WebUIContainer) -> dict[str, WebUIContainer]:
    return {"linked": linked, "bound": bound}


@pytest.fixture(scope="module")
def common(docker: Docker, image: Callable[..., str], scratch: Scratch) -> dict[str, Any]:
    names = dict.fromkeys(("project", "container_name", "network", "alias"), scratch.name("postgres"))
    found = host_variables(docker, scratch.folder("hosts"), image("postgres", 18), scratch.port())
    return {**found, **{f"webui_postgres_{key}": name for key, name in names.items()}}


@pytest.fixture(scope="module")
def inventory(scratch: Scratch, common: dict[str, Any], places: dict[str, WebUIContainer]) -> Path:
    hosts = {
        name: {
            **common,
            "webui_instance_name": name,
            "webui_container_name": webui.name,
            "webui_database_name": f"db-{name}",
            "webui_database_user": f"owner-{name}",
        }
        for name, webui in places.items()
    }
    return webui_play.write_inventory(scratch.folder("inventory") / "hosts.json", hosts)


@pytest.fixture(scope="module")
def before(places: dict[str, WebUIContainer], world: World) -> dict[str, Snapshot]:
    """What one user sees of each, with a note that only the log can hold."""
    found = {}
    for name, webui in places.items():
        webui.wait_ready()
        webui.client(world.admin.token).post("/api/v1/notes/create", {"title": f"written to the log of {name}", "data": {}})
        found[name] = snapshot(webui.client(), world, users=1)
    return found


@pytest.fixture(scope="module")
def inspected(before: object, places: dict[str, WebUIContainer]) -> dict[str, dict[str, Any]]:
    return {name: webui.inspect() for name, webui in places.items()}


@pytest.fixture(scope="module")
def audited(inventory: Path, before: object) -> Run:
    return webui_play.play(webui_play.AUDIT, inventory).succeeded()


@pytest.fixture(scope="module")
def migrated(inventory: Path, audited: Run, inspected: object) -> Run:
    return webui_play.play(webui_play.MIGRATE, inventory, *webui_play.IN_ONE_WAVE).succeeded()


def test_the_audit_sees_the_file_and_its_log(inventory: Path, bound: WebUIContainer, audited: Run) -> None:
    found = webui_play.records(inventory, "audit")
    assert [record["state"] for record in found.values()] == ["ready", "ready"], audited.end
    # SQLite keeps the log open, so that both have one.
    assert all(record["source"]["wal_bytes"] for record in found.values())
    assert found["linked"]["source"]["real_path"].endswith("/chat data.sqlite")
    assert found["bound"]["source"]["real_path"] == str(bound.database)


@pytest.mark.parametrize("name", ["linked", "bound"])
def test_its_users_see_the_same(
    name: str, places: dict[str, WebUIContainer], world: World, before: dict[str, Snapshot], migrated: Run
) -> None:
    after = snapshot(places[name].wait_ready(), world, users=1)
    assert differences(repaired(before[name]), after) == []
    assert places[name].environment["DATABASE_URL"].startswith("postgresql://")


def test_a_second_run_changes_nothing(inventory: Path, migrated: Run) -> None:
    assert webui_play.play(webui_play.MIGRATE, inventory, *webui_play.IN_ONE_WAVE).succeeded().changed == 0


def test_the_way_back(
    inventory: Path,
    places: dict[str, WebUIContainer],
    inspected: dict[str, dict[str, Any]],
    world: World,
    before: dict[str, Snapshot],
    migrated: Run,
) -> None:
    webui_play.play(webui_play.ROLLBACK, inventory).succeeded()
    for name, webui in places.items():
        assert webui.id == inspected[name]["Id"]
        assert differences(before[name], snapshot(webui.wait_ready(), world, users=1)) == []
    # A link is still a link.
    assert os.readlink(places["linked"].database) == "/fast/second.db"


# -- what cannot be moved -------------------------------------------------------------------------------------------------------


Serve = Callable[..., WebUIContainer]


@pytest.fixture
def serve(docker: Docker, image: Callable[..., str], scratch: Scratch) -> Serve:
    """serve(data, "--option", …, file="…") -> a container of Open WebUI's image that has the file open; data has a webui.db by then"""

    def run(data: Path, *options: str, file: str = FILE, fill: str = "") -> WebUIContainer:
        if not os.path.lexists(data / "webui.db"):
            (data / "webui.db").write_bytes(openwebui.SQLITE_TEMPLATE.read_bytes())
        webui = WebUIContainer(docker, scratch.name(), scratch.port(), data)
        docker.run(
            *("--name", webui.name, "--publish", f"127.0.0.1:{webui.port}:8080", "--stop-signal", "KILL", *options),
            *("--env", f"DATABASE_URL=sqlite:///{file}", "--volume", f"{openwebui.SQLITE_TEMPLATE}:/template.db:ro", image("open-webui")),
            *("sh", "-c", f'{fill or ":"}; exec python3 -c "$1" "$2"', "sh", SERVER, file),
        )
        webui.wait_ready()
        return webui

    return run


def look(docker: Docker, webui: WebUIContainer, path: str | Path, noted: dict[str, Any] | None = None) -> dict[str, Any]:
    engine = Engine(docker.engine.host)
    [found] = info(engine, webui.name, False, 0)["containers"]
    before = noted and Noted(noted["real_path"], noted["device"], noted["inode"])
    return report(str(path), of_container(engine, found["id"], found["sqlite_path_inside"]), before)


def described(docker: Docker, webui: WebUIContainer) -> dict[str, Any]:
    [found] = info(Engine(docker.engine.host), webui.name, False, 0)["containers"]
    return found


def refused(webui: WebUIContainer, scratch: Scratch, common: dict[str, Any], *said: str, **more: Any) -> None:
    """Neither an audit nor a run has anything good to say of it, and it runs on as before."""
    started = webui.started_at
    variables = {**common, "webui_container_name": webui.name, **more}
    inventory = webui_play.write_inventory(scratch.folder() / "hosts.json", {"host": variables})
    audit = webui_play.play(webui_play.AUDIT, inventory).succeeded()
    assert "NOT READY" in audit.output
    for run in (audit, webui_play.play(webui_play.MIGRATE, inventory).failed_saying("Nothing was stopped")):
        # In a report, quotes and line breaks are Ansible's.
        assert [text for text in said if text not in " ".join(run.output.split())] == [], run.end
    assert webui.started_at == started


def test_a_folder_as_most_have_it(docker: Docker, serve: Serve, scratch: Scratch) -> None:
    webui = serve(data := scratch.folder(), "--volume", f"{data}:{DATA_INSIDE}")
    answer = look(docker, webui, data / "webui.db")
    assert (answer["evidence"], answer["findings"], answer["log_path"]) == ("open", [], f"{data}/webui.db-wal")
    docker.cli("stop", webui.name)
    after = look(docker, webui, data / "webui.db", answer)
    assert (after["findings"], after["in_use"]) == ([], False)


def test_a_copy_elsewhere_is_not_it(docker: Docker, serve: Serve, scratch: Scratch) -> None:
    webui = serve(data := scratch.folder(), "--volume", f"{data}:{DATA_INSIDE}")
    copy = scratch.folder() / "webui.db"
    copy.write_bytes((data / "webui.db").read_bytes())
    said = f"The container {webui.name} works with {{}}, and not with {copy}. Set webui_sqlite_path to the file in use."
    assert look(docker, webui, copy)["findings"] == [said.format(f"{FILE} (as it sees it)")]
    docker.cli("stop", webui.name)
    assert look(docker, webui, copy)["findings"] == [said.format(data / "webui.db")]


def test_a_file_that_is_mounted_alone(serve: Serve, scratch: Scratch, common: dict[str, Any]) -> None:
    """Its log lies in the folder of the container, and a move would leave behind what is in it."""
    data, alone = scratch.folder(), scratch.folder()
    (alone / "webui.db").write_bytes(openwebui.SQLITE_TEMPLATE.read_bytes())
    webui = serve(data, "--volume", f"{data}:{DATA_INSIDE}", "--volume", f"{alone}/webui.db:{FILE}")
    assert (data / "webui.db-wal").stat().st_size > 0
    assert not (alone / "webui.db-wal").exists()
    refused(webui, scratch, common, f"has {alone}/webui.db as {FILE}, and SQLite keeps its log beside that")


def test_a_file_that_was_replaced_under_it(serve: Serve, scratch: Scratch, common: dict[str, Any]) -> None:
    """As when a backup was put back while Open WebUI ran."""
    webui = serve(data := scratch.folder(), "--volume", f"{data}:{DATA_INSIDE}")
    (data / "restored.db").write_bytes(openwebui.SQLITE_TEMPLATE.read_bytes())
    os.replace(data / "restored.db", data / "webui.db")
    refused(webui, scratch, common, f"has a file open that is not at {FILE} any more")


def test_a_link_into_the_container_itself(serve: Serve, scratch: Scratch, common: dict[str, Any]) -> None:
    """And an old file where the settings of the host would look for it."""
    data = scratch.folder()
    (data / "webui.db").write_bytes(openwebui.SQLITE_TEMPLATE.read_bytes())
    webui = serve(data, "--volume", f"{data}:{DATA_INSIDE}", file="/var/lib/webui.db", fill="cp /template.db /var/lib/webui.db")
    refused(webui, scratch, common, "works with /var/lib/webui.db (as it sees it), and not with", "nothing mounted at /var/lib/webui.db")


@pytest.mark.parametrize("kind", ["tmpfs", "volume"])
def test_data_in_memory(docker: Docker, serve: Serve, scratch: Scratch, common: dict[str, Any], kind: str) -> None:
    """Also a volume: its folder on the host is empty once no container uses it, as with NFS."""
    options = ["--tmpfs", DATA_INSIDE]
    if kind == "volume":
        volume = scratch.name()
        docker.cli("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", volume)
        options = ["--volume", f"{volume}:{DATA_INSIDE}"]
    webui = serve(scratch.folder(), *options, fill=f"cp /template.db {FILE}")
    refused(webui, scratch, common, f"keeps {DATA_INSIDE} in memory (tmpfs), so stopping it destroys its data")
    if kind == "volume":
        # An operator who names the folder that can be seen now is told the same.
        mountpoint = json.loads(docker.cli("volume", "inspect", volume))[0]["Mountpoint"]
        said = f"{mountpoint}/webui.db is there only while Open WebUI runs, so nothing could be read after the stop"
        refused(webui, scratch, common, said, webui_data_dir=mountpoint)
        noted = look(docker, webui, f"{mountpoint}/webui.db")
        docker.cli("stop", webui.name)
        [finding] = look(docker, webui, f"{mountpoint}/webui.db", noted)["findings"]
        assert finding.startswith(f"{mountpoint}/webui.db was there before Open WebUI was stopped and cannot be read any more")


def test_a_volume_that_is_a_folder_elsewhere(docker: Docker, serve: Serve, scratch: Scratch) -> None:
    data, volume = scratch.folder(), scratch.name()
    docker.cli("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", f"device={data}", volume)
    webui = serve(data, "--volume", f"{volume}:{DATA_INSIDE}")
    assert (described(docker, webui)["data_dir"], described(docker, webui)["sqlite_path"]) == (str(data), f"{data}/webui.db")
    noted = look(docker, webui, data / "webui.db")
    assert (noted["evidence"], noted["findings"]) == ("open", [])
    docker.cli("stop", webui.name)
    assert look(docker, webui, data / "webui.db", noted)["findings"] == []
    with closing(sqlite3.connect(f"file:{data}/webui.db?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT name FROM tag").fetchall() == [("in the log",)]


def test_a_link_in_the_image(docker: Docker, serve: Serve, scratch: Scratch) -> None:
    """Seen through the engine, also when nothing runs."""
    data = scratch.folder()
    webui = serve(data, "--volume", f"{data}:/store", file="/moved/webui.db", fill="ln -s /store /moved")
    for running in (True, False):
        found = described(docker, webui)
        assert (found["running"], found["sqlite_path_inside"], found["sqlite_path"]) == (running, "/store/webui.db", f"{data}/webui.db")
        assert look(docker, webui, data / "webui.db")["findings"] == []
        docker.cli("stop", webui.name)
