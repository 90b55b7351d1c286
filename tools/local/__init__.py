"""Local stand-ins for what a real Vigie has elsewhere: broker, database, certificates, mail, time."""
