"""What an operator may tell workers while they run: pause, resume, rebuild."""

import asyncio
from enum import StrEnum

import msgspec
import structlog

from shared.projecting import ReadModel
from shared.reaction import Reaction
from shared.rebuilding import rebuild
from shared.scaled_hosting import ScaledHosting

LOG = structlog.get_logger(__name__)


class What(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    REBUILD = "rebuild"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """`subscription` is a read model's or reaction's name, such as `projections.signal_list`.
    A pause ends with the process that heard of it."""

    what: What
    subscription: str


def written(order: Order) -> bytes:
    return msgspec.json.encode(order)


class Orders:
    """Carried out by those processes that follow what is named; rebuilding by one of them."""

    def __init__(self, hosting: ScaledHosting) -> None:
        self._hosting = hosting
        self._rebuilding: set[asyncio.Task[None]] = set()

    async def obey(self, raw: bytes) -> None:
        try:
            order = msgspec.json.decode(raw, type=Order)
        except msgspec.MsgspecError as flaw:
            LOG.warning("order_not_understood", why=str(flaw))
            return
        for each in self._hosting.subscriptions:
            if each.target.name != order.subscription:
                continue
            LOG.info("order", what=order.what, subscription=order.subscription)
            match order.what:
                case What.PAUSE:
                    each.pause()
                case What.RESUME:
                    each.resume()
                case What.REBUILD:
                    self._rebuild(each.target)

    def _rebuild(self, target: ReadModel | Reaction) -> None:
        if isinstance(target, Reaction):
            LOG.warning("order_not_understood", why=f"{target.name} is no read model")
            return
        task = asyncio.create_task(self._rebuild_once(target))
        self._rebuilding.add(task)
        task.add_done_callback(self._rebuilding.discard)

    async def _rebuild_once(self, read_model: ReadModel) -> None:
        """Every process that follows it hears the order; the lease names the one that obeys."""
        lease, name = self._hosting.lease, f"rebuild {read_model.name}"
        try:
            if not await lease.is_ours(name):
                return
            await rebuild(self._hosting.ports, read_model, compare=False)
            LOG.info("rebuilt", read_model=read_model.name)
        except Exception as failure:
            LOG.error("rebuild_failed", read_model=read_model.name, exc_info=failure)
        finally:
            await lease.give_back(name)
