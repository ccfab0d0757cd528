"""Markdown and plain text as other programs and people write it, read into blocks."""
