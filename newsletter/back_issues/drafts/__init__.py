"""The Markdown and the YAML of the draft that a back issue becomes."""
