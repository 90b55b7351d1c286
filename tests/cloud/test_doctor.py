"""The cloud's doctor, asked about real parts that are well and about real parts that are not."""

import re
import signal
import socket
import ssl
import threading
import time

import pytest
from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError

from cloud import doctor, settings
from cloud.alerts.channels import smtp
from cloud.contract import keys
from cloud.doctor import broker_checks as broker_part
from cloud.doctor import database_checks as database_part
from cloud.process.failure import of_database
from cloud.store.writer import Store
from tests.cloud.conftest import MASTER, USERS, all_brokers, brokers_with_rules, entry, wait_for
from tests.cloud.whole.test_roles import guarded  # noqa: F401  a fixture
from tools.local import pki, ports
from tools.local.database import roles
from tools.local.users import BACKEND_USER, acl
from tools.process.files import private_write


def ask(environment, *parts, **more):
    return list(doctor.examine(environment, None, parts or doctor.PARTS, **more))


def text(findings):
    return "\n".join(f"{finding.kind} {finding.name}: {finding.text}" for finding in findings)


def wrong(findings):
    return [finding for finding in findings if finding.kind == "bad"]


def only_wrong(findings):
    (finding,) = wrong(findings)
    return f"{finding.name}: {finding.text}"


@all_brokers
def test_what_is_well_gets_ticks_only(environment, broker):
    checks = ask(environment)
    assert not wrong(checks), text(checks)
    names = {each.name for each in checks if each.kind == "good"}
    assert {"settings", "broker", "TLS", "login", "rights", "database", "clock", "role", "mail"} <= names


def test_each_part_needs_only_its_own_settings(environment):
    for part, kept in (("broker", "MQTT_"), ("database", "MONGODB_"), ("mail", ("MAIL_", "SENDGRID_"))):
        own = {name: value for name, value in environment.items() if name.startswith(kept)}
        assert not wrong(ask(own, part)), part
    page_text = text(ask({}, "broker"))
    assert "MQTT_HOST is missing" in page_text and "MONGODB_URI" not in page_text


def test_missing_settings_are_all_told_and_the_rest_is_still_tested(environment):
    del environment["VIGIE_KEY"], environment["MQTT_HOST"]
    checks = ask(environment)
    page_text = text(checks)
    assert page_text.count("VIGIE_KEY is missing") == 1 and page_text.count("MQTT_HOST is missing") == 1
    assert "MongoDB" in page_text and "may send" in page_text


# The broker


@all_brokers
def test_a_wrong_password_at_the_broker_names_the_settings_to_check(environment, broker):
    faults = only_wrong(ask({**environment, "MQTT_PASSWORD": "wrong"}, "broker"))
    assert faults.startswith("login") and "check MQTT_USER and MQTT_PASSWORD" in faults


def test_a_ca_that_is_wrong_empty_or_missing_leads_to_mqtt_ca(environment, tmp_path):
    other = pki.ensure(tmp_path / "other")
    faults = only_wrong(ask({**environment, "MQTT_CA": str(other.ca_pem)}, "broker"))
    assert faults.startswith("TLS") and "not trusted" in faults and "check MQTT_CA" in faults
    (tmp_path / "empty.pem").write_text("no certificate\n")
    faults = only_wrong(ask({**environment, "MQTT_CA": str(tmp_path / "empty.pem")}, "broker"))
    assert "empty.pem holds no certificate in PEM form" in faults and "MQTT_HOST" not in faults
    del environment["MQTT_CA"]
    assert "set MQTT_CA" in only_wrong(ask(environment, "broker"))


