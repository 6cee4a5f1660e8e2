"""A walk through the life of orders at each provider, in which the gateway and the provider must agree."""
