"""The table of faults: what happens, to which of the parts, and what of it nobody else may harm meanwhile."""

from __future__ import annotations

from tools.run.chaos.faults import clocks, clones, database, flash, hostile, mail, messages, processes, wires
from tools.run.chaos.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault("broker killed", "house", "broker", processes.broker_killed),
    Fault("broker stopped", "house", "broker", processes.broker_stopped),
    Fault("broker loses all sessions", "house", "broker", processes.broker_forgets),
    Fault("database member killed", "members", "itself", processes.member_killed),
    Fault("database member stopped", "members", "itself", processes.member_stopped),
    Fault("database steps down", "house", "primary", database.stepped_down),
    Fault("database member's disk full", "members", "itself", database.disk_full),
    Fault("storage at its quota", "house", "storage", database.quota_reached, patience=60),
    Fault("backend killed", "workers", "itself", processes.worker_killed),
    Fault("backend stopped", "workers", "itself", processes.worker_stopped),
    Fault("backend's clock wrong", "workers", "clock", clocks.worker_wrong),
    Fault("mail service hangs", "house", "mail", mail.hangs, patience=60),
    Fault("board killed", "boards", "itself", processes.board_killed, often=3),
    Fault("board stopped", "boards", "itself", processes.board_stopped),
    Fault("power cut in a write", "boards", "itself", flash.power_cut_in_write, often=6),
    Fault("flash full", "boards", "itself", flash.flash_full),
    Fault("flash file unreadable", "boards", "itself", flash.file_unreadable, patience=20),
    Fault("flash cloned", "boards", "itself", clones.cloned, patience=90),
    Fault("clock chip jumps", "boards", "itself", clocks.chip_jumps),
    Fault("time server lies", "house", "time", clocks.server_lies),
    Fault("time servers agree on a wrong time", "house", "time", clocks.servers_agree),
    Fault("time server silent", "house", "time", clocks.server_silent),
    Fault("board's wire: black hole", "boards", "wire", wires.black_hole),
    Fault("board's wire: delayed", "boards", "wire", wires.delayed),
    Fault("board's wire: refused", "boards", "wire", wires.refused),
    Fault("board's wire: cut in a packet", "boards", "wire", wires.cut),
    Fault("board's wire: byte flipped", "boards", "wire", wires.flipped),
    Fault("board's wire: bytes dropped", "boards", "wire", wires.dropped),
    Fault("board's wire: bytes duplicated", "boards", "wire", wires.duplicated),
    Fault("backend's wire: black hole", "workers", "wire", wires.black_hole),
    Fault("backend's wire: delayed", "workers", "wire", wires.delayed),
    Fault("backend's wire: refused", "workers", "wire", wires.refused),
    Fault("backend's wire: cut in a packet", "workers", "wire", wires.cut),
    Fault("backend's wire: byte flipped", "workers", "wire", wires.flipped),
    # MongoDB's wires have no TLS here, so nothing would notice a changed byte: on Atlas they have.
    Fault("database member's wire: black hole", "members", "itself", wires.black_hole),
    Fault("database member's wire: delayed", "members", "itself", wires.delayed),
    Fault("database member's wire: refused", "members", "itself", wires.refused),
    Fault("database member's wire: cut in a packet", "members", "itself", wires.cut),
    Fault("messages repeated", "house", "messages", messages.repeated),
    Fault("huge messages", "boards", "login", hostile.huge),
    Fault("forged messages", "boards", "login", hostile.forged),
    Fault("flood of messages", "boards", "login", hostile.flood),
    Fault("backend's session claimed", "workers", "session", hostile.session_claimed),
    Fault("backend's session lost", "workers", "session", hostile.session_lost),
)
