"""Who may do what: keys, callers, sessions."""
