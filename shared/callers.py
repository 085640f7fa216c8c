"""Whom a key, a session or an access token stands for, with what they are granted now."""

from dataclasses import replace

from shared.access import OWN_GRANTS, Caller, Grant, Role
from shared.errors import Unauthenticated
from shared.identity import Identity
from shared.ports import Ports

_DOTS_OF_A_TOKEN = 2


async def caller_presenting(ports: Ports, presented: str, key_hash: str) -> Caller:
    """Raises Unauthenticated for what is unknown, revoked or has ended."""
    provider = ports.identity_provider
    if provider is not None and presented.count(".") == _DOTS_OF_A_TOKEN:
        return await person_named(ports, await provider.bearer(presented))
    known = await ports.organisations.key_hashed(key_hash)
    if known is None or known.key.revoked_at is not None:
        raise Unauthenticated("this key is not known or was revoked")
    key = known.key
    if key.expires_at is not None and ports.clock() >= key.expires_at:
        raise Unauthenticated("this session has ended: sign in again")
    if key.role == OWN_GRANTS and key.person_id is not None:
        who = await person_named(ports, Identity(known.tenant_id, key.person_id))
        return replace(who, key_id=key.key_id)
    organisation = await ports.organisations.of(known.tenant_id)
    if key.person_id is not None and organisation.has_left(key.person_id):
        raise Unauthenticated("the person of this key has left")
    return Caller(
        tenant_id=known.tenant_id,
        person_id=key.person_id,
        key_id=key.key_id,
        grants=(Grant(Role(key.role), key.unit_id),),
    )


async def person_named(ports: Ports, identity: Identity) -> Caller:
    """Raises Unauthenticated for whoever is not in the directory, or has left."""
    tenant_id, person_id = identity
    if tenant_id not in await ports.organisations.tenants():
        raise Unauthenticated("the tenant is not known")
    person = (await ports.organisations.of(tenant_id)).people.get(person_id)
    if person is None or person.left_at is not None:
        raise Unauthenticated("the person is not known, or has left")
    grants = tuple(Grant(Role(role), unit_id) for role, unit_id in person.grants)
    return Caller(tenant_id=tenant_id, person_id=person_id, key_id=None, grants=grants)
