"""The local MongoDB: one mongod, a replica set of several, and the users of either."""
