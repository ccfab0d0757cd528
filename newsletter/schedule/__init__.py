"""Schedule of campaigns that wait for their time to be sent (`newsletter outbox`)."""
