"""What happens at a provider, told in every way in which webhooks fail: the end is the same."""
