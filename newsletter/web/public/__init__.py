"""The public web service: readers leave and come back, and whoever likes reads the archive.

`server.serve` names the stages. `connection`, `clients` and `returns` bound what one client can take up, `guard` wraps
every answer, `app` has the routes and `answers` one method for each. `order` reads what is posted, `links` whose link
it is, and `scribe` writes it down; `pages` and `archive` are what there is to see.
"""
