"""Changes at a provider with every webhook fault: the final state must always be the same."""
