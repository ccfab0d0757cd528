"""Passwords that the system's keyring keeps."""


def read_stored_password(host: str, username: str) -> str | None:
    """What `keyring set newsletter:HOST USERNAME` has put there; None without it, or without a keyring at all."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(f"newsletter:{host}", username)
    except KeyringError:
        return None
