"""The table of faults: what happens, to which of the parts, and what of it nobody else may harm meanwhile."""

from __future__ import annotations

from tools.run.chaos.faults import (
    clocks,
    database,
    flash,
    hostile,
    mail,
    messages,
    processes,
    updates,
    wires,
)
from tools.run.chaos.faults.fault import ChaosFault

FAULTS: tuple[ChaosFault, ...] = (
    ChaosFault("broker killed", "house", "broker", processes.broker_killed),
    ChaosFault("broker stopped", "house", "broker", processes.broker_stopped),
    ChaosFault("broker loses all sessions", "house", "broker", processes.broker_forgets),
    ChaosFault("database member killed", "members", "itself", processes.member_killed),
    ChaosFault("database member stopped", "members", "itself", processes.member_stopped),
    ChaosFault("database steps down", "house", "primary", database.stepped_down),
    ChaosFault("database member's disk full", "members", "itself", database.disk_full),
    ChaosFault("storage at its quota", "house", "storage", database.quota_reached, patience=60),
    ChaosFault("backend killed", "workers", "itself", processes.worker_killed),
    ChaosFault("backend stopped", "workers", "itself", processes.worker_stopped),
    ChaosFault("backend's clock wrong", "workers", "clock", clocks.worker_wrong),
    ChaosFault("mail service hangs", "house", "mail", mail.hangs, patience=60),
    ChaosFault("board killed", "boards", "itself", processes.board_killed, often=3),
    ChaosFault("board stopped", "boards", "itself", processes.board_stopped),
    ChaosFault("power cut in a write", "boards", "itself", flash.power_cut_in_write, often=6),
    ChaosFault("flash full", "boards", "itself", flash.flash_full),
    ChaosFault("flash file unreadable", "boards", "itself", flash.file_unreadable, patience=20),
    ChaosFault("flash cloned", "boards", "itself", flash.cloned, patience=90),
    ChaosFault(
        "settings over the air", "boards", "update", updates.settings, often=3, patience=updates.PATIENCE
    ),
    ChaosFault("model over the air", "boards", "update", updates.model, often=3, patience=updates.PATIENCE),
    ChaosFault("release over the air", "boards", "update", updates.app, often=3, patience=updates.PATIENCE),
    ChaosFault("clock chip jumps", "boards", "itself", clocks.chip_jumps),
    ChaosFault("time server lies", "house", "time", clocks.server_lies),
    ChaosFault("time servers agree on a wrong time", "house", "time", clocks.servers_agree),
    ChaosFault("time server silent", "house", "time", clocks.server_silent),
    ChaosFault("board's wire: black hole", "boards", "wire", wires.black_hole),
    ChaosFault("board's wire: delayed", "boards", "wire", wires.delayed),
    ChaosFault("board's wire: refused", "boards", "wire", wires.refused),
    ChaosFault("board's wire: cut in a packet", "boards", "wire", wires.cut),
    ChaosFault("board's wire: byte flipped", "boards", "wire", wires.flipped),
    ChaosFault("board's wire: bytes dropped", "boards", "wire", wires.dropped),
    ChaosFault("board's wire: bytes duplicated", "boards", "wire", wires.duplicated),
    ChaosFault("backend's wire: black hole", "workers", "wire", wires.black_hole),
    ChaosFault("backend's wire: delayed", "workers", "wire", wires.delayed),
    ChaosFault("backend's wire: refused", "workers", "wire", wires.refused),
    ChaosFault("backend's wire: cut in a packet", "workers", "wire", wires.cut),
    ChaosFault("backend's wire: byte flipped", "workers", "wire", wires.flipped),
    # MongoDB's wires have no TLS here, so nothing would notice a changed byte: on Atlas they have.
    ChaosFault("database member's wire: black hole", "members", "itself", wires.black_hole),
    ChaosFault("database member's wire: delayed", "members", "itself", wires.delayed),
    ChaosFault("database member's wire: refused", "members", "itself", wires.refused),
    ChaosFault("database member's wire: cut in a packet", "members", "itself", wires.cut),
    ChaosFault("messages repeated", "house", "messages", messages.repeated),
    ChaosFault("huge messages", "boards", "login", hostile.huge),
    ChaosFault("forged messages", "boards", "login", hostile.forged),
    ChaosFault("flood of messages", "boards", "login", hostile.flood),
    ChaosFault("backend's session claimed", "workers", "session", hostile.session_claimed),
    ChaosFault("backend's session lost", "workers", "session", hostile.session_lost),
)
