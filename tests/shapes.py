"""Hold tensors and arrays to the shapes in the annotations of the functions they pass through.

jaxtyping has an import hook of its own, which binds arguments and compares shapes three times a
call; decoders call thousands of times with the same shapes, and tests would take twice as long.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import sys
from collections.abc import Callable, Iterable
from types import ModuleType, UnionType
from typing import Any, get_args

import numpy as np
from jaxtyping import AbstractArray, jaxtyped
from torch import Tensor


def check_shapes_in(rooms: Iterable[str]) -> None:
    """Check the functions and methods of modules and packages that are imported from now on."""
    sys.meta_path.insert(0, _CheckingFinder(tuple(rooms)))


class _CheckingFinder(importlib.abc.MetaPathFinder):
    def __init__(self, rooms: tuple[str, ...]) -> None:
        self.rooms = rooms

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if not any(f"{name}.".startswith(f"{room}.") for room in self.rooms):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_check(module: ModuleType) -> None:
                execute(module)
                _check_module(module)

            spec.loader.exec_module = execute_and_check  # type: ignore[method-assign]
        return spec


def _check_module(module: ModuleType) -> None:
    own = [value for value in vars(module).values() if inspect.isclass(value)]
    classes = [value for value in own if value.__module__ == module.__name__]
    for owner in (module, *classes):
        for name, value in list(vars(owner).items()):
            if inspect.isfunction(value) and value.__module__ == module.__name__:
                setattr(owner, name, check(value))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Raise ``TypeError`` where an array comes in or goes out that is not as annotated.

    Ordinary types are left to mypy: our protocols have no runtime form, and tests pass stand-ins.
    Shapes and dtypes that a function has passed with are not compared again.
    """
    annotated = {name: _shapes(note) for name, note in function.__annotations__.items()}
    shapes = {name: members for name, members in annotated.items() if members}
    if not shapes:
        return function
    positional_names = list(inspect.signature(function).parameters)
    passed = set()

    @functools.wraps(function)
    def checked(*positional: Any, **named: Any) -> Any:
        given = [*zip(positional_names, positional, strict=False), *named.items()]
        compare(given)
        result = function(*positional, **named)
        compare([*given, ("return", result)])
        return result

    def compare(values: list[tuple[str, Any]]) -> None:
        arrays = [
            (name, value)
            for name, value in values
            if name in shapes and isinstance(value, Tensor | np.ndarray)
        ]
        key = tuple((name, value.dtype, value.shape) for name, value in arrays)
        if key in passed:
            return
        with jaxtyped("context"):  # binds the names of axes
            for name, value in arrays:
                if not isinstance(value, shapes[name]):
                    expected = " or ".join(shape.__name__ for shape in shapes[name])
                    found = ", ".join(f"{each} {tuple(array.shape)}" for each, array in arrays)
                    raise TypeError(
                        f"{function.__qualname__}: expected {name} to be {expected}, but found "
                        f"{value.dtype} among {found}"
                    )
        passed.add(key)

    return checked


def _shapes(note: Any) -> tuple[type, ...]:
    """List the array types in an annotation or in its union."""
    members = get_args(note) if isinstance(note, UnionType) else (note,)
    return tuple(
        member
        for member in members
        if isinstance(member, type) and issubclass(member, AbstractArray)
    )
