"""`pulsetrail serve`: everything in one process, until it is told to stop."""

import base64
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from services.cli import imports_api, local_requests
from services.cli.demo_tenant import fill_demonstration
from services.cli.desk import DEFAULT_TENANT, Desk, furnish
from services.cli.exit_codes import DONE
from services.cli.imports import Imports
from services.cli.keys import create_key
from services.cli.output import Output
from services.cli.perform import collect_garbage_seldom
from services.cli.sign_in import SignIn
from services.cli.uploaded_files import folder_of_uploads
from services.cli.web_server import WebServer, listening_on, told_by_signals
from shared.access import Role
from shared.data_folder import Serving
from shared.hosting import Hosting, application
from shared.http import add_routes
from shared.logs import configure_logs
from shared.settings import InstallationSettings

_SWITCH_SECONDS = 0.0005
"""Statements run in threads of the drivers: each waits so long at most for the busy loop."""
_OBJECTS_BETWEEN_COLLECTIONS = 10_000
"""A collection looks at so many at once, and every answer waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    folder: Path
    host: str
    port: int
    demo: bool

    async def run(self, output: Output) -> int:
        """Raises FolderInUse, DataIsNewer, OSError (the port is taken)."""
        from services.embedded import open_embedded
        from services.tracing import traces_sent

        collect_garbage_seldom(_OBJECTS_BETWEEN_COLLECTIONS)
        sys.setswitchinterval(_SWITCH_SECONDS)
        if self.demo:
            await fill_demonstration(self.folder, output)
        with listening_on(self.host, self.port) as listening:
            address = self._address(listening.getsockname()[1])
            settings = InstallationSettings()
            configure_logs(settings.log_level)
            reached_at = {"public_url": settings.public_url or address}
            async with (
                traces_sent("embedded"),
                open_embedded(
                    self.folder, settings=settings.model_copy(update=reached_at)
                ) as hosting,
            ):
                if await furnish(hosting.ports):
                    await hosting.catch_up()
                await self._serve(hosting, listening, address, output)
        return DONE

    def _address(self, port: int) -> str:
        near = "127.0.0.1" if self.host in {"0.0.0.0", "::", "localhost"} else self.host
        return f"http://{near}:{port}"

    async def _serve(
        self, hosting: Hosting, listening: socket.socket, address: str, output: Output
    ) -> None:
        ports = hosting.ports
        token = base64.urlsafe_b64encode(ports.random_bytes(32)).decode().rstrip("=")
        sign_in = SignIn(ports)
        app = application(hosting)
        add_routes(app, local_requests.router(hosting, token), *sign_in.routers())
        server = WebServer(app, leaving=hosting.leaving)
        await _first_key(hosting, output)
        hosting.start()
        assert hosting.folder is not None
        hosting.folder.announce(Serving(address, token))
        output.notice(f"Pulsetrail: {address}")
        await sign_in.invite(address, output, demo=self.demo)
        output.notice("Stop with Ctrl-C.")
        with folder_of_uploads() as folder, told_by_signals(server.stop):
            imports = Imports(hosting, folder)
            add_routes(app, imports_api.router(ports, imports))
            try:
                await server.serve(sockets=[listening])
            finally:
                await imports.end()


async def _first_key(hosting: Hosting, output: Output) -> None:
    """A tenant `default` without any key gets an administrator's, shown this once."""
    organisation = await hosting.ports.organisations.of(DEFAULT_TENANT)
    if organisation.api_keys:
        return
    desk = Desk(hosting=hosting, output=output, tenant_id=DEFAULT_TENANT)
    role = Role.ADMINISTRATOR
    _key_id, key = await create_key(desk, role=role, unit_id=None, person_id=None, name="first key")
    output.notice(f"Administrator's key of tenant {DEFAULT_TENANT}, shown once: {key}")
