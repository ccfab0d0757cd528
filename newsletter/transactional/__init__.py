"""Mails to one reader, outside of every campaign: to confirm, to welcome, to let somebody see what is known of them.

They wait in the store, claimed before they leave and recorded afterwards, so that none is sent twice.
"""
