"""Another VIGIE_KEY: models that were trained under the old one go on, on both sides."""

import io
import secrets

import pytest

from cloud.contract import keys
from cloud.ingest.rescore import Models
from cloud.training.train_command import keep
from cloud.updates import change, settings
from device.model import bundle as model
from tests.cloud.training.test_training_fit import MASTER, trained

NEW = secrets.token_bytes(32)


@pytest.fixture
def stored(database):
    keep(database["models"], trained(), MASTER)
    return database


@pytest.fixture
def rekey(backend, stored, tmp_path):
    def run(**changes):
        known = {"MONGODB_DATABASE": stored.name, "VIGIE_KEY": NEW.hex(), "OLD_VIGIE_KEY": MASTER.hex()}
        done = backend("rekey", "--out", str(tmp_path / "models"), **{**known, **changes})
        return done.process.wait(60), done

    return run


def test_cloud_and_board_take_the_model_under_the_new_key_and_no_more_under_the_old(rekey, stored, tmp_path):
    name = trained().model.model_id
    assert Models(stored, NEW).get(name) is None
    code, done = rekey()
    done.wait_for_line("1 models are signed under the new VIGIE_KEY")
    assert code == 0
    assert Models(stored, NEW).get(name).model_id == name and Models(stored, MASTER).get(name) is None
    (file,) = (tmp_path / "models").iterdir()
    done.wait_for_line(f"make model DEVICE=C001 BUNDLE={file}")
    bundle = file.read_bytes()
    assert bytes(stored["models"].find_one()["bundle"]) == bundle
    loaded = model.read(io.BytesIO(bundle), len(bundle), keys.device_key(NEW, "demo", "C001"))
    assert loaded.id.hex() == name
    with pytest.raises(ValueError, match="another device"):
        model.read(io.BytesIO(bundle), len(bundle), keys.device_key(MASTER, "demo", "C001"))


def test_a_second_time_it_has_nothing_to_do(rekey, stored):
    assert rekey()[0] == 0
    before = stored["models"].find_one()
    code, done = rekey()
    done.wait_for_line("0 models are signed")
    assert code == 0 and stored["models"].find_one() == before


def test_settings_that_were_given_over_the_air_are_sealed_anew(rekey, stored):
    for device, master in (("C001", MASTER), ("C002", b"\x07" * 32)):
        board = ("demo", device)
        number = change.want_settings(
            stored, board, keys.device_key(master, *board), {}, {"limits": {"t_max": 8}}
        )
    code, done = rekey()
    done.wait_for_line("settings of 1 boards are sealed under the new VIGIE_KEY")
    done.wait_for_line("settings of demo/C002 were sealed under neither key")
    kept = stored["wanted"].find_one({"_id": "demo/C001"})["settings"]
    assert settings.unseal(keys.device_key(NEW, "demo", "C001"), bytes(kept["sealed"])) == {
        "limits": {"t_max": 8}
    }
    assert code == 0 and number == kept["number"]
    assert rekey()[0] == 0 and stored["wanted"].find_one({"_id": "demo/C001"})["settings"] == kept


def test_what_was_signed_under_neither_key_stays_and_is_told(rekey, stored):
    before = stored["models"].find_one()
    code, done = rekey(OLD_VIGIE_KEY="ee" * 32)
    done.wait_for_line("was signed under neither key")
    assert code == 1 and stored["models"].find_one() == before


def test_without_two_keys_it_does_not_begin(rekey):
    code, done = rekey(OLD_VIGIE_KEY=NEW.hex())
    done.wait_for_line("VIGIE_KEY is still the old one")
    assert code == 2
    code, done = rekey(OLD_VIGIE_KEY="")
    done.wait_for_line("OLD_VIGIE_KEY is missing")
    assert code == 2 and NEW.hex() not in "\n".join(done.lines)
