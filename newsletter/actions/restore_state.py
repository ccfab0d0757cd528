"""The state put back from a backup; nothing may be sent meanwhile."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection

from newsletter.actions.back_up_state import find_free_path
from newsletter.actions.deliver import forbid_all_sending
from newsletter.actions.erase import pseudonyms
from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.ledger.erasure import TABLES, erase_rows_within, list_known_subscribers
from newsletter.ledger.handovers import end_all_handovers
from newsletter.ledger.schedule import hold_all_campaigns
from newsletter.publication import OpenPublication
from newsletter.store import Damaged, Store, open_store
from newsletter.store.copying import (
    add_suppression_rows,
    back_up,
    copy_rows,
    has_no_rows,
    is_damaged,
    lock_tables,
    open_backup,
    read_suppression_rows,
    remove_backup,
    set_aside,
)
from newsletter.store.engine import acting_for
from newsletter.store.erased import list_erased_digests
from newsletter.store.generations import list_generations, note_generations
from newsletter.store.publication_facts import note_erasing_key
from newsletter.store.publications import list_publications
from newsletter.subscribers.erased_subscribers import ErasedSubscribers, read_erased
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.text import shorten_path
from newsletter.transactional.queue_upkeep import hold_all_mails
from newsletter.workspace import MAIN, PublicationId


@dataclass(frozen=True, kw_only=True)
class RestoredState:
    """Numbers of what was put back, by table, and what became of the state that was there before.

    `kept` is where that is, `left` how many suppressions and erasures it had more, `held` which issues were in the
    outbox.
    """

    rows: dict[str, int]
    kept: Path | None
    left: int
    held: Sequence[str]


def restore_state(publication: OpenPublication, file: Path, confirm: Callable[[], bool]) -> RestoredState | None:
    """Put a backup in the place of the publication's state, when `confirm` agrees; None when it does not.

    The state as it was is kept beside the others in .newsletter. Raises DecisionNeeded when the file is the state
    itself, and what `replace_state` does.
    """
    workspace = publication.workspace
    place = workspace.database
    if isinstance(place, Path) and place.exists() and file.resolve() == place.resolve():
        raise DecisionNeeded(f"{shorten_path(file, Path.cwd())} is the state itself.", next_step="Name a backup.")
    if not confirm():
        return None
    publication.close()
    folder = workspace.state_folder
    password, mine = workspace.config.store.password, workspace.publication_id
    return replace_state(file, place, password, folder, publication.keys, publication=mine)


def replace_state(
    file: Path,
    place: Path | str,
    password: SecretStr | None,
    folder: Path,
    keys: SecretKeys | None = None,
    *,
    publication: PublicationId = MAIN,
) -> RestoredState:
    """Put a backup in the place of the state, which is kept in `folder`, or beside itself when it is damaged.

    That is so for all publications that the backup knows; others in the database keep what they have. Everybody who
    left since the backup stays suppressed, and everybody who was erased since, known by the `keys`, is erased again.
    What was in the outbox is held, and no mail to a single reader that waited leaves, since they may have been sent.
    Raises, with nothing changed, DeliveryError for a file that is no backup and while an issue is being sent, and
    ConfigError without the keys.
    """
    beside = place if isinstance(place, Path) else folder / "state.db"
    incoming = open_backup(file, beside)
    try:
        current, kept = _open_or_set_aside(place, password, publication)
        with closing(current), forbid_all_sending(current):
            erased = _read_all_erased(current, incoming, keys)
            if kept is None and not _is_empty(current):
                kept = find_free_path(folder, "state.before-restore")
                back_up(current, kept)
            with current.erasing() as ours, incoming.reading() as theirs:
                lock_tables(ours)
                before, generations = read_suppression_rows(ours), _list_all_generations(ours, erased)
                rows = copy_rows(theirs, ours)
                left = add_suppression_rows(ours, before)
                again, held = 0, list[str]()
                for each in dict.fromkeys([*erased, *list_publications(ours)]):
                    with acting_for(ours, each):
                        note_generations(ours, generations.get(each, frozenset()))
                        again += _erase_again(ours, erased.get(each, ErasedSubscribers()))
                        issues = hold_all_campaigns(ours)
                        end_all_handovers(ours)
                        hold_all_mails(ours)
                    whose = "" if each == publication else f"{each} "
                    held += [f"{whose}{issue}" for issue in issues]
            if again:
                current.sweep(TABLES)
    finally:
        incoming.close()
        remove_backup(incoming)
    return RestoredState(rows=rows, kept=kept, left=left, held=held)


def _read_all_erased(
    current: Store, incoming: Store, keys: SecretKeys | None
) -> dict[PublicationId, ErasedSubscribers]:
    """Return who was erased, by publication.

    Raises ConfigError where the backup may bring somebody back whom the keys don't know: those of another publication
    are where that one is sent from.
    """
    with current.reading() as connection:
        publications = list_publications(connection)
    found = {}
    for publication in dict.fromkeys([current.publication, *publications]):
        try:
            found[publication] = read_erased(current.of(publication), keys)
        except ConfigError as error:
            with current.of(publication).reading() as ours, incoming.of(publication).reading() as theirs:
                news = list_erased_digests(ours) - list_erased_digests(theirs)
            if publication == current.publication:
                raise
            if news:
                raise ConfigError(
                    f"{publication}, which is in the same database, has erased people since by other keys.",
                    next_step="Put the backup back where that publication is sent from; or make a newer backup.",
                ) from error
            found[publication] = ErasedSubscribers()
    return found


def _list_all_generations(
    connection: Connection, publications: Iterable[PublicationId]
) -> dict[PublicationId, frozenset[str]]:
    found = {}
    for publication in publications:
        with acting_for(connection, publication):
            found[publication] = list_generations(connection)
    return found


def _erase_again(connection: Connection, erased: ErasedSubscribers) -> int:
    """Erase whom the backup has brought back of those who had been erased; returns how many they were."""
    if erased.keys is None:
        return 0  # nobody had been
    note_erasing_key(connection, erased.keys.fingerprint)
    back = [subscriber for subscriber in list_known_subscribers(connection) if erased(subscriber)]
    for subscriber in back:
        digest = erased.keys.digest(subscriber)
        erase_rows_within(connection, subscriber, pseudonyms(digest), digest, erased.keys.fingerprint)
    return len(back)


def _is_empty(store: Store) -> bool:
    with store.reading() as connection:
        return has_no_rows(connection)


def _open_or_set_aside(
    place: Path | str, password: SecretStr | None, publication: PublicationId
) -> tuple[Store, Path | None]:
    """Open the state, or a new one in the place of one that is damaged; returns what that is called now, too."""
    try:
        store = open_store(place, password, publication=publication, though_moved=True)
        if not is_damaged(store):
            return store, None
        store.close()
    except Damaged:
        pass
    aside = set_aside(Path(place), "damaged")
    return open_store(place, publication=publication), aside
