"""Rooms that are cooled, heated or moistened, what happens in them, and how their plant fails.

    rooms      the kinds of rooms: one table of physical parameters, and single rooms drawn from it
    life       what a day brings to a room: weather, doors, deliveries, sun, work
    physics    heat and water of air, goods, shell and coil; thermostat, defrost, heater, humidifier
    failures   what breaks, and how it goes on from there
    traces     the readings of a board in such a room, as integers

Everything is a pure function of a seed. A room with a failure is, to the bit, the room without it until the
failure begins, and lives through the same days afterwards: the two can be compared reading by reading.
"""