def answered_once(answer):
    """The port of somebody who answers one connection with `answer(wire)`."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def serve():
        with listener, listener.accept()[0] as wire:
            try:
                answer(wire)
            except OSError:
                pass  # the other side has gone, as it should

    threading.Thread(target=serve, daemon=True).start()
    return str(listener.getsockname()[1])


def test_a_certificate_for_another_name_leads_to_mqtt_ca_and_mqtt_host(environment, tmp_path):
    elsewhere = pki.ensure(tmp_path / "elsewhere", ["elsewhere"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(elsewhere.server_pem, elsewhere.server_key)
    port = answered_once(lambda wire: context.wrap_socket(wire, server_side=True).close())
    faults = only_wrong(ask({**environment, "MQTT_PORT": port, "MQTT_CA": str(elsewhere.ca_pem)}, "broker"))
    assert "not trusted" in faults and "check MQTT_CA and MQTT_HOST" in faults


def test_a_broker_where_nobody_listens_leads_to_mqtt_port(environment):
    faults = only_wrong(ask({**environment, "MQTT_PORT": str(ports.free())}, "broker"))
    assert "cannot be reached" in faults and "MQTT_PORT" in faults


def test_a_host_without_an_address_is_named(environment):
    faults = only_wrong(ask({**environment, "MQTT_HOST": "broker.invalid"}, "broker"))
    assert "broker.invalid has no address" in faults


def test_what_does_not_speak_tls_fails_at_tls(environment):
    port = answered_once(lambda wire: wire.recv(100) and wire.sendall(b"HTTP/1.1 400 no\r\n\r\n"))
    assert only_wrong(ask({**environment, "MQTT_PORT": port}, "broker")).startswith("TLS")


@pytest.mark.parametrize("alert", [40, 70, 112], ids=["handshake failure", "version", "unknown name"])
def test_a_broker_that_refuses_the_handshake_is_told_apart_from_a_wrong_setting(environment, alert):
    port = answered_once(
        lambda wire: wire.recv(5000) and wire.sendall(b"\x15\x03\x03\0\2\2" + bytes([alert]))
    )
    faults = only_wrong(ask({**environment, "MQTT_PORT": port}, "broker"))
    assert "refuses the TLS handshake" in faults and "check" not in faults


@brokers_with_rules
def test_a_credential_that_may_not_hear_all_boards_is_told_which_right_to_give(environment, broker):
    """A board's credential in the backend's place: it may not hear the others, nor acknowledge."""
    board = {"MQTT_PORT": environment["BOARD_PORT"], "MQTT_USER": "demo/C001"}
    mistaken = {**environment, **board, "MQTT_PASSWORD": USERS["demo/C001"]}
    faults = only_wrong(ask(mistaken, "broker"))
    assert faults.startswith("rights") and "give demo/C001 publish and subscribe on vigie/1/#" in faults


@all_brokers
def test_it_says_how_large_a_packet_the_broker_takes(environment, broker):
    expected = {"iotcore": "1048576 bytes did not pass"}.get(
        broker.kind, "at most 263168 bytes, as the broker says"
    )
    assert f"good packets: {expected}" in text(ask(environment, "broker"))


@brokers_with_rules
def test_it_says_what_the_backend_cannot_do(environment, broker):
    checks = ask(environment, "broker")
    assert "it can do nothing outside vigie/1" in text(checks)


def test_a_credential_that_may_do_everything_is_told(environment):
    assert "warn rights: it can do things outside vigie/1" in text(ask(environment, "broker"))  # iotcore


@brokers_with_rules
def test_a_boards_credential_is_its_own(environment, broker):
    known = {**environment, "BOARD_USER": "demo/C002", "BOARD_PASSWORD": USERS["demo/C002"]}
    checks = ask(known, "broker", board="demo/C002")
    assert not wrong(checks) and "it cannot speak for another board" in text(checks), text(checks)
    assert "good board: it may fetch settings and models over the air" in text(checks)
    assert "good board: it cannot take another client's session" in text(checks)
    assert "does not hear vigie/1/demo/C003/ack" in text(wrong(ask(known, "broker", board="demo/C003")))
    faults = text(wrong(ask({**known, "BOARD_PASSWORD": "x"}, "broker", board="demo/C002")))
    assert "check BOARD_USER and BOARD_PASSWORD" in faults


def rule(broker, rules):
    """Have mosquitto go by these rules: it reads them before it listens to anybody again."""
    private_write(broker.folder / "acl", rules)
    broker.child.send(signal.SIGHUP)


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
@pytest.mark.parametrize(("lacks", "how"), [("get", "publish"), ("part", "subscribe")])
def test_rules_from_before_updates_over_the_air_are_told_which_right_to_add(
    environment, broker, lacks, how, monkeypatch
):
    monkeypatch.setattr(broker_part, "TIMEOUT", 2.0)
    whole = acl(USERS)
    known = {**environment, "BOARD_USER": "demo/C002", "BOARD_PASSWORD": USERS["demo/C002"]}
    lines = whole.splitlines(keepends=True)
    rule(broker, "".join(line for line in lines if not line.endswith(f"demo/C002/{lacks}\n")))
    try:
        faults = only_wrong(ask(known, "broker", board="demo/C002"))
    finally:
        rule(broker, whole)
    assert f"over the air: give demo/C002 {how} on vigie/1/demo/C002/{lacks} (docs/" in faults


def test_a_boards_credential_that_may_do_everything_is_wrong(environment):
    known = {**environment, "BOARD_USER": "demo/C002", "BOARD_PASSWORD": USERS["demo/C002"]}
    faults = text(wrong(ask(known, "broker", board="demo/C002")))
    assert "it can speak for other boards: limit demo/C002 to vigie/1/demo/C002/#" in faults
    faults = text(ask(known, "broker", board="demo/C002"))
    assert (
        "warn board: it can push off a client whose id it knows: HiveMQ Cloud cannot prevent that" in faults
    )


def test_it_does_not_push_the_running_backend_off(environment, backend):
    running = backend("ingest")
    running.wait_for_line("listening")
    assert not wrong(ask(environment, "broker"))
    assert running.stop() == 0 and not [line for line in running.lines if "gone" in line]


def test_a_client_id_that_is_a_containers_name_is_told(environment):
    checks = ask({**environment, "MQTT_CLIENT_ID": "vigie-0123456789ab"}, "broker")
    assert "set MQTT_CLIENT_ID=vigie-backend" in text(checks)


# The database


def test_the_backends_user_is_enough_and_no_more(environment, guarded, request):  # noqa: F811
    known = {**environment, "MONGODB_URI": guarded["vigie-backend"], "MONGODB_DATABASE": "vigie"}
    checks = ask(known, "database")
    assert {each.kind for each in checks} == {"good"}, text(checks)
    assert "it can do nothing beyond that" in text(checks)
    assert "as vigie-backend" in text(checks)


def test_a_right_that_a_role_lacks_is_named(environment, guarded):  # noqa: F811
    known = {**environment, "MONGODB_URI": guarded["vigie-dashboard"], "MONGODB_DATABASE": "vigie"}
    faults = only_wrong(ask(known, "database"))
    assert "it may not insert on buckets" in faults and "docs/security.md" in faults


@pytest.mark.parametrize(
    ("collection", "act"),
    [(where, act) for where, acts in roles.RIGHTS["vigie-backend"].items() for act in acts],
)
def test_each_right_of_the_table_is_named_when_a_role_lacks_it(environment, guarded, collection, act):  # noqa: F811
    """A role clicked together on Atlas: without one of these the backend ends at its start, or much later."""
    kept = {
        where: [each for each in acts if (each, where) != (act, collection)]
        for where, acts in roles.RIGHTS["vigie-backend"].items()
    }
    with MongoClient(guarded["admin"]) as client:
        vigie = client["vigie"]
        privileges = [
            {"resource": {"db": "vigie", "collection": where}, "actions": acts}
            for where, acts in kept.items()
            if acts
        ]
        vigie.command("createRole", "lacking", privileges=privileges, roles=[])
        vigie.command("createUser", "hasty", pwd="word", roles=["lacking"])
        try:
            uri = re.sub("//[^@]*@", "//hasty:word@", guarded["vigie-backend"])
            known = {**environment, "MONGODB_URI": uri, "MONGODB_DATABASE": "vigie"}
            faults = only_wrong(ask(known, "database"))
            assert f"it may not {act}" in faults and "it may not" not in faults.partition(act)[2], faults
        finally:
            vigie.command("dropUser", "hasty")
            vigie.command("dropRole", "lacking")


def test_an_address_without_a_user_is_told_where_the_database_wants_one(environment, guarded):  # noqa: F811
    uri = re.sub("//[^@]*@", "//", guarded["vigie-backend"])
    known = {**environment, "MONGODB_URI": uri, "MONGODB_DATABASE": "vigie"}
    checks = ask(known, "database")
    assert "bad login: MONGODB_URI names no user" in text(checks) and "none is asked for" not in text(checks)


def test_what_an_administrator_may_beyond_the_need_is_listed(environment, guarded):  # noqa: F811
    known = {**environment, "MONGODB_URI": guarded["admin"], "MONGODB_DATABASE": "vigie"}
    checks = ask(known, "database")
    assert not wrong(checks)
    assert "it can also drop collections, see its users, read other databases" in text(checks)


def test_the_dashboards_user_is_enough_and_more_is_told(environment, guarded):  # noqa: F811
    known = {"MONGODB_URI": guarded["vigie-dashboard"], "MONGODB_DATABASE": "vigie"}
    checks = ask(known, dashboard=True)
    assert {each.kind for each in checks} == {"good"} and "it can add to labels" in text(checks), text(checks)
    too_much = ask({**known, "MONGODB_URI": guarded["vigie-backend"]}, dashboard=True)
    assert "it can also change readings, delete readings" in text(too_much)


def test_a_wrong_database_password_is_told_and_not_shown(environment, guarded):  # noqa: F811
    uri = guarded["vigie-backend"]
    secret = uri.split(":")[2].split("@")[0]
    faults = only_wrong(ask({**environment, "MONGODB_URI": uri.replace(secret, "wrong-word")}, "database"))
    assert "it refuses the login" in faults and "wrong-word" not in faults


def test_a_database_that_is_not_there_leads_to_network_access_and_no_password_is_shown(
    environment, monkeypatch
):
    monkeypatch.setattr(database_part, "TIMEOUT", 1.0)
    uri = f"mongodb://me:secret-word@127.0.0.1:{ports.free()}/"
    faults = only_wrong(ask({**environment, "MONGODB_URI": uri}, "database"))
    assert "cannot be reached" in faults and "Network Access" in faults and "secret-word" not in faults


def test_a_database_name_that_dns_does_not_know_leads_to_mongodb_uri(environment, monkeypatch):
    monkeypatch.setattr(database_part, "TIMEOUT", 1.0)
    uri = "mongodb+srv://me:secret-word@cluster0.invalid/"
    faults = only_wrong(ask({**environment, "MONGODB_URI": uri}, "database"))
    assert "MONGODB_URI" in faults and "secret-word" not in faults


@pytest.mark.parametrize(
    ("off", "kind"), [(0, "good"), (20, "warn"), (-20, "warn"), (600, "bad"), (-600, "bad")]
)
def test_a_clock_that_is_off_is_told_by_how_much(environment, off, kind):
    known = settings.read(settings.database, environment)
    findings = list(database_part.findings(known, clock=lambda: time.time() + off))
    (clock,) = [each for each in findings if each.name == "clock"]
    assert clock.kind == kind
    assert off == 0 or f"{abs(off)} s {'ahead of' if off > 0 else 'behind'} the database" in clock.text


def test_a_database_that_is_nearly_full_is_told(environment, database):
    database["buckets"].insert_one({"_id": "x", "p": b"\0" * 900_000})
    page_text = text(ask({**environment, "STORAGE_QUOTA_MB": "1"}, "database"))
    assert "warn room: 1 of 1 MB used, and a cluster's limit counts its other databases too" in page_text


def test_atlas_that_does_not_let_this_address_in_is_told_as_that():
    """What pymongo says then, as people post it."""
    error = (
        "SSL handshake failed: ac-1-shard-00-00.abc.mongodb.net:27017: [SSL: TLSV1_ALERT_INTERNAL_ERROR] "
        "tlsv1 alert internal error (_ssl.c:1129), Timeout: 30s"
    )
    assert "Network Access must list this computer" in of_database(ServerSelectionTimeoutError(error))


def test_boards_that_do_not_sign_what_they_send_are_named(environment, database):
    Store(database).write([entry(1), entry(1, device="C002")])
    page_text = text(ask(environment, "database"))
    assert (
        "warn boards: 2 of 2 are not authenticated (demo/C001, demo/C002)" in page_text
        and "make deploy" in page_text
    )
    Store(database).remember_authentic([("demo", "C001")])
    assert "1 of 2 are not authenticated (demo/C002)" in text(ask(environment, "database"))
    Store(database).remember_authentic([("demo", "C002")])
    assert "good boards: all 2 sign what they send" in text(ask(environment, "database"))


def test_the_versions_that_boards_run_are_counted(environment, database):
    Store(database).write([entry(1, device=f"C00{number}") for number in (1, 2, 3)])
    for name, runs in {"demo/C001": {"app": 12}, "demo/C002": {}, "demo/C003": {}}.items():
        state = {"state": {"version": "0.2.0", "state": "online", **runs}}
        database["latest"].update_one({"_id": name}, {"$set": state})
    page_text = text(ask(environment, "database"))
    assert "good version: 0.2.0 on 2, 0.2.0 (release 12) on 1; the dashboard" in page_text


def test_another_vigie_key_than_the_models_have_leads_to_rekey(environment, database):
    model = {"created": 1.0, "cloud": keys.sign_model(MASTER, b"body")}
    database["models"].insert_one({"_id": "8b7da160", **model})
    assert "VIGIE_KEY is the one" in text(ask(environment, "database"))
    faults = only_wrong(ask({**environment, "VIGIE_KEY": "00" * 32}, "database"))
    assert "python -m cloud rekey" in faults


def test_it_changes_nothing_in_the_database(environment, database):
    def everything():
        return {name: list(database[name].find()) for name in sorted(database.list_collection_names())}

    before = everything()
    ask(environment, "database")
    assert everything() == before


# Mail


def test_a_wrong_key_of_sendgrid_is_told_and_not_shown(environment, sendgrid):
    faults = only_wrong(ask({**environment, "SENDGRID_API_KEY": "SG.other"}, "mail"))
    assert "refuses the key (401)" in faults and "SG.other" not in faults


def test_a_key_that_may_not_send_is_wrong_and_one_that_may_too_much_is_told(environment, sendgrid):
    sendgrid.scopes = ("alerts.read",)
    assert "Mail Send" in only_wrong(ask(environment, "mail"))
    sendgrid.scopes = ("mail.send", "api_keys.create")
    assert "warn mail: the key may do more than send" in text(ask(environment, "mail"))


def test_a_mail_goes_out_only_when_asked_for(environment, sendgrid):
    assert not wrong(ask(environment, "mail")) and not sendgrid.mails
    assert "a test was handed over" in text(ask(environment, "mail", send=True))
    assert len(sendgrid.mails) == 1
    sendgrid.refuse(403)
    assert "MAIL_FROM must be a sender" in only_wrong(ask(environment, "mail", send=True))


def test_what_sendgrid_would_refuse_is_told_although_nothing_is_sent(environment, sendgrid):
    assert "good mail: SendGrid's sandbox takes a mail" in text(ask(environment, "mail"))
    sendgrid.refuse(400, message="Each email address in the personalization block should be unique")
    assert "should be unique" in only_wrong(ask(environment, "mail"))
    sendgrid.refuse(403)
    assert "MAIL_FROM must be a sender" in only_wrong(ask(environment, "mail"))
    assert not sendgrid.mails


def test_addresses_of_the_example_are_told(environment):
    assert "set MAIL_FROM and MAIL_TO to your own" in text(ask(environment, "mail"))
    own = {**environment, "MAIL_FROM": "v@vigie.dev", "MAIL_TO": "me@vigie.dev"}
    assert "plain mail: from v@vigie.dev to me@vigie.dev" in text(ask(own, "mail"))


def test_sendgrid_out_of_reach_is_told(environment):
    host = f"http://127.0.0.1:{ports.free()}"
    assert "cannot be reached" in only_wrong(ask({**environment, "SENDGRID_HOST": host}, "mail"))


def test_an_smtp_server_out_of_reach_names_the_settings_to_check(environment):
    known = {**environment, "MAIL_VIA": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(ports.free())}
    faults = only_wrong(ask(known, "mail"))
    assert "cannot be reached" in faults and "check SMTP_HOST, SMTP_PORT" in faults


def test_an_smtp_port_of_the_other_kind_leads_to_smtp_security(environment):
    """587 where 465 belongs: nothing is wrong with its certificate."""
    port = answered_once(lambda wire: wire.sendall(b"220 mail\r\n") or wire.recv(1000))
    known = {**environment, "MAIL_VIA": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": port}
    faults = only_wrong(ask({**known, "SMTP_SECURITY": "tls"}, "mail"))
    assert "check SMTP_SECURITY and SMTP_PORT" in faults and "SMTP_CA" not in faults


def test_an_smtp_server_that_asks_for_a_login_leads_to_user_and_password():
    refused = smtp._refused(530, b"5.7.0 Authentication required", "sender")
    assert refused.kind == "key" and "check SMTP_USER and SMTP_PASSWORD" in refused.reason


# The command


def test_the_command_prints_ticks_and_its_exit_code_says_whether_all_is_well(backend, environment, broker):
    well = backend("doctor")
    assert well.process.wait(60) == 0
    wait_for(lambda: any(line.startswith("✓ mail") for line in well.lines), "the last tick")
    assert any(line.startswith("✓ broker     localhost:") for line in well.lines)
    ill = backend("doctor", "broker", MQTT_PASSWORD="wrong")
    assert ill.process.wait(60) == 1
    ill.wait_for_line("✗ login")
    for mistaken in (["brokr"], ["--board", "C001"]):
        assert backend("doctor", *mistaken).process.wait(30) == 2


def test_nothing_it_says_holds_a_secret(backend, environment, guarded):  # noqa: F811
    planted = {
        "MQTT_PASSWORD": "planted-mqtt-word",
        "MONGODB_URI": guarded["vigie-backend"].replace("vigie-backend:", "vigie-backend:planted-db-word"),
        "SENDGRID_API_KEY": "SG.planted",
        "VIGIE_KEY": "ab" * 32,
    }
    asked = backend("doctor", **planted)
    assert asked.process.wait(60) == 1
    asked.wait_for_line("✗ login")
    report = "\n".join(asked.lines)
    for secret in ("planted", "ab" * 32, guarded["vigie-backend"].split(":")[2].split("@")[0]):
        assert secret not in report
    assert BACKEND_USER in report or "login" in report


def test_the_backends_user_is_not_taken_for_the_dashboards_in_silence(environment, tmp_path):
    """Without secrets.toml the dashboard would run as the backend's user of .env."""
    file = tmp_path / ".env"
    file.write_text(f"MONGODB_URI={environment['MONGODB_URI']}\n")
    assert "no MONGODB_URI in .streamlit/secrets.toml" in text(doctor.examine({}, file, dashboard=True))
    assert "secrets.toml" not in text(doctor.examine(environment, file, dashboard=True))


