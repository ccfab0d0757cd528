"""The public web service: readers leave and come back, and anybody reads the archive.

`service.serve` names the stages. `connection_limits`, `fair_shares` and `return_limit` bound what one client can take
up; `app` has the routes, and `endpoints` one method for each. `submission` reads what is posted, `token_reader` whose
link it is, and `event_writer` stores it; `unsubscribe_pages` and `archive` are what there is to see.
"""
