"""Meaning of SMTP replies: the command that was answered, hard or soft, the sender's fault or not, and the reason."""
