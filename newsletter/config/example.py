"""The example settings that `newsletter init` writes into newsletter.toml for an editor to replace."""

from newsletter.config.settings import Config

ABOUT = "What this newsletter is about, and who makes it."
POSTAL_ADDRESS = "The postal address that the law asks for"
DOMAIN = "your-domain.example"  # nobody's, by RFC 2606


def find_unwritten_settings(config: Config) -> list[str]:
    """Return the settings that are as `init` wrote them, and that readers would see or answer to."""
    sender, readers = config.sender, config.subscriber_list
    written = {
        "[publication] about": config.publication.about == ABOUT,
        "[publication] contact": DOMAIN in config.publication.contact,
        "[sender] from": DOMAIN in sender.from_.address,
        "[sender] reply_to": DOMAIN in (sender.reply_to or ""),
        "[sender] postal_address": sender.postal_address == POSTAL_ADDRESS,
        "[sender] bounces": DOMAIN in (sender.bounces or ""),
        "[list] id": DOMAIN in readers.id,
        "[list] unsubscribe": DOMAIN in readers.unsubscribe,
    }
    return [name for name, is_example in written.items() if is_example]
