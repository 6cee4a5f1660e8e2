"""The words of an account that the API shows."""

from typing import Literal

Accept = Literal["all", "existing", "none"]


BreakerState = Literal["closed", "open", "half_open"]
