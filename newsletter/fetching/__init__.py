"""Pages of the web, asked for politely: addresses of private networks refused, sizes and times limited."""
