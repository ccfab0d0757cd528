"""pydantic's findings in the words of this project, for drafts and for the configuration alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from newsletter.text import suggest_nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing wrong with one value. `at` is where in its text, counted from 0; None for all of it."""

    code: str
    message: str
    next_step: str
    at: int | None = None


def faulty(*faults: Fault) -> PydanticCustomError:
    """The exception a validator raises to report one or several faults of a value at once."""
    return PydanticCustomError("faults", "{text}", {"text": faults[0].message, "faults": faults})


def rejected(code: str, message: str, next_step: str, at: int | None = None) -> PydanticCustomError:
    """The exception a validator raises for the one thing wrong with a value; the words are those of a Fault."""
    return faulty(Fault(code=code, message=message, next_step=next_step, at=at))


def explain_error(error: "ErrorDetails", siblings: Sequence[str]) -> Sequence[Fault]:
    """The faults behind one pydantic error; `siblings` are the keys that would be known in its place."""
    context: dict[str, Any] = error.get("ctx", {})
    last = error["loc"][-1] if error["loc"] else "this"
    key = f"entry {last + 1}" if isinstance(last, int) else str(last)
    match error["type"]:
        case "faults":
            found: Sequence[Fault] = context["faults"]
            return found
        case "missing":
            return [Fault(code="missing", message=f"{key!r} is missing", next_step=f"Add a line for {key!r}.")]
        case "extra_forbidden":
            known = ", ".join(siblings)
            hint = suggest_nearest(key, siblings) or f"Known here: {known}."
            return [Fault(code="unknown-key", message=f"{key!r} is not a known key", next_step=hint)]
        case "literal_error":
            return [
                Fault(
                    code="value",
                    message=f"{key!r} is {error['input']!r}, which is none of its values",
                    next_step=f"Write {context['expected']}.",
                )
            ]
        case "model_type" | "dict_type" | "model_attributes_type":
            return [
                Fault(
                    code="shape",
                    message=f"{key!r} should hold named values, not just a text",
                    next_step=f"Give these below it: {', '.join(siblings)}.",
                )
            ]
        case "tuple_type" | "list_type" | "frozen_set_type" | "set_type":
            return [
                Fault(
                    code="shape",
                    message=f"{key!r} should be a list",
                    next_step="Start each entry on a line of its own with '- '.",
                )
            ]
        case "string_type":
            return [
                Fault(
                    code="shape",
                    message=f"{key!r} should be a text",
                    next_step="Give it a text.",
                )
            ]
        case "too_short" if error["input"]:
            return []  # its entries are there, and each has a problem of its own
        case "int_parsing" | "int_type" | "int_from_float":
            return [
                Fault(
                    code="value",
                    message=f"{key!r} is {error['input']!r}, which is not a whole number",
                    next_step="Write digits alone, without quotes.",
                )
            ]
        case "less_than_equal" | "greater_than_equal":
            bound = f"{context['le']} at most" if "le" in context else f"{context['ge']} at least"
            return [Fault(code="value", message=f"{key!r} is {error['input']}", next_step=f"It has to be {bound}.")]
        case "bool_parsing" | "bool_type":
            return [
                Fault(
                    code="value",
                    message=f"{key!r} is {error['input']!r}, which is neither true nor false",
                    next_step="Write true or false, without quotes.",
                )
            ]
        case "too_long":
            count = context["actual_length"]
            have = f"{count:,}" if count else "too many"  # pydantic stops counting where the source is endless
            return [
                Fault(
                    code="too-many",
                    message=f"{key!r} has {have} entries, and {context['max_length']} are the most",
                    next_step="Spread them over several.",
                )
            ]
        case "too_short":
            return [Fault(code="empty", message=f"{key!r} has no entry", next_step="Give it one at least.")]
        case _:
            return [
                Fault(
                    code="value",
                    message=f"{key!r}: {error['msg'][:1].lower()}{error['msg'][1:]}",
                    next_step="Mend the value.",
                )
            ]
