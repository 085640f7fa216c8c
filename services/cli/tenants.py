"""`pulsetrail tenants` and `pulsetrail go-live`."""

import re
from dataclasses import dataclass
from typing import ClassVar

from services.cli.desk import Desk, Request, create_tenant
from services.cli.exit_codes import DONE
from services.directory.domain.tenant import TENANT, GoLive
from shared.clock import iso
from shared.errors import FieldProblem, Malformed

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTenantNamed(Request):
    name: ClassVar[str] = "tenants create"

    tenant: str

    async def run(self, desk: Desk) -> int:
        if _ID.fullmatch(self.tenant) is None:
            problem = FieldProblem("name", "malformed-id", "1-64 of A-Z a-z 0-9 . _ -")
            raise Malformed("this cannot be a tenant's name", errors=[problem])
        await create_tenant(desk.ports, self.tenant)
        await desk.settle()
        if desk.output.as_json:
            desk.output.document({"tenant_id": self.tenant})
        else:
            desk.output.line(f"tenant {self.tenant} is there")
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTenants(Request):
    name: ClassVar[str] = "tenants list"

    async def run(self, desk: Desk) -> int:
        organisations = desk.ports.organisations
        rows = []
        for tenant_id in await organisations.tenants():
            organisation = await organisations.of(tenant_id)
            clock = organisation.clock(desk.ports.clock())
            rows.append(
                {
                    "tenant_id": tenant_id,
                    "live": organisation.is_live,
                    "clock": clock,
                    "zone": organisation.zone(clock),
                }
            )
        if desk.output.as_json:
            desk.output.document({"rows": rows})
        else:
            desk.output.table(None, rows, ("tenant_id", "live", "clock", "zone"))
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class GoLiveNow(Request):
    name: ClassVar[str] = "go-live"

    async def run(self, desk: Desk) -> int:
        await desk.ports.organisations.of(desk.tenant_id)
        command = GoLive(now=desk.ports.clock())
        commands = desk.ports.commands("directory")
        await commands.handle(TENANT, desk.tenant_id, command, desk.context())
        await desk.settle()
        live_at = (await desk.ports.organisations.of(desk.tenant_id)).live_at
        if desk.output.as_json:
            desk.output.document({"tenant_id": desk.tenant_id, "live_at": live_at})
        else:
            desk.output.line(f"tenant {desk.tenant_id} is live since {live_at and iso(live_at)}")
        return DONE
