"""The durable record of campaigns and deliveries, one file for each subject.

Functions are plain and synchronous. Each is one transaction unless it takes a connection, and what it has written is on
disk when it returns.
"""
