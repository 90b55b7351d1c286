"""compose.yaml, without Docker: it is well formed, and what its services run works together right here.

What this cannot show: that the images build, and that MongoDB's own entry point makes the root user (done by
hand below, as it documents).
"""

import json
import re
import shutil
import signal
import subprocess
from importlib import resources

import jsonschema
import pytest
import yaml
from pymongo import MongoClient, WriteConcern

from tests.deploy.conftest import ROOT, wait_for
from tests.needed import need
from tools.local import compose, ports
from tools.local.broker import hivemq
from tools.local.broker.broker import login
from tools.local.database.mongod import Database
from tools.process.child import ToolFailed

SCALE = yaml.safe_load((ROOT / "compose.scale.yaml").read_text())
WRITTEN = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = WRITTEN["services"]


def words(service):
    """A service's command as Docker would run it."""
    return [word.replace("$$", "$") for word in SERVICES[service]["command"]]


def test_it_follows_the_compose_specification():
    schema = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    for written in (WRITTEN, SCALE):
        jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(written)


def test_what_it_scales_to_fits_the_rest():
    both = {**SERVICES, **SCALE["services"]}
    volumes = {*WRITTEN["volumes"], *SCALE["volumes"]}
    for name, service in SCALE["services"].items():
        assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= volumes, name
        assert set(service.get("depends_on", {})) <= set(both), name
    members = SCALE["services"]["users"]["environment"]["DATABASE"].split(",")
    assert [member.partition(":")[0] for member in members] == ["database", "database-2", "database-3"]
    for name in ("database-2", "database-3"):  # as the first one, but for the root user, which they copy
        assert both[name]["command"] == SERVICES["database"]["command"]
        assert both[name]["image"] == SERVICES["database"]["image"] and "environment" not in both[name]
    assert both["backend"]["environment"]["MQTT_SHARE"] == both["workers"]["environment"]["MQTT_SHARE"]
    for name in ("workers", "standby"):
        assert {key: both[name][key] for key in ("build", "cap_drop", "read_only", "working_dir")} == {
            key: SERVICES["backend"][key] for key in ("build", "cap_drop", "read_only", "working_dir")
        }
    mails = {**SERVICES["backend"]["environment"]}
    assert SCALE["services"]["standby"]["environment"] == mails


