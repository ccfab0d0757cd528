"""Pages of every kind that a link can lead to, with what the check of links says about each."""

from page_server import Answer, PageServer, by_method, page, raw, redirect

LOGIN_FORM = page('<form><input name=u><INPUT name="p" type="Password"></form>')
NOT_BY_HEAD = by_method(HEAD=page("", 405), GET=page())

# Paths, what the server answers, and the code of what is said; "" when the link is fine.
PAGES: dict[str, tuple[Answer, str]] = {
    "/fine": (page(), ""),
    "/fine.pdf": (page(b"%PDF-", kind="application/pdf"), ""),
    "/by-get": (NOT_BY_HEAD, ""),
    "/head-403": (by_method(HEAD=page("", 403), GET=page()), ""),
    "/head-404": (by_method(HEAD=page("", 404), GET=page()), ""),
    "/head-501": (by_method(HEAD=page("", 501), GET=page()), ""),
    "/head-500": (by_method(HEAD=page("", 500), GET=page()), ""),
    "/head-dropped": (by_method(HEAD=raw([]), GET=page()), ""),
    "/endless": (by_method(HEAD=page("", 405), GET=raw([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 50_000] * 40])), ""),
    "/login-form-of-its-own": (LOGIN_FORM, ""),
    "/missing": (page("", 404), "link-dead"),
    "/gone": (page("", 410), "link-dead"),
    "/to-missing": (redirect("/missing"), "link-dead"),
    "/moved": (redirect("/fine", 301), "link-moved"),
    "/moved-308": (redirect("/fine", 308), "link-moved"),
    "/for-now": (redirect("/fine", 302), ""),
    "/slash": (redirect("/slash/", 301), ""),
    "/slash/": (page(), ""),
    "/front": (redirect("/", 301), "link-front-page"),
    "/": (page(), ""),
    "/members": (redirect("/users/sign_in?next=members"), "link-login"),
    "/users/sign_in": (page(), ""),
    "/paid": (redirect("/account/wall"), "link-login"),
    "/account/wall": (LOGIN_FORM, ""),
    "/password": (page("", 401), "link-login"),
    "/forbidden": (page("", 403), "link-unseen"),
    "/teapot": (page("", 418), "link-unseen"),
    "/challenge": (page("", 503, Cf_Mitigated="challenge"), "link-unseen"),
    "/loop": (redirect("/loop"), "link-unseen"),
    "/to-ftp": (redirect("ftp://example.org/x"), "link-unseen"),
    "/broken": (page("", 500), "link-trouble"),
    "/away": (page("", 503), "link-trouble"),
    "/nowhere": (page("", 302), "link-trouble"),
    "/hangs-up": (raw([]), "link-trouble"),
    "/no-http": (raw([b"SSH-2.0-server\r\n\r\n"]), "link-trouble"),
}


def fill_with_links(server: PageServer) -> list[str]:
    """Give the server 200 pages of every kind, and return their addresses: on twenty hosts, two of which have many."""
    kinds = [*PAGES]
    hosts = ["big.example.org"] * 6 + ["large.example.org"] * 3 + [f"host{number}.example.org" for number in range(18)]
    for number in range(200):
        kind = kinds[number % len(kinds)]
        own = redirect(f"/{number}/slash/", 301) if kind == "/slash" else PAGES[kind][0]
        server.pages |= {f"/{number}{kind}": own, f"/{number}/slash/": page()}
    return [
        server.address(f"/{number}{kinds[number % len(kinds)]}", hosts[number % len(hosts)]) for number in range(200)
    ]
