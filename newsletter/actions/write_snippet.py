"""The HTML of a form to join, for a website of the publication's own."""

from newsletter.editions.sign_up_offer import is_form_name, make_sign_up_offer
from newsletter.editions.web import render_snippet
from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.publication import OpenPublication
from newsletter.subscribers.consent_words import keep_words


def write_snippet(publication: OpenPublication, name: str = "website", language: str = "") -> str:
    """Return the HTML of a form to join, in one of the publication's languages ("": its own).

    `name` is what the form is called where it is noted who joined by which. The words that readers agree to are kept,
    so that a form of today is understood when they have changed. Raises ConfigError where readers can't join by
    themselves or the language is not declared, and DecisionNeeded for a name that is none.
    """
    if not is_form_name(name):
        raise DecisionNeeded(
            f"{name!r} can't name a form.", next_step="Write small letters, digits and hyphens: our-home-page"
        )
    try:
        context = publication.edition_context.in_language(language)
    except KeyError as error:
        known = ", ".join(publication.config.languages)
        raise ConfigError(
            f"{language} is none of the publication's languages.", next_step=f"They are: {known}."
        ) from error
    offer = make_sign_up_offer(context.config, has_form=True, source=name)
    if offer is None:
        raise ConfigError(
            "Readers can't join by themselves yet.",
            next_step='Give [service] a url, and write source = "store" under [list]: docs/operators/sign-up.md.',
        )
    with publication.store.transaction() as connection:
        keep_words(connection, offer.consent)
    return render_snippet(context, offer)
