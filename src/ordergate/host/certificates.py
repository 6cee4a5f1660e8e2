"""The default certificate authorities: those of the environment, or certifi's."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import certifi

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of the environment that are honoured, as by OpenSSL; the first that is set counts."""


def default_context(environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return a TLS context for connections to servers.

    Raises:
        OSError: The setting in the environment cannot be used; the message names the variable.
    """
    variable = next((name for name in VARIABLES if environment.get(name)), None)
    if variable is None:
        return ssl.create_default_context(cafile=certifi.where())
    place = environment[variable]
    try:
        if variable == "SSL_CERT_FILE":
            return ssl.create_default_context(cafile=place)
        next(Path(place).iterdir(), None)  # OpenSSL says nothing of a directory that is none
        return ssl.create_default_context(capath=place)
    except OSError as error:
        raise OSError(f"{variable} names {place}, which cannot be used: {error}") from error
