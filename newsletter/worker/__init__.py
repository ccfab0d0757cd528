"""The worker: a process that does a publication's jobs, beside others on this machine and on others.

The queue, its heartbeats and its timetable are procrastinate's, in the store's own PostgreSQL. What a job does are the
actions that the command line calls as well.
"""
