"""What readers, mail servers and providers say of messages that were sent."""
