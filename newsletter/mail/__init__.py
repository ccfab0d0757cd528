"""Messages: the email editions compiled once into MIME bytes with placeholders, and filled for each recipient."""
