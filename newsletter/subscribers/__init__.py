"""Subscribers: where they come from, and who of them must not be mailed."""