def test_its_paths_and_volumes_exist_and_dependencies_are_services():
    for name, service in SERVICES.items():
        build = service.get("build")
        if build:
            file = build.get("dockerfile", "Dockerfile") if isinstance(build, dict) else "Dockerfile"
            assert (ROOT / file).is_file(), name
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in WRITTEN["volumes"], volume
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES
            once = SERVICES[other].get("restart") is None
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")
    made = re.search(r"install -d .* (/house .*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[
        1
    ].split()
    mounted = {volume.split(":")[1] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert set(made) == mounted - {"/data/db"}


def test_each_service_sees_its_own_secrets_only():
    mounts = {
        name: {volume.split(":")[0] for volume in service.get("volumes", ())}
        for name, service in SERVICES.items()
    }
    assert mounts["dashboard"] == {"dashboard"}
    assert mounts["backend"] == {"backend", "mails"}
    assert mounts["broker"] == {"broker"}
    assert mounts["database"] == {"keys", "database"}
    for name, service in SERVICES.items():
        for key, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|KEY|URI|HASH", key) and not key.endswith("_FILE"):
                assert re.fullmatch(r"\$\{[A-Z_]+:-\}", value), (name, key)


def test_only_the_broker_is_open_to_the_network():
    opened = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert opened == {"broker": ["8883:8883"], "dashboard": ["127.0.0.1:8501:8501"]}


def test_an_old_name_in_composes_env_file_is_told_before_anything_is_made(tmp_path):
    assert SERVICES["files"]["env_file"] == [{"path": ".env", "required": False}]
    assert all("env_file" not in service for name, service in SERVICES.items() if name != "files")
    with pytest.raises(ToolFailed, match="LANGUAGE is called VIGIE_LANGUAGE now: write VIGIE_LANGUAGE=fr"):
        compose.main(["files"], {"HOUSE": str(tmp_path / "house"), "LANGUAGE": "fr"})
    assert not (tmp_path / "house").exists()


@pytest.mark.long  # the tests below have each of them
def test_the_services_work_together(tmp_path, run, capsys):
    need("hivemq")
    house = tmp_path / "house"
    broker_port, database_port = ports.free(), ports.free()
    host = f"127.0.0.1:{database_port}"
    known = {
        "HOUSE": str(house),
        "BROKER": f"localhost:{broker_port}",
        "DATABASE": host,
        "BOARDS": "home/C001, home/C002",
        "NAMES": "vigie.local 192.168.1.20",
    }
    assert run(words("files"), known).process.wait(60) == 0

    # the broker, compiled and started as its Dockerfile does
    instructions = (ROOT / "deploy" / "hivemq" / "Dockerfile").read_text()
    compile_it = re.search(r"^RUN (javac .*)$", instructions, re.MULTILINE)[1].split()
    assert compile_it == ["javac", "-cp", "'lib/*'", "-d", "classes", "HiveMq.java"]
    built = tmp_path / "build"
    built.mkdir()
    shutil.copy(ROOT / "tools" / "local" / "broker" / "java" / "HiveMq.java", built)
    (built / "lib").symlink_to(hivemq.libraries().resolve())
    subprocess.run(
        ["javac", "-cp", "lib/*", "-d", "classes", "HiveMq.java"], cwd=built, check=True, timeout=120
    )
    start = json.loads(re.search(r"^ENTRYPOINT (.*)$", instructions, re.MULTILINE)[1])
    start = [word.replace("/opt/vigie", str(built)) for word in start]
    run([*start, str(house / "broker")], {})
    ca = house / "backend" / "ca.pem"
    shown = dict(line.split("=", 1) for line in compose.show(house, "home/C001"))

    def board_logs_in():
        user, password = shown["BOARD_USER"], shown["BOARD_PASSWORD"]
        try:
            return login("localhost", broker_port, ca, user=user, password=password)
        except OSError:
            return False

    # the database: MongoDB's entry point makes the root user before it starts what it was told
    once = Database(tmp_path / "db", tmp_path / "log", port=database_port)
    once.folder.mkdir()
    from tools.local.database.mongod import find_mongod, mongod_environment

    bare = [find_mongod(), "--dbpath", str(tmp_path / "db"), "--port", str(database_port), "--nounixsocket"]
    first = run([*bare, "--bind_ip", "127.0.0.1"], mongod_environment())
    with MongoClient(f"mongodb://{host}/?directConnection=true") as client:
        password = (house / "database" / "root-password").read_text()
        client.admin.command("createUser", "root", pwd=password, roles=["root"])
    assert first.stop() == 0
    text = [str(house / "database" / "key") if word == "/tmp/key" else word for word in words("database")[1:]]
    run([*bare, *text], mongod_environment())
    assert run(words("users"), known).process.wait(120) == 0

    wait_for(board_logs_in, "the board's login", 90)
    mail = {"MAIL_VIA": "folder", "MAIL_FOLDER": str(tmp_path / "mails")}
    mail |= {"MAIL_FROM": "vigie@localhost", "MAIL_TO": "root@localhost"}
    backend = run(words("backend"), mail, cwd=house / "backend")
    backend.says("listening to the boards", 90)

    # and each credential has no more rights than it needs
    asked = run(
        ["python", "-m", "cloud", "doctor", "--board", "home/C001", "settings", "broker", "database", "mail"],
        {**mail, "BOARD_USER": shown["BOARD_USER"], "BOARD_PASSWORD": shown["BOARD_PASSWORD"]},
        cwd=house / "backend",
    )
    assert asked.process.wait(90) == 0, asked.file.read_text()
    text = asked.file.read_text()
    assert "it can do nothing outside vigie/1" in text and "it can do nothing beyond that" in text
    assert "it cannot speak for another board" in text

    port = ports.free()
    shell = words("dashboard")
    line = shell[2].replace("/house", str(house)).replace("0.0.0.0", f"127.0.0.1 --server.port {port}")
    dashboard = run([*shell[:2], line], {})
    dashboard.says(f"http://127.0.0.1:{port}")
    seen = run(
        ["sh", "-c", f"set -a && . {house}/dashboard/.env && exec python -m cloud doctor --dashboard"], {}
    )
    assert seen.process.wait(60) == 0, seen.file.read_text()
    assert "it can add to labels" in seen.file.read_text()
    assert "VIGIE_KEY" not in (house / "dashboard" / ".env").read_text()

    # up a second time: what is there stays
    before = {
        file: file.read_text() for file in house.rglob("*") if file.name in (".env", "secrets.json", "key")
    }
    assert run(words("files"), {**known, "BOARDS": "home/C001, home/C002, home/C003"}).process.wait(60) == 0
    assert run(words("users"), known).process.wait(60) == 0
    after = {file: file.read_text() for file in before}
    assert {name for name in before if before[name] != after[name]} == {house / "secrets.json"}
    assert "user home/C003" in (house / "broker" / "acl").read_text()
    assert compose.show(house, "home/C001") == [f"{name}={value}" for name, value in shown.items()]
    assert backend.stop() == 0
    dashboard.stop()


def test_a_set_of_one_grows_to_three_and_its_users_outlive_a_member(tmp_path, run):
    house, members = tmp_path / "house", [ports.free() for _ in range(3)]
    hosts = [f"127.0.0.1:{port}" for port in members]
    compose.main(["files"], {"HOUSE": str(house)})
    from tools.local.database.mongod import find_mongod, mongod_environment

    def mongod(number, *more):
        folder = tmp_path / str(members[number])
        folder.mkdir(exist_ok=True)
        here = ["--dbpath", str(folder), "--port", str(members[number]), "--bind_ip", "127.0.0.1"]
        return run([find_mongod(), *here, "--nounixsocket", "--oplogSize", "64", *more], mongod_environment())

    first = mongod(0)
    with MongoClient(f"mongodb://{hosts[0]}/?directConnection=true") as client:
        password = (house / "database" / "root-password").read_text()
        client.admin.command("createUser", "root", pwd=password, roles=["root"])
    assert first.stop() == 0
    keyed = ["--replSet", "vigie", "--keyFile", str(house / "database" / "key")]
    running = [mongod(number, *keyed) for number in range(3)]
    compose.main(["users"], {"HOUSE": str(house), "DATABASE": hosts[0]})
    uri = re.search("MONGODB_URI='(.*)'", (house / "backend" / ".env").read_text())
    with MongoClient(uri[1]) as client:
        client["vigie"]["latest"].insert_one({"_id": "home/C001"})
    compose.main(["users"], {"HOUSE": str(house), "DATABASE": ",".join(hosts)})
    with MongoClient(f"mongodb://root:{password}@{','.join(hosts)}/?replicaSet=vigie") as client:

        def voting():
            return client.admin.command("replSetGetStatus")["votingMembersCount"]

        wait_for(lambda: voting() == 3, "three members that vote: who is new has no voice at first", 60)
    uri = re.search("MONGODB_URI='(.*)'", (house / "backend" / ".env").read_text())
    with MongoClient(uri[1], timeoutMS=60_000) as client:
        collection = client["vigie"].get_collection("latest", write_concern=WriteConcern(w=3, wtimeout=60000))
        collection.insert_one({"_id": "home/C002"})  # all of them have copied what was there
        running[members.index(client.primary[1])].signal(signal.SIGKILL)
        two = client["vigie"].get_collection("latest", write_concern=WriteConcern(w="majority"))
        two.insert_one({"_id": "home/C003"})
        assert two.count_documents({}) == 3


def test_what_is_wrong_is_told(tmp_path):
    with pytest.raises(ToolFailed, match='"C001" is no SITE/DEVICE'):
        compose.main(["files"], {"HOUSE": str(tmp_path), "BOARDS": "C001"})
    compose.main(["files"], {"HOUSE": str(tmp_path)})
    with pytest.raises(ToolFailed, match="home/C009 is none of BOARDS: there are home/C001"):
        compose.main(["show", "home/C009"], {"HOUSE": str(tmp_path)})
    with pytest.raises(ToolFailed, match="usage"):
        compose.main([], {})
