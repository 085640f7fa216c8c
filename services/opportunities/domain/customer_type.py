"""Customer types as data of the tenant (O4): what a visit to each has to find out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.opportunities.domain.action_type import problems_of_fields
from services.opportunities.domain.names import name_problem
from shared.decider import Decider
from shared.errors import FieldProblem, Malformed
from shared.events.opportunities import ActionField
from shared.events.visits import CustomerTypeDefined, CustomerTypeDefinition

DEFAULT_CUSTOMER_TYPES = (
    CustomerTypeDefinition(
        type="pharmacy",
        fields=(ActionField(name="out_of_stock", kind="text", required=True),),
        title={"zh": "药店", "en": "Pharmacy"},
    ),
    CustomerTypeDefinition(
        type="clinic",
        fields=(ActionField(name="maintenance_preference", kind="text", required=True),),
        title={"zh": "诊所", "en": "Clinic"},
    ),
)


class CustomerTypeCannotBeUsed(Malformed):
    """The definition has problems, each named in `errors` (O4)."""

    code = "customer-type-cannot-be-used"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineCustomerTypes:
    """New types, or new definitions of types there are; visits begun before stay."""

    definitions: tuple[CustomerTypeDefinition, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerTypes:
    """The definitions in force by type."""

    definitions: dict[str, CustomerTypeDefinition] = field(default_factory=dict)


def define(command: DefineCustomerTypes, types: CustomerTypes) -> Sequence[CustomerTypeDefined]:
    """One event per definition that differs from what is in force."""
    found = [
        problem
        for index, definition in enumerate(command.definitions)
        for problem in _problems(f"definitions[{index}]", definition)
    ]
    if found:
        message = f"{len(found)} problem(s) in the customer types"
        raise CustomerTypeCannotBeUsed(message, errors=found)
    wanted = {definition.type: definition for definition in command.definitions}
    return [
        CustomerTypeDefined(definition=definition)
        for definition in wanted.values()
        if types.definitions.get(definition.type) != definition
    ]


def evolve(types: CustomerTypes, event: CustomerTypeDefined) -> CustomerTypes:
    return CustomerTypes(definitions={**types.definitions, event.definition.type: event.definition})


CUSTOMER_TYPES: Decider[DefineCustomerTypes, CustomerTypes, CustomerTypeDefined] = Decider(
    "customer_types", define, evolve, CustomerTypes()
)


def _problems(path: str, definition: CustomerTypeDefinition) -> Iterator[FieldProblem]:
    yield from name_problem(f"{path}.type", definition.type)
    yield from problems_of_fields(path, definition.fields)
