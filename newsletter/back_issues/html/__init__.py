"""HTML pages, the bodies of mails among them, read as browsers show them."""
