from tests.deploy.conftest import (  # noqa: F401  fixtures
    backend,
    board,
    broker,
    database,
    environment,
    iotcore,
    mongod,
    mosquitto,
    run,
    sendgrid,
)
