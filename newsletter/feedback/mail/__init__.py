"""Mail that comes back: bounces, complaints, unsubscribe mails; where it lies, what it says, what is done about it."""
