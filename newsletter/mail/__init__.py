"""One message for one reader: the editions compiled once into MIME bytes with placeholders."""
