"""What of a text is an issue's title, headline, detail, section or note."""
