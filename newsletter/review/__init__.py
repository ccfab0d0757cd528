"""The review of an issue: a folder that shows those who judge it what readers would get, and what has changed.

Nothing here asks the network or writes files; the action puts the folder together.
"""
