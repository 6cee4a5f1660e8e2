"""The domain: money, drafts, orders, commands, outcomes, the lifecycle. No I/O, no HTTP, no clock."""
