"""Which publication of a workspace a command is about: named, by the folder, or the only one."""

import os
from pathlib import Path

import pytest
from conftest import Publication
from several import add_publication, without_title

from newsletter.errors import ConfigError, DraftError
from newsletter.mail.dkim import DkimSigner
from newsletter.publication import OpenPublication
from newsletter.workspace import MAIN
from newsletter.workspace_search import find_publications, find_workspace

STRANGER = 4_242


def _names(start: Path, environ: dict[str, str] | None = None, publication: str | None = None) -> list[str]:
    return [one.shown_name for one in find_publications(start, environ or {}, publication)]


def test_a_workspace_of_one_publication_is_as_it_was(publication: Publication) -> None:
    found = find_workspace(publication.root / "drafts", {})
    assert (found.folder, found.publication_id, found.config_paths) == (
        publication.root,
        MAIN,
        (publication.root / "newsletter.toml",),
    )
    assert found.cache_folder == found.state_folder == publication.root / ".newsletter"
    assert _names(publication.root) == ["main"]


def test_the_folder_says_which_publication_is_meant(publication: Publication) -> None:
    weekly = add_publication(publication, "weekly")
    assert find_workspace(publication.root, {}).publication_id == MAIN
    assert find_workspace(publication.root / "publications", {}).publication_id == MAIN
    found = find_workspace(weekly / "drafts", {})
    assert (found.root, found.folder, found.publication_id) == (publication.root, weekly, "weekly")
    assert found.drafts == weekly / "drafts"
    assert found.subscribers == weekly / "subscribers.csv"
    assert found.database == publication.root / ".newsletter" / "state.db"
    assert found.template_path[:2] == (weekly / "templates", publication.root / "templates")
    assert _names(publication.root) == ["main", "weekly"]
    assert _names(weekly) == ["weekly"]


def test_a_name_says_so_from_anywhere(publication: Publication) -> None:
    weekly = add_publication(publication, "weekly", "")
    add_publication(publication, "brief")
    assert find_workspace(weekly, {}, "brief").publication == "brief"
    assert find_workspace(weekly, {"NEWSLETTER_PUBLICATION": "brief"}).publication == "brief"
    assert find_workspace(weekly, {"NEWSLETTER_PUBLICATION": "brief"}, "main").publication == ""
    with pytest.raises(ConfigError, match=r"There is no publication 'wekly' in") as refusal:
        find_workspace(publication.root, {}, "wekly")
    assert refusal.value.next_step == "Did you mean 'weekly'? There are: main, brief, weekly."


def test_an_id_names_it_in_the_store_and_on_the_command_line(publication: Publication) -> None:
    weekly = add_publication(publication, "weekly")
    config = weekly / "newsletter.toml"
    config.write_text(config.read_text().replace("[publication]\n", '[publication]\nid = "digest-eu"\n'))
    assert find_workspace(publication.root, {}, "digest-eu").folder == weekly
    with OpenPublication(find_workspace(weekly, {})) as opened:
        assert opened.store.publication == "digest-eu"


def test_where_it_is_not_known_the_names_are_told(publication: Publication) -> None:
    without_title(publication)
    weekly = add_publication(publication, "weekly")
    assert find_workspace(publication.root, {}).publication == "weekly"  # the only one there is
    add_publication(publication, "brief")
    with pytest.raises(ConfigError) as refusal:
        find_workspace(publication.root, {})
    assert refusal.value.message == "This workspace has several publications: brief, weekly."
    assert "newsletter -P brief" in refusal.value.next_step
    assert _names(publication.root) == ["brief", "weekly"]
    assert find_workspace(weekly, {}).publication == "weekly"


def test_a_broken_configuration_is_no_other_publications_fault(publication: Publication) -> None:
    weekly, brief = add_publication(publication, "weekly"), add_publication(publication, "brief")
    (brief / "newsletter.toml").write_text("[publication\n")
    assert find_workspace(weekly, {}).config.publication.title == "The Weekly"
    assert (
        find_workspace(publication.root, {}).config.publication.title == publication.workspace.config.publication.title
    )
    with pytest.raises(ConfigError, match="can't be read"):
        _ = find_workspace(publication.root, {}, "brief").config


