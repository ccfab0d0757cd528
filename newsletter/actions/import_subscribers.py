"""The list in the store, filled from a file: shown as a plan, asked about, then written."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from newsletter.errors import DecisionNeeded, ListError
from newsletter.publication import OpenPublication
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.import_plan import ImportableList, ImportPlan
from newsletter.subscribers.import_progress import OnImportProgress, ignore_progress
from newsletter.subscribers.list_changes import sole_editor
from newsletter.subscribers.list_formats.export_source import opening_export
from newsletter.subscribers.subscriber_import import SubscriberImport

_SHOWN, _SHOWN_OF_EXPORT = 3, 200  # rows that can't be used; of an export no other command names them


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """The plan of an import, and whether it was carried out: a plan that would write nothing is not asked about."""

    plan: ImportPlan
    imported: bool


def import_subscribers(
    publication: OpenPublication,
    file: Path,
    *,
    confirm: Callable[[ImportPlan], bool],
    on_progress: OnImportProgress = ignore_progress,
) -> ImportResult:
    """Bring the subscribers of a CSV, a workbook or an export into the store's list, as `confirm` agrees to.

    Those who are on the list and not in the file stay as they are; those who left, or must not be mailed, are not
    brought back. Who left or bounced by another program's export is suppressed as if they had left here, whatever list
    is in use. Importing a file a second time changes nothing. Stages: recognise the file, read what its own columns
    say, compare it with the list, ask, write. Raises ListError for a file that can't be read, DecisionNeeded while it
    is not said what a column means, or when the file has changed since it was compared; nothing is written then.
    """
    publication.refuse_without_erasure_keys()
    store = publication.store
    settings = publication.config.subscriber_list
    with sole_editor(store), opening_export(file, settings) as export:
        source: ImportableList = export or CsvSource(file, settings)
        seen = source.version()
        subscriber_import = SubscriberImport(
            store,
            publication.keys,
            source,
            suppresses=bool(export and export.tells_for_all),
            # `subscribers check` names all of a list of ours.
            shown=_SHOWN_OF_EXPORT if export else _SHOWN,
            form=export.description if export else "",
            on_progress=on_progress,
        )
        plan = subscriber_import.plan()
        if export:
            plan = replace(plan, form=export.description, left_out=export.left_out)
        if plan.problems and plan.problems[0].code == "encoding":
            raise ListError(
                f"{file.name} is not in UTF-8, so people would be lost, or called by wrong names.",
                next_step=plan.problems[0].next_step,
                problems=plan.problems,
            )
        if not plan.writes or not confirm(plan):
            return ImportResult(plan=plan, imported=False)
        if source.version() != seen:
            raise DecisionNeeded(
                f"Somebody else has changed {file.name} meanwhile.",
                next_step="Nothing was imported. Run the same command again.",
            )
        subscriber_import.apply()
    return ImportResult(plan=plan, imported=True)
