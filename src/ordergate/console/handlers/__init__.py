"""The console's addresses, one file per page."""
