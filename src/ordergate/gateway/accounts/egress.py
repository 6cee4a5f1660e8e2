"""How connections leave this host: straight or through a proxy, trusting whom, showing which certificate."""

from ssl import SSLContext

import msgspec

from ordergate.spi.secret import Secret


class Egress(msgspec.Struct, frozen=True, kw_only=True):
    """One configured way out, ready to be used.

    Attributes:
        proxy: The URL of an HTTP proxy, which may hold a password; None for straight connections.
        tls: With the configured authorities and client certificate; None for the default authorities and no
            certificate.
        fingerprint: Of all this, with what the files held: connections that were made with another are not reused.
    """

    proxy: Secret | None = None
    tls: SSLContext | None = None
    fingerprint: str = ""
