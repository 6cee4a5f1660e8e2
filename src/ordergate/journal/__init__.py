"""The journal's stores, behind the contract in ``ordergate.gateway.ports``. SQL stands in ``sql``."""
