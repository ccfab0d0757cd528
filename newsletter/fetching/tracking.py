"""Parameters of addresses that tell a site who sent a reader, and where from: they are no part of the page's name."""

import re
from urllib.parse import urlsplit, urlunsplit

# Campaigns of Google, Matomo, Piwik, HubSpot's ads, Mailchimp, the BBC; clicks from search and social networks; readers
# of newsletters by HubSpot, Marketo, Klaviyo, MailerLite, Vero, ConvertKit. `ref` and `source` mean other things too.
_TRACKING = re.compile(
    r"(?:utm|mtm|pk|piwik|hsa)_\w+|__hs\w+|mc_(?:cid|eid|tc)|oly_(?:anon|enc)_id|vero_(?:id|conv)|guce_referrer(?:_sig)?"
    r"|ns_(?:campaign|source|mchannel|linkname|fee)|at_(?:medium|campaign|format|link_\w+|custom\d)"
    r"|_hsenc|_hsmi|hsctatracking|mkt_tok|_ke|_kx|dm_i"
    r"|ml_subscriber(?:_hash)?|ck_subscriber_id|sc_cid|cmpid|s_kwcid|wickedid|rb_clickid|ref_(?:src|url)|srsltid"
    r"|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|ysclid|twclid|ttclid|li_fat_id|igsh|igshid|epik"
    r"|_ga|_gl|_openstat|xtor|smid|smtyp|guccounter|__twitter_impression|_branch_match_id|trk_(?:contact|msg|module)",
    re.IGNORECASE,
)


def remove_tracking(address: str) -> str:
    """Return an address without tracking parameters, in its query and in a fragment that is nothing else.

    All else stays letter for letter, and an address that can't be read stays as it is.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    query, fragment = _remove(parts.query), parts.fragment
    if "=" in fragment:
        fragment = _remove(fragment)
    if (query, fragment) == (parts.query, parts.fragment):
        return address
    return urlunsplit(parts._replace(query=query, fragment=fragment))


def _remove(query: str) -> str:
    return "&".join(part for part in query.split("&") if not _TRACKING.fullmatch(part.partition("=")[0]))
