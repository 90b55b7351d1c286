"""Writes the binary that a board loads as its model, and reads it back as the board does (docs/forest.md)."""

import hashlib
import hmac
import io
import json
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.training.forest.interpret_packed import PackedForest
from device import codes
from device.model import bundle as model

VECTORS = 8


def build(
    key: bytes,
    *,
    forest: PackedForest,
    threshold: int,
    params: bytes,
    plant: Mapping[bytes, bytes] = MappingProxyType({}),
    x: NDArray[np.int16],
    meta: Mapping[str, Any],
) -> bytes:
    """The bundle for the device whose key this is.

    `threshold`: a reading is abnormal when its path-length sum is less. `params`: the detectors' parameters
    (device/judge/params.py). `plant`: the sections EXCR and RHYT, where the place has them. `x`: int16[n, 8],
    readings of the training span: a few become self-test vectors, with the extremes of int16. `meta`: what
    people want to know, as JSON. Raises PackError or ValueError.
    """
    parts = {
        b"FRST": forest.section(threshold),
        b"PARM": params,
        **plant,
        b"VECT": _vectors(forest, x),
        b"META": meta_section(meta),
    }
    return join(key, parts)


def meta_section(meta: Mapping[str, Any]) -> bytes:
    return json.dumps(meta, ensure_ascii=False, sort_keys=True).encode()


def join(key: bytes, sections: Mapping[bytes, bytes]) -> bytes:
    """The bundle of these sections, by tag, for the device whose key this is. Raises ValueError."""
    body = b"".join(struct.pack("<4sI", tag, len(part)) + part for tag, part in sections.items())
    total = 12 + len(body) + 32
    header = struct.pack("<4sBBHI", model.MAGIC, model.FORMAT, codes.FEATURES, len(sections), total)
    bundle = header + body + hmac.digest(key, header + body, "sha256")
    verify(bundle, key)
    return bundle


def verify(bundle: bytes, key: bytes) -> str:
    """The model's id (8 hex) when a board with this key would take the bundle; else ValueError."""
    loaded: Any = model.read(io.BytesIO(bundle), len(bundle), key)
    return bytes(loaded.id).hex()


def model_id(bundle: bytes) -> str:
    """The id (8 hex) of a sound bundle: the first 4 bytes of the SHA-256 of its sections."""
    return hashlib.sha256(bundle[12:-32]).hexdigest()[:8]


def sections(bundle: bytes) -> dict[bytes, bytes]:
    """The sections of a sound bundle, by tag."""
    bodies = {}
    place = 12
    while place < len(bundle) - 32:
        tag, length = struct.unpack_from("<4sI", bundle, place)
        bodies[tag] = bundle[place + 8 : place + 8 + length]
        place += 8 + length
    return bodies


def meta(bundle: bytes) -> dict[str, Any]:
    """The META section of a sound bundle."""
    values: dict[str, Any] = json.loads(sections(bundle).get(b"META", b"{}"))
    return values


def _vectors(forest: PackedForest, x: NDArray[np.int16]) -> bytes:
    """Readings whose sums spread from the shortest to the longest, and the corners of int16."""
    order = np.argsort(forest.scores(x), kind="stable")
    chosen = x[order[np.linspace(0, len(order) - 1, VECTORS - 2).astype(int)]]
    corners = np.array([[-32768] * 8, [32767] * 8], np.int16)
    vectors = np.concatenate([chosen, corners])
    return b"".join(
        struct.pack("<8hi", *map(int, row), int(total))
        for row, total in zip(vectors, forest.scores(vectors), strict=True)
    )
