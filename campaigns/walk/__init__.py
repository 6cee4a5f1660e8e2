"""A walk through the life of orders at each provider, during which the gateway and the provider must agree."""
