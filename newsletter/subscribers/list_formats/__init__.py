"""Lists that other programs export: how each is recognised, and what its columns say."""