def test_a_folder_that_can_name_no_publication_is_told(publication: Publication) -> None:
    folder = add_publication(publication, "Our Weekly", list_id="w.example.org")
    for start, name in ((folder / "drafts", None), (publication.root, "Our Weekly")):
        with pytest.raises(ConfigError, match="its name is not one"):
            find_workspace(start, {}, name)
    assert find_workspace(publication.root, {}).publication == ""
    assert _names(publication.root) == ["main"]


@pytest.mark.parametrize("name", ["weekly", ""])
def test_a_linked_folder_is_no_publication(publication: Publication, tmp_path: Path, name: str) -> None:
    """From within it would be a workspace by itself, with a state that knows of nothing that was sent."""
    add_publication(publication, "weekly")
    linked = publication.root / "publications" / name
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    assert _names(publication.root) == ["main"]
    for start, asked in ((publication.root, "weekly"), (publication.root / "publications/weekly", None)):
        with pytest.raises(ConfigError, match="is a link to"):
            find_publications(start, {}, asked)


def test_a_folder_with_a_state_of_its_own_is_told_to_be_a_workspace(publication: Publication) -> None:
    (add_publication(publication, "weekly") / ".newsletter").mkdir()
    with pytest.raises(ConfigError, match="is a workspace by itself"):
        find_workspace(publication.root, {}, "weekly")


def test_each_publication_has_its_own_drafts(publication: Publication) -> None:
    weekly = add_publication(publication, "weekly")
    draft = weekly / "drafts" / "2.10.yaml"
    draft.write_bytes((publication.root / "drafts" / "2.10.yaml").read_bytes())
    assert find_workspace(weekly, {}).find_draft("2.10") == draft
    beside = find_workspace(publication.root, {})
    assert beside.find_draft("2.10") == publication.root / "drafts" / "2.10.yaml"
    for one, other in ((beside, draft), (find_workspace(weekly, {}), publication.root / "drafts" / "2.10.yaml")):
        with pytest.raises(DraftError, match="leads out of the publication's folder"):
            one.find_draft(str(other))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that belong to somebody else")
@pytest.mark.parametrize("name", ["publications", "publications/weekly", "publications/weekly/newsletter.toml"])
def test_a_publication_of_somebody_else_is_refused(publication: Publication, name: str) -> None:
    weekly = add_publication(publication, "weekly")
    find_workspace(weekly, {})
    os.chown(publication.root / name, STRANGER, -1)
    for start, chosen in ((weekly, None), (publication.root, "weekly")):
        with pytest.raises(ConfigError, match=f"belongs to user {STRANGER}, not to you"):
            find_workspace(start, {}, chosen)
    assert find_workspace(publication.root, {}).config


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that belong to somebody else")
@pytest.mark.parametrize("name", ["newsletter.toml", "templates/label.j2"])
def test_what_it_shares_must_be_ones_own_as_well(publication: Publication, name: str) -> None:
    weekly = add_publication(publication, "weekly")
    shared = publication.root / name
    shared.parent.mkdir(exist_ok=True)
    shared.touch()
    os.chown(shared, STRANGER, -1)
    with pytest.raises(ConfigError, match="belongs to"):
        find_workspace(weekly, {}).own_template_path()


def test_a_signing_key_that_is_missing_is_told_in_the_file_that_names_it(publication: Publication) -> None:
    shared = add_publication(publication, "weekly") / "newsletter.toml"
    own = add_publication(publication, "brief", '[dkim]\nselector = "s1"\nkey_file = ".newsletter/b.pem"\n')
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text() + '[dkim]\nselector = "s1"\nkey_file = ".newsletter/a.pem"\n')
    for folder, file in ((shared.parent, config), (own, own / "newsletter.toml")):
        found = find_workspace(folder, {})
        with pytest.raises(ConfigError, match="can't be signed") as refusal:
            DkimSigner.from_config(found.config, found.root, found.config_path)
        (problem,) = refusal.value.problems
        assert problem.path == file
        assert file.read_text().splitlines()[problem.line - 1].startswith("key_file")
