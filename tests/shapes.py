"""Hold tensors and arrays to the shapes in the annotations of the functions they pass through."""

import functools
import inspect
from collections.abc import Callable
from types import UnionType
from typing import Any, get_args

import numpy as np
from jaxtyping import AbstractArray
from torch import Tensor


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Raise ``TypeError`` where an array comes in or goes out that is not as annotated.

    A type checker for :func:`jaxtyping.install_import_hook`, which binds the axes. Ordinary types
    are left to mypy: our protocols have no runtime form, and tests pass stand-ins. Shapes and
    dtypes that a function has passed with are not compared again: decoders call thousands of times.
    """
    if not inspect.isfunction(function):
        return function
    positional_names = list(inspect.signature(function).parameters)
    annotated = {name: _shapes(note) for name, note in function.__annotations__.items()}
    shapes = {name: members for name, members in annotated.items() if members}
    passed = set()

    @functools.wraps(function)
    def checked(*positional: Any, **named: Any) -> Any:
        result = function(*positional, **named)
        named["return"] = result
        arrays = [
            (name, value)
            for name, value in (*zip(positional_names, positional, strict=False), *named.items())
            if name in shapes and isinstance(value, Tensor | np.ndarray)
        ]
        key = tuple((name, value.dtype, value.shape) for name, value in arrays)
        if key not in passed:
            for name, value in arrays:
                _compare(name, value, shapes[name])
            passed.add(key)
        return result

    return checked


def _shapes(note: Any) -> tuple[type, ...]:
    """List the array types in an annotation or in its union."""
    members = get_args(note) if isinstance(note, UnionType) else (note,)
    return tuple(
        member
        for member in members
        if isinstance(member, type) and issubclass(member, AbstractArray)
    )


def _compare(name: str, value: Tensor | np.ndarray, shapes: tuple[type, ...]) -> None:
    if not isinstance(value, shapes):
        expected = " or ".join(shape.__name__ for shape in shapes)
        raise TypeError(f"{name}: expected {expected}, but found {tuple(value.shape)}")
