"""Access: keys, callers and sessions decide which call is allowed."""
