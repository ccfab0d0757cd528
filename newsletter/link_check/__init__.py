"""The check of an issue's links: each is asked, and what is dead, moved or tracked is told."""
