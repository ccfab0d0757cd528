"""The throttle: learns what a mail server lets through, and lets messages and connections go accordingly.

It is pure: it has no clock and waits for nothing. Each call gets `now`, seconds of one clock that only goes forward.
"""
