"""What all operators share: two forms, and the exchange of one for the other."""

import inspect
from typing import Any, ClassVar, Self

from torch import nn

FORMS = ("portable", "fused")


class Operator(nn.Module):
    """An equation without parameters, in the forms of :data:`FORMS`.

    The base class of an operator keeps its settings as attributes that have the names of the
    constructor's arguments, and documents ``forward``. Its subclasses name their form::

        class Messages(Operator): ...
        class PortableMessages(Messages, form="portable"): ...
        class FusedMessages(Messages, form="fused"): ...
    """

    form: ClassVar[str]
    forms: ClassVar[dict[str, type[Any]]]  # of the operator itself

    def __init_subclass__(cls, form: str | None = None) -> None:
        """Register a form with the operator that it computes."""
        super().__init_subclass__()
        if form is None:
            cls.forms = {}
        else:
            cls.form = form
            cls.forms[form] = cls

    def as_form(self, form: str) -> Self:
        """The operator of that form with the same settings."""
        taken = inspect.signature(type(self).__init__).parameters.values()
        names = [p.name for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
        made = self.forms[form](**{name: getattr(self, name) for name in names})
        return made.train(self.training)


def use_form(module: nn.Module, form: str) -> None:
    """Replace every operator within ``module`` by its form of that name, one of FORMS."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Operator):
                setattr(parent, name, child.as_form(form))
