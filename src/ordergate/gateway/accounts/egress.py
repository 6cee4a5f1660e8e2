"""How connections leave this host: the proxy, the trusted authorities, the client certificate."""

from ssl import SSLContext

import msgspec

from ordergate.spi.secret import Secret


class Egress(msgspec.Struct, frozen=True, kw_only=True):
    """One configured way out, ready to be used.

    Attributes:
        proxy: URL of an HTTP proxy, which may contain a password; None for direct connections.
        tls: With the configured authorities and client certificate; None for the default authorities and no
            certificate.
        fingerprint: Hash of these settings and of the files. A connection with another fingerprint is not reused.
    """

    proxy: Secret | None = None
    tls: SSLContext | None = None
    fingerprint: str = ""
