"""The request for a plan of a send, made from an opened publication."""

from newsletter.actions.list_place import compare_list, find_list_place
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.campaigns.options import SendOptions
from newsletter.campaigns.plan import SendRequest
from newsletter.issue.draft import Draft
from newsletter.issue_name import read_issue_name
from newsletter.ledger.staging import StagedBatch
from newsletter.publication import OpenPublication


def make_send_request(
    publication: OpenPublication, draft: Draft, options: SendOptions, staged: StagedBatch
) -> SendRequest:
    """Return the request to plan a send of the draft; the list's recipients are put into `staged`.

    Raises ConfigError for settings that can't be used, and for keys that are missing.
    """
    return SendRequest(
        staged=staged,
        texts=read_issue_texts(publication.workspace, publication.edition_context, draft),
        source=publication.subscriber_source(options.list_file),
        options=options,
        erased=publication.erased,
        list_place=find_list_place(publication, options.list_file),
        suppress_departed=lambda: compare_list(
            publication, read_issue_name(draft.path), list_is_right=options.list_is_right
        ).suppress_departed(),
    )
