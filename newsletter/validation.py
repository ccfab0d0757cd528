"""pydantic's errors in the words of this project, for drafts and for the configuration alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from newsletter.text import suggest_nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of one value. `at` is where in its text, counted from 0; None for all of it."""

    code: str
    message: str
    next_step: str
    at: int | None = None


def faults_error(*faults: Fault) -> PydanticCustomError:
    """Return the exception that a validator raises to report one or several faults of a value at once."""
    return PydanticCustomError("faults", "{text}", {"text": faults[0].message, "faults": faults})


def fault_error(code: str, message: str, next_step: str, at: int | None = None) -> PydanticCustomError:
    """Return the exception that a validator raises for one fault; the arguments are those of a Fault."""
    return faults_error(Fault(code=code, message=message, next_step=next_step, at=at))


def explain_error(error: "ErrorDetails", siblings: Sequence[str]) -> Sequence[Fault]:
    """Return the faults behind one pydantic error; `siblings` are the keys that would be known in its place."""
    if error["type"] == "faults":
        found: Sequence[Fault] = error["ctx"]["faults"]
        return found
    if error["type"] == "too_short" and error["input"]:
        return ()  # its entries are there, and each has a fault of its own
    last = error["loc"][-1] if error["loc"] else "this"
    key = f"entry {last + 1}" if isinstance(last, int) else str(last)
    explain = _EXPLANATIONS.get(error["type"], _explain_other)
    return (explain(_Failure(key, error["input"], error.get("ctx", {}), error["msg"], siblings)),)


@dataclass(frozen=True)
class _Failure:
    """A value that pydantic refused: its key, the value, the limits it broke, pydantic's own words."""

    key: str
    value: object
    limits: Mapping[str, Any]
    message: str
    siblings: Sequence[str]

    def fault(self, code: str, message: str, next_step: str) -> Fault:
        """Return a fault whose message begins with the key."""
        return Fault(code=code, message=f"{self.key!r} {message}", next_step=next_step)


def _explain_missing(failure: _Failure) -> Fault:
    return failure.fault("missing", "is missing", f"Add a line for {failure.key!r}.")


def _explain_unknown_key(failure: _Failure) -> Fault:
    hint = suggest_nearest(failure.key, failure.siblings) or f"Known here: {', '.join(failure.siblings)}."
    return failure.fault("unknown-key", "is not a known key", hint)


def _explain_literal(failure: _Failure) -> Fault:
    return failure.fault(
        "value", f"is {failure.value!r}, which is none of its values", f"Write {failure.limits['expected']}."
    )


def _explain_table(failure: _Failure) -> Fault:
    names = ", ".join(failure.siblings)
    if failure.value == "":
        return failure.fault("empty", "is empty", f"Take it out, or give it what it may hold: {names}.")
    return failure.fault("shape", "should hold named values, not just a text", f"Give these below it: {names}.")


def _explain_list(failure: _Failure) -> Fault:
    return failure.fault("shape", "should be a list", "Start each entry on a line of its own with '- '.")


def _explain_text(failure: _Failure) -> Fault:
    return failure.fault("shape", "should be a text", "Give it a text.")


def _explain_number(failure: _Failure) -> Fault:
    return failure.fault(
        "value", f"is {failure.value!r}, which is not a whole number", "Write digits alone, without quotes."
    )


def _explain_decimal(failure: _Failure) -> Fault:
    return failure.fault(
        "value",
        f"is {failure.value!r}, which is not a number",
        "Write digits, with a point before a fraction, without quotes.",
    )


def _explain_bound(failure: _Failure) -> Fault:
    ((kind, limit),) = failure.limits.items()
    words = {"le": "{:g} at most", "ge": "{:g} at least", "lt": "less than {:g}", "gt": "more than {:g}"}[kind]
    return failure.fault("value", f"is {failure.value}", f"It has to be {words.format(limit)}.")


def _explain_boolean(failure: _Failure) -> Fault:
    return failure.fault(
        "value", f"is {failure.value!r}, which is neither true nor false", "Write true or false, without quotes."
    )


def _explain_too_long(failure: _Failure) -> Fault:
    count = failure.limits["actual_length"]
    have = f"{count:,}" if count else "too many"  # pydantic stops counting where the source is endless
    return failure.fault(
        "too-many",
        f"has {have} entries, and {failure.limits['max_length']} are the most",
        "Spread them over several.",
    )


def _explain_too_short(failure: _Failure) -> Fault:
    if failure.value == "":
        return failure.fault("empty", "is empty", "Give it a text.")
    return failure.fault("empty", "has no entry", "Give it one at least.")


def _explain_other(failure: _Failure) -> Fault:
    words = f"{failure.message[:1].lower()}{failure.message[1:]}"
    return Fault(code="value", message=f"{failure.key!r}: {words}", next_step="Mend the value.")


# By pydantic's error types (https://docs.pydantic.dev/latest/errors/validation_errors/).
_EXPLANATIONS: Mapping[str, Callable[[_Failure], Fault]] = {
    "missing": _explain_missing,
    "extra_forbidden": _explain_unknown_key,
    "literal_error": _explain_literal,
    **dict.fromkeys(("model_type", "dict_type", "model_attributes_type"), _explain_table),
    **dict.fromkeys(("tuple_type", "list_type", "frozen_set_type", "set_type"), _explain_list),
    "string_type": _explain_text,
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), _explain_number),
    **dict.fromkeys(("float_parsing", "float_type"), _explain_decimal),
    **dict.fromkeys(("less_than_equal", "greater_than_equal", "less_than", "greater_than"), _explain_bound),
    **dict.fromkeys(("bool_parsing", "bool_type"), _explain_boolean),
    "too_long": _explain_too_long,
    **dict.fromkeys(("too_short", "string_too_short"), _explain_too_short),
}
