"""The blocks of a page's text, and their writing as the Markdown of drafts, whatever file they are from."""
