"""The parts that a real Vigie has elsewhere, on this machine: broker, database, certificates, mail, time."""
