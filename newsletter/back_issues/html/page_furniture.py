"""Detection of what belongs to a website or a mail, and not to the issue: links to unsubscribe, to share, to follow."""

import re
from typing import Any

from newsletter.back_issues.page_text.page_links import find_host

_LONGEST_LINE = 350  # characters of a paragraph that may be furniture
_LEAVE = (
    r"unsubscribe|opt[- ]?out|abmelden|abbestellen|abmeldung|se désabonner|désabonnement|désinscri\w+|"
    r"se désinscrire|darse de baja|cancelar (?:la |su )?suscripción|disiscriviti|cancella l'iscrizione|uitschrijven|"
    r"afmelden|配信停止|購読解除|配信解除|退订|수신거부|"
    r"(?:manage|update|change|edit|set) (?:your |my )?(?:e-?mail |subscription |newsletter )*"
    r"(?:preferences|settings|subscriptions?|options|profile)|(?:e-?mail|subscription) preferences"
)
_VIEW = (
    r"(?:view|read|open|see|display) (?:this |it |the |our )?(?:e-?mail |newsletter |message |issue |mail )?"
    r"(?:online|(?:in|with|on) (?:your |a |the )?(?:web ?)?(?:browser|site|web))|(?:view|web|online|browser) version|"
    r"(?:view|read) (?:as a )?web ?page|im browser (?:an(?:sehen|zeigen)|öffnen|lesen)|"
    r"(?:zur )?(?:online|web)-?version|"
    r"(?:voir|afficher|lire) .{0,30}(?:navigateur|en ligne)|version en ligne|ver (?:en|este) .{0,30}navegador|"
    r"ブラウザ(?:ー)?で.{0,6}(?:見る|表示|開く|ご覧)|在浏览器中"
)
_SHARE = (
    r"(?:share|tweet|forward|pin|post)(?: (?:this|it|on|via|to|by|with).{0,40})?|follow us(?: on .{0,40})?|"
    r"print(?: this .{0,20})?|download (?:as|the) pdf|forward (?:this .{0,20})?to a (?:friend|colleague)|like this|"
    r"an? .{0,20}weiterleiten|teilen|partager|compartir"
)
_LINKED = re.compile(
    rf"(?:click here to |to |please )?(?:{_LEAVE}|{_VIEW}|{_SHARE})"
    r"(?: here| now| instantly| from .{0,40}| at any time)?",
    re.IGNORECASE,
)
_SERVICES = (
    r"mailchimp|substack|buttondown|beehiiv|ghost|listmonk|convertkit|kit|tinyletter|campaign monitor|constant contact"
)
_LINE = re.compile(
    rf"(?:click here to )?(?:{_LEAVE}|{_VIEW}|{_SHARE})(?: here)?|"
    rf"(?:to |if you .{{0,60}}|don.t want .{{0,60}}|want to .{{0,60}}|no longer .{{0,60}})(?:{_LEAVE}).{{0,200}}|"
    r".{0,40}(?:trouble|problems?|difficult\w*) (?:viewing|reading|displaying|seeing) .{0,100}|"
    r"(?:you(?:.re| are) (?:receiving|getting)|you (?:have )?(?:received|got)) this .{0,300}|"
    r"(?:this (?:e-?mail|message|newsletter) was sent|sent) (?:to|by) .{0,200}|"
    r"(?:please )?add (?:us|\S+@\S+) to your (?:address book|contacts).{0,60}|"
    r"(?:our )?mailing address(?: is)?:?.{0,200}|(?:copyright ?)?(?:©|\(c\)) ?.{0,180}|copyright \d{4}.{0,160}|"
    r".{0,80}all rights reserved\.?|"
    rf"(?:powered|sent) (?:by|with|via) (?:{_SERVICES}).{{0,40}}|"
    r"(?:was this|did someone) forward.{0,120}|skip to (?:main )?content|skip navigation|advertisement|"
    r"(?:sie erhalten|du erhältst) diese .{0,250}|vous recevez cet? .{0,250}",
    re.IGNORECASE | re.DOTALL,
)
_NETWORKS = {
    "facebook.com", "fb.com", "twitter.com", "x.com", "linkedin.com", "instagram.com", "youtube.com", "t.me", "wa.me",
    "pinterest.com", "reddit.com", "threads.net", "bsky.app", "tiktok.com", "whatsapp.com", "api.whatsapp.com",
    "mastodon.social", "flipboard.com", "addtoany.com", "addthis.com", "getpocket.com", "news.ycombinator.com",
}  # fmt: skip
_SHARING = re.compile(
    r"(?:sharer|share|shareArticle|intent/(?:tweet|post)|pin/create|share-offsite|submitlink|submit\?)|[?&](?:u|url|text)=",
    re.IGNORECASE,
)
_NAMES = re.compile(
    r"(?:(?:follow us on |share on |find us on |visit our )?(?:facebook|twitter|x|linkedin|linked in|instagram|youtube|"
    r"telegram|whatsapp|pinterest|reddit|threads|bluesky|tiktok|mastodon|flipboard|website|e-?mail|rss)"
    r"(?: icon| logo| page| channel)?)?",
    re.IGNORECASE,
)
# Parts of a page by the names that content management systems give them (WordPress, Ghost, Drupal, Disqus, Jetpack).
_PART = re.compile(
    r"comments?(?:-(?:area|list|section|wrapper))?|comment-respond|respond|disqus_thread|gh-comments|sharedaddy|"
    r"share-buttons|social-share|jp-relatedposts|related-posts|posts?-navigation|nav-links|"
    r"cookie-(?:banner|notice|consent|bar)|author-(?:box|bio)",
    re.IGNORECASE,
)
_PART_TAGS = frozenset(["div", "section", "aside", "nav", "ol", "ul"])
_FORWARD_MAIL = re.compile(r"mailto:\?(?:subject|body)=", re.IGNORECASE)


def is_share_link(address: str, words: str) -> bool:
    """Return whether a link shares the page on a network, or leads to the publication's own page on one."""
    if _FORWARD_MAIL.match(address):
        return True
    host = find_host(address).removeprefix("m.")
    return host in _NETWORKS and (_SHARING.search(address) is not None or _NAMES.fullmatch(words.strip()) is not None)


def name_website_part(tag: str, attributes: dict[str, Any]) -> str:
    """Return by which name an element belongs to the website, as readers' comments do; an empty text for none."""
    if tag not in _PART_TAGS:
        return ""
    names = f"{attributes.get('id') or ''} {attributes.get('class') or ''}".split()
    return next(filter(_PART.fullmatch, names), "")


def is_furniture(words: str, linked: list[str]) -> bool:
    """Return whether a paragraph belongs to the mail or website: by its words, or by those of a link within it."""
    words = " ".join(words.split()).strip(" ·|•-–—")
    if len(words) > _LONGEST_LINE:
        return False
    if _LINE.fullmatch(words):
        return True
    return any(_LINKED.fullmatch(" ".join(each.split()).strip(" .»›→>")) for each in linked)
