"""The documents of the API: plain types that web, console and client share."""
