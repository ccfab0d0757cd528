"""Reconciliation of deliveries whose result is unknown, by a person's word or a mail server's log."""
