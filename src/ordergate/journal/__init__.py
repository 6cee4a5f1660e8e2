"""The journal's stores, behind the contract in ``ordergate.gateway.runtime.ports``. SQL stands in ``sql``."""
