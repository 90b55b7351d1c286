"""The later umqtt.simple, made from 1.3.4 by the differences that a user of it can notice.

1.4 (firmware 1.23, 1.24): a user "" counts as none; wait_msg returns the type of a message too; TLS by a
context. 1.6 (1.25, 1.26): connect sets a time-out on its socket. 1.8 (1.29): connect closes an old socket
first; subscribe writes its length, its id and its topic one by one.
"""

from __future__ import annotations

from pathlib import Path

CHANGES = (
    ("import usocket as socket", "import socket"),
    ("import ustruct as struct", "import struct"),
    ("from ubinascii import hexlify", "from binascii import hexlify"),
    ("ssl=False, ssl_params={}):", "ssl=None, ssl_params={}):"),
    ("if self.user is not None:", "if self.user:"),
    (
        "    def connect(self, clean_session=True):\n        self.sock = socket.socket()\n",
        "    def connect(self, clean_session=True, timeout=None):\n"
        "        if self.sock:\n"
        "            self.sock.close()\n"
        "        self.sock = socket.socket()\n"
        "        self.sock.settimeout(timeout)\n",
    ),
    (
        "            import ussl\n            self.sock = ussl.wrap_socket(self.sock, **self.ssl_params)\n",
        "            self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)\n",
    ),
    (
        '        struct.pack_into("!BH", pkt, 1, 2 + 2 + len(topic) + 1, self.pid)\n'
        '        #print(hex(len(pkt)), hexlify(pkt, ":"))\n'
        "        self.sock.write(pkt)\n",
        "        pkt[1] = 2 + 2 + len(topic) + 1\n"
        "        self.sock.write(pkt, 2)\n"
        '        struct.pack_into("!H", pkt, 2, self.pid)\n'
        "        self.sock.write(bytes(pkt[2:]))\n",
    ),
    (
        "        elif op & 6 == 4:\n            assert 0\n",
        "        elif op & 6 == 4:\n            assert 0\n        return op\n",
    ),
)


def write(published: Path, folder: Path) -> Path:
    """Write the newest umqtt/simple.py into `folder`, from the `published` one; `folder`."""
    text = (published / "umqtt" / "simple.py").read_text()
    for old, new in CHANGES:
        assert old in text, f"umqtt.simple has no {old!r}"
        text = text.replace(old, new)
    (folder / "umqtt").mkdir()
    (folder / "umqtt" / "simple.py").write_text(text)
    return folder
