"""Jobs: what workers on several machines are to do, in procrastinate's queue, which is in the store's own PostgreSQL.

Importing this brings no procrastinate: what needs it imports it, and says so where it is missing.
"""
