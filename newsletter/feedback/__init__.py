"""Feedback on messages that were sent: what subscribers, mail servers and providers say of them."""
