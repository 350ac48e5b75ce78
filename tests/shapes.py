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
    are left to mypy: our protocols have no runtime form, and tests pass stand-ins.
    """
    if not inspect.isfunction(function):
        return function
    signature = inspect.signature(function)
    shapes = {name: _shapes(note) for name, note in function.__annotations__.items()}

    @functools.wraps(function)
    def checked(*positional: Any, **named: Any) -> Any:
        for name, value in signature.bind(*positional, **named).arguments.items():
            _compare(name, value, shapes.get(name, ()))
        result = function(*positional, **named)
        _compare("return", result, shapes.get("return", ()))
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


def _compare(name: str, value: Any, shapes: tuple[type, ...]) -> None:
    if isinstance(value, Tensor | np.ndarray) and shapes and not isinstance(value, shapes):
        expected = " or ".join(shape.__name__ for shape in shapes)
        raise TypeError(f"{name}: expected {expected}, but found {tuple(value.shape)}")
