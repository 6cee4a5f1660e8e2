"""Events to merchants: feed, endpoints, deliveries."""
