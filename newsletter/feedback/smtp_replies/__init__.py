"""Meaning of SMTP replies for an address: the command that was answered, hard or soft, whose fault, and the reason.

The replies are read days after a campaign, out of other programs' reports: in doubt a bounce is soft, and another
issue will tell. `mail/reply_concern.py` reads the replies of a running campaign for what it does next; why these are
two is in docs/decisions/0011-two-classifications.md.
"""
