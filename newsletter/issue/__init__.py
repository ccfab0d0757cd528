"""The issue: a draft's YAML becomes a validated, immutable value, or problems with their places."""
