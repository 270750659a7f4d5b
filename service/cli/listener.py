"""Can the service listen where it is told to, and why not?"""

import errno
import os
import socket

from service.domain.errors import StartupError
from service.settings import Settings

BACKLOG = 2048


def listen(settings: Settings) -> socket.socket:
    """Return a socket on the port; raises StartupError, with what to do, where none can be had."""
    where = f"port {settings.port} of {settings.host}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartupError(
                f"Another program listens on {where}: stop it, or choose another port with "
                "MATCHSTREAM_PORT."
            ) from error
        # Of a name that leads nowhere the number is the resolver's own.
        told = error.strerror
        if error.errno is not None and not isinstance(error, socket.gaierror):
            told = os.strerror(error.errno)
        raise StartupError(
            f"The service cannot listen on {where} ({told}): see MATCHSTREAM_HOST and "
            "MATCHSTREAM_PORT."
        ) from error
