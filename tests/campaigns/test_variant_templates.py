"""Message templates by variant: whoever sees the same items has the same one."""

from conftest import Publication

from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.campaigns.variant_templates import VariantTemplates
from newsletter.issue.draft import read_draft
from newsletter.ledger.campaigns import Campaign

EVERYONE, MEMBERS = frozenset[str](), frozenset({"members"})


def _campaign(publication: Publication) -> tuple[Campaign, VariantTemplates]:
    path = publication.root / "drafts/2.10.yaml"
    path.write_text(
        path.read_text().replace("    detail: >-\n      A day", "    only_for: [members]\n    detail: >-\n      A day")
    )
    texts = read_issue_texts(publication.workspace, publication.context, read_draft(path))
    issue = texts.require_issue()
    campaign = Campaign(
        issue="2.10", id="c", subject="s", draft_sha256="d" * 64, rules=issue.visibility_rules, created_at=""
    )
    return campaign, VariantTemplates(campaign, source=texts)


def test_frozen_templates_may_come_one_by_one(publication: Publication) -> None:
    campaign, templates = _campaign(publication)
    numbers = [templates.find_number(tags) for tags in (EVERYONE, MEMBERS, frozenset({"members", "board"}))]
    assert numbers == [0, 1, 1]
    again = VariantTemplates(campaign, frozen=(template for template in templates.freeze()))
    assert [again.find_number(tags) for tags in (EVERYONE, MEMBERS)] == [0, 1]
    assert [again[number] for number in (0, 1)] == [templates[number] for number in (0, 1)]
    assert again.freeze() == templates.freeze()
