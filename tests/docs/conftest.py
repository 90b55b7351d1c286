from tests.deploy.conftest import (  # noqa: F401  fixtures
    backend,
    board,
    database,
    environment,
    run,
    sendgrid,
)
