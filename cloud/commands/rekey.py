"""`python -m cloud rekey`: signs the stored models under a new master secret.

A model is signed twice: the cloud's own form under VIGIE_KEY, and the board's bundle under the key derived
from it for that board. Nothing else in the database is signed under it. The command names a model that
neither key has signed, and leaves it as it is.
"""

import hmac
import sys
from pathlib import Path

from bson.binary import Binary
from pymongo.collection import Collection

from cloud.contract import keys
from cloud.store.database import Document, board_of
from cloud.updates import settings

MAC = 32  # bytes at the end of a bundle (device/model/bundle.py)


def run(models: Collection[Document], old: bytes, new: bytes, folder: Path) -> int:
    """Sign each model anew and write the newest one of each board into `folder`; safe to repeat.

    Returns 1 when neither key had signed some model. Raises PyMongoError.
    """
    renewed, refused = 0, 0
    newest: dict[tuple[str, str], tuple[str, bytes]] = {}
    for document in models.find({}, {"png": 0, "report": 0}, sort=[("created", 1)]):
        name, site, device = document["_id"], document["site"], document["device"]
        cloud, bundle = bytes(document["cloud"]), bytes(document["bundle"])
        if keys.open_model(cloud, new) is None:
            body = keys.open_model(cloud, old)
            signed = resigned(bundle, keys.device_key(old, site, device), keys.device_key(new, site, device))
            if body is None or signed is None:
                print(
                    f"model {name} of {site}/{device} was signed under neither key: train it again",
                    file=sys.stderr,
                )
                refused += 1
                continue
            bundle = signed
            change = {"cloud": Binary(keys.sign_model(new, body)), "bundle": Binary(bundle)}
            models.update_one({"_id": name}, {"$set": change})
            renewed += 1
        newest[site, device] = (name, bundle)
    print(f"{renewed} models are signed under the new VIGIE_KEY")
    folder.mkdir(parents=True, exist_ok=True)
    for (site, device), (name, bundle) in sorted(newest.items()):
        file = folder / f"{site}-{device}-{name}.bin"
        file.write_bytes(bundle)
        print(f"  next: make provision DEVICE={device}; make model DEVICE={device} BUNDLE={file}")
    return 1 if refused else 0


def reseal(wanted: Collection[Document], old: bytes, new: bytes) -> int:
    """Seal the settings anew that boards were given over the air; safe to repeat. How many boards' they were.

    Those that neither key opens go: nobody can read them any more. Raises PyMongoError.
    """
    resealed = 0
    for document in wanted.find({"settings": {"$exists": True}}):
        board, kept = board_of(document["_id"]), document["settings"]
        its_old, its_new = keys.device_key(old, *board), keys.device_key(new, *board)
        if _opens(its_new, kept["sealed"]):
            continue
        change = {
            f"settings.{name}": settings.seal(its_new, kept["number"], settings.unseal(its_old, bytes(blob)))
            for name in ("sealed", "good")
            if (blob := kept.get(name)) and _opens(its_old, blob)
        }
        if "settings.sealed" in change:
            wanted.update_one({"_id": document["_id"]}, {"$set": change})
            resealed += 1
        else:
            wanted.update_one({"_id": document["_id"]}, {"$unset": {"settings": "", "want.config": ""}})
            print(
                f"settings of {document['_id']} were sealed under neither key: they are gone", file=sys.stderr
            )
    return resealed


def _opens(key: bytes, blob: bytes) -> bool:
    try:
        settings.unseal(key, bytes(blob))
    except ValueError:
        return False
    return True


def resigned(bundle: bytes, old: bytes, new: bytes) -> bytes | None:
    """The bundle under another device's key; None when it was not signed under `old`."""
    body, mac = bundle[:-MAC], bundle[-MAC:]
    if not hmac.compare_digest(mac, hmac.digest(old, body, "sha256")):
        return None
    return body + hmac.digest(new, body, "sha256")
