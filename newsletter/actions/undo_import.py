"""One import undone as one, as an editor agrees to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from newsletter.errors import DecisionNeeded
from newsletter.publication import OpenPublication
from newsletter.subscribers.import_changes import IMPORTS_KEPT, StoredImport, list_imports
from newsletter.subscribers.import_progress import OnImportProgress, ignore_progress
from newsletter.subscribers.import_undo import ImportUndo, UndoPlan
from newsletter.subscribers.list_changes import sole_editor


@dataclass(frozen=True, kw_only=True)
class UndoResult:
    """The plan of an undoing, or what was done by it, and whether it was done."""

    plan: UndoPlan
    undone: bool


def undo_import(
    publication: OpenPublication,
    name: str = "",
    *,
    confirm: Callable[[UndoPlan], bool],
    on_progress: OnImportProgress = ignore_progress,
) -> UndoResult:
    """Undo an import, named by the beginning of its moment; without a name the newest one, as `confirm` agrees to.

    Whom it brought goes, and who was on the list is as before, but for rows that somebody has changed since. An import
    that was undone before is not undone again, nor another in its stead. Raises DecisionNeeded when there is no such
    import, or what it changed is no longer kept.
    """
    publication.refuse_without_erasure_keys()
    store = publication.store
    with sole_editor(store):
        with store.reading() as connection:
            imports = list_imports(connection)
        chosen = _choose(imports, name)
        if chosen.undone_at:
            return UndoResult(plan=UndoPlan(undone=chosen), undone=False)
        if not chosen.is_undoable:
            raise DecisionNeeded(
                f"What the import of {chosen.file} ({chosen.name}) changed is no longer kept.",
                next_step=f"Only the newest {IMPORTS_KEPT} can be undone. {_name_undoable(imports)}",
            )
        undo = ImportUndo(store, chosen, on_progress)
        plan = undo.plan()
        if not confirm(plan):
            return UndoResult(plan=plan, undone=False)
        return UndoResult(plan=undo.apply(), undone=True)


def _choose(imports: Sequence[StoredImport], name: str) -> StoredImport:
    """Return the import of this name, or the newest. Raises DecisionNeeded."""
    if not imports:
        raise DecisionNeeded("No import can be undone: there was none.", next_step="See: newsletter subscribers list")
    if not name:
        return imports[0]
    found = [one for one in imports if one.name.startswith(name)]
    if len(found) != 1:
        what = "several imports have" if found else "no import has"
        raise DecisionNeeded(f"{name}: {what} a moment that begins so.", next_step=_name_undoable(imports))
    return found[0]


def _name_undoable(imports: Sequence[StoredImport]) -> str:
    lines = [f"  {one.name}  {one.file}" for one in imports if one.is_undoable]
    if not lines:
        return "None can be undone any more."
    return "\n".join(["Those that can be undone, with newsletter subscribers import --undo MOMENT:", *lines])
