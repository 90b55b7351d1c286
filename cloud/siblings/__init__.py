"""Siblings: the other boards of a site, which say whether a board has drifted or its room has changed.

air        what a board measured, as vapour pressure and temperature of blocks of eight readings
parting    how far a board has parted from its siblings; learned from their common history
look       asks this of all boards, again and again, and tells the watch (MongoDB, under the lease)
"""