def test_the_dashboards_secrets_are_read_where_streamlit_reads_them(tmp_path):
    file = tmp_path / "secrets.toml"
    file.write_text('MONGODB_URI = "mongodb://a/"\nMONGODB_DATABASE = "vigie"\n[auth]\nclient_secret = "x"\n')
    assert doctor.secrets_of_streamlit(file, {"MONGODB_DATABASE": "other"}) == {
        "MONGODB_URI": "mongodb://a/",
        "MONGODB_DATABASE": "other",
    }
    file.write_text('[auth]\nclient_secret = "x"\nMONGODB_URI = "mongodb://a/"\n')
    faults = only_wrong(ask({}, dashboard=True, secrets=file))
    assert "MONGODB_URI is below [auth]" in faults and "above the first [section]" in faults
    file.write_text('LANGUAGE = "fr"\nMONGODB_URI = "mongodb://a/"\n')
    assert "write VIGIE_LANGUAGE=fr" in only_wrong(ask({}, dashboard=True, secrets=file))
    file.write_text("MONGODB_URI = ")
    faults = only_wrong(ask({}, dashboard=True, secrets=file))
    assert "secrets.toml: is not TOML (values stand in quotes)" in faults


def test_a_certificate_that_ends_soon_is_told(environment, monkeypatch):
    monkeypatch.setattr(broker_part, "SOON", 400 * 86400)
    assert "the broker's certificate ends soon" in text(ask(environment, "broker"))
