"""A limit to how long an answer of a Bolt server is waited for: the driver has none of its own.

Its timeouts are for connecting, or are kept by the server. One that was stopped, or whose network is gone, answers
nothing, also not that time is up, and who asked it would wait without end.
"""

from collections.abc import Callable
from typing import Any

from neo4j import Driver, Session

# Seconds for which the server may be late to say itself that time is up.
GRACE = 1.0


def open_session(driver: Driver, seconds: Callable[[], float], **config: Any) -> Session:
    """A session that closes its connection, and raises what the driver does of a lost one, after so long without a word.

    ``seconds`` is asked for whenever it takes a connection: for each transaction, and each statement without one. Nothing
    public of the driver leads to the socket of a connection, hence by its insides.
    """
    session = driver.session(**config)
    connect: Any = session._connect

    def connect_impatiently(*args: Any, **options: Any) -> None:
        connect(*args, **options)
        connection: Any = session._connection
        connection.socket.set_read_timeout(seconds() + GRACE)

    session._connect = connect_impatiently  # type: ignore[method-assign]
    return session
