"""Reports on a campaign: a balance that adds up, figures, a page of them, and every recipient in a table."""
