"""What is said: a draft's YAML becomes a validated, immutable Issue."""
