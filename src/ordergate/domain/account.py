"""The words of an account in the API."""

from typing import Literal

import msgspec

Accept = Literal["all", "existing", "none"]
BreakerState = Literal["closed", "open", "half_open"]
Environment = Literal["emulator", "sandbox", "production"]
Level = Literal["yes", "partly", "gateway", "no"]


class Support(msgspec.Struct, frozen=True):
    """The support of one operation.

    Attributes:
        level: ``gateway`` if the provider cannot and the gateway does it itself.
        detail: The restriction, or an alternative, in one sentence.
    """

    level: Level
    detail: str = ""
