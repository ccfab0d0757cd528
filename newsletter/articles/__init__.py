"""Articles that an issue cites: a page's title, outlet, authors and date, and the link or item to paste."""
