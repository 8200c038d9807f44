"""Packages that offer names without importing them until somebody asks (PEP 562)."""

from importlib import import_module


def lazy_exports(package, **modules):
    """Return `__all__`, `__getattr__` and `__dir__` for a `package` that hands on its names.

    `modules` maps each of its modules to the names that it offers:
    `lazy_exports(__name__, index=("Index", "Hit"))`. A module is imported when one of its names is
    first used, so importing the package itself costs nothing.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def __getattr__(name):  # noqa: N807
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return sorted(homes), __getattr__, lambda: sorted(homes)
