"""Argument validation before calling C++: ValueError in one sentence that names what was given and what was expected."""

import collections.abc
import operator

import numpy as np


def shown(value, most=200):
    """repr() for a message: on one line, printable and truncated to `most` characters."""
    try:
        text = repr(value)
    except Exception:  # an integer of more than 4,300 digits; a repr of the caller's own that raises
        return f"an integer of {value.bit_length()} bits" if isinstance(value, int) else type(value).__name__
    text = " ".join(text.split())
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= most else text[:most] + "..."


def integer(name, value, low, high=2**63 - 1):
    """`value` as an int from low to high; ValueError for anything else."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise ValueError(f"{name}: got {shown(value)}, want an integer from {low} to {high}")
    return number


def finite(name, value, low=-np.inf, high=np.inf):
    """`value` as a float from low to high; ValueError for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not np.isfinite(number) or not low <= number <= high:
        limits = "" if np.isinf(high) else f" from {low:g} to {high:g}"
        raise ValueError(f"{name}: got {shown(value)}, want a finite number{limits}")
    return number


def seeds_of(seed):
    """A seed, or one for each world, as Batch.reset takes them; ValueError for others."""
    if hasattr(seed, "tolist"):
        seed = seed.tolist()
    if isinstance(seed, (list, tuple)):
        return {"seeds": [integer(f"seed[{i}]", each, 0, 2**64 - 1) for i, each in enumerate(seed)]}
    return {"seed": integer("seed", seed, 0, 2**64 - 1)}


def text(name, value):
    """str(value); ValueError for what is not Unicode (lone surrogates) or has a zero byte."""
    given = str(value)
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: got {shown(given)}, want text that UTF-8 can hold") from None
    if "\0" in given:
        raise ValueError(f"{name}: got {shown(given)}, want text without zero bytes")
    return given


def names(name, given):
    """A list of texts from a list, a tuple or None."""
    if given is None:
        return []
    is_list = isinstance(given, collections.abc.Iterable) and not isinstance(given, (str, bytes))
    items = list(given) if is_list else []
    if not is_list or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{name}: got {shown(given)}, want a list of names")
    return [text(name, item) for item in items]


def mapping(name, given, want):
    """A dict from a mapping or None."""
    if given is None:
        return {}
    if not isinstance(given, collections.abc.Mapping):
        raise ValueError(f"{name}: got {shown(given)}, want {want}")
    return dict(given)


def dtype_name(dtype):
    """"uint8", "float32" and so on, from a text or a dtype of numpy or torch."""
    given = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or dtype
    return text("dtypes", given).removeprefix("torch.")


def host_array(name, value, dtype):
    """A numpy array of a field's value: lists become the field's own dtype, if that loses nothing; arrays keep theirs, for the
    engine to check. dtype: a name, or None where there is no such field."""
    if isinstance(value, (list, tuple, int, float)):
        return list_to_array(f"field {name}", value, dtype)
    if isinstance(value, np.ndarray):
        return value
    try:
        return np.from_dlpack(value)
    except Exception:
        raise ValueError(f"field {name}: got {type(value).__name__}, want an array in host memory") from None


def list_to_array(name, value, dtype):
    """Numbers in nested lists as `dtype` (None: numpy's choice); ValueError where a number would change."""
    try:
        given = np.asarray(value, object)
        is_array = not any(isinstance(number, (list, tuple, np.ndarray)) for number in given.ravel())
    except ValueError:
        is_array = False
    if not is_array:
        raise ValueError(f"{name}: got lists of different lengths, want an array")
    convert = integer_of if np.dtype(dtype or float).kind in "iu" else float_of
    numbers = [convert(name, number, dtype) for number in given.ravel()]
    return np.array(numbers, dtype).reshape(given.shape)


def integer_of(name, number, dtype):
    limits = np.iinfo(dtype)
    is_integral = isinstance(number, (float, np.floating)) and float(number).is_integer()
    try:
        whole = int(number) if is_integral else operator.index(number)
    except TypeError:
        whole = None
    if whole is None or not limits.min <= whole <= limits.max:
        raise ValueError(f"{name}: got {shown(number)}, want an integer from {limits.min} to {limits.max}")
    return whole


def float_of(name, number, dtype):
    try:
        if isinstance(number, (str, bytes)):
            raise TypeError
        real = float(number)
        with np.errstate(over="ignore"):
            is_lost = np.isfinite(real) and not np.isfinite(np.dtype(dtype or float).type(real))
    except (TypeError, ValueError, OverflowError):
        is_lost = True
    if is_lost:
        raise ValueError(f"{name}: got {shown(number)}, want a {dtype or 'number'}")
    return real
