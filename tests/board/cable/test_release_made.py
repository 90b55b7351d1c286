"""`python -m tools release`: boards with the public half take the file; the key stays the owner's."""

import io
import stat

import pytest
from cryptography.hazmat.primitives import serialization

from device.update.release import fit, sizes, verified
from tools.board import release
from tools.mpy import build
from tools.process.child import ToolFailed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a key and the releases of one call."""
    folder = tmp_path_factory.mktemp("release")
    assert release.main(["--key", str(folder / "own" / "release.pem"), "--out", str(folder / "out")]) == 0
    return folder


def test_a_file_for_each_kind_of_chip_with_the_files_of_make_deploy(made):
    key = release.modulus(made / "own" / "release.pub")
    files = sorted((made / "out").iterdir())
    numbers = set()
    for path, arch in zip(files, ("xtensawin", "rv32imc"), strict=True):
        assert arch in path.name
        data = path.read_bytes()
        head = io.BytesIO(data)
        facts = verified(head, key)
        numbers.add(facts["number"])
        fit(facts, facts["number"] - 1, facts["number"], (1, 23, 0), build.mpy_of(arch))
        assert facts["expires"] == min(numbers) + 90 * 86400
        built = build.application(arch)
        listed = head.read(sizes(data[:8])[1])
        assert listed == built["sha256.txt"]
        assert data[head.tell() + 384 :] == b"".join(list(built.values())[:-1])
    assert len(numbers) == 2


def test_the_key_is_the_owners_alone_and_is_used_again(made, capsys):
    key = made / "own" / "release.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    assert release.main(["--key", str(key), "--out", str(made / "again"), "--arch", "rv32imc"]) == 0
    assert key.read_bytes() == before and "is new" not in capsys.readouterr().out
    assert len(list((made / "again").iterdir())) == 1


def test_a_password_locks_the_key(tmp_path, monkeypatch):
    path = tmp_path / "release.pem"
    release.made_key(path, b"a long word")
    with pytest.raises(TypeError):
        serialization.load_pem_private_key(path.read_bytes(), None)
    monkeypatch.setattr(release, "_password", lambda question: b"a long word")
    assert release.read_key(path).key_size == 3072
    monkeypatch.setattr(release, "_password", lambda question: b"a wrong word")
    with pytest.raises(ToolFailed, match=r"release\.pem"):
        release.read_key(path)


def test_what_is_no_key_of_an_owner_is_refused(tmp_path, made):
    with pytest.raises(ToolFailed, match="No such file"):
        release.modulus(tmp_path / "none.pub")
    with pytest.raises(ToolFailed, match=r"own.release\.pem"):
        release.modulus(made / "own" / "release.pem")
    garbage = tmp_path / "garbage.pem"
    garbage.write_bytes(b"no key")
    with pytest.raises(ToolFailed, match=r"garbage\.pem"):
        release.main(["--key", str(garbage), "--out", str(tmp_path)])
    with pytest.raises(ToolFailed, match="three numbers"):
        release.main(["--key", str(made / "own" / "release.pem"), "--firmware", "1.23"])
    with pytest.raises(ToolFailed, match="write one of"):
        release.main(["--key", str(made / "own" / "release.pem"), "--arch", "esp32"])
