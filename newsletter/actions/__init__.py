"""Use cases, one file each: they plan, ask through a callback, and return values; they never print."""
