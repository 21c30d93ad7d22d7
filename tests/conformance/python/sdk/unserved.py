"""What is not served is refused in the contract's envelope: the SDK raises what it would raise anywhere."""

import inspect

import cloudflare

from . import operations
from .facts import ACCESS, ACCOUNT, NOBODY, BOTH, IN_ACCOUNT, SDK, check, check_raises

# Everything that these operations ask for, whatever it is.
FILLER = {"account_id": ACCOUNT, "target_ids": [NOBODY], "type": "onetimepin", "config": {}, "policies": []}


def everything():
    people = [ACCESS.bookmarks, ACCESS.custom_pages, ACCESS.users]
    for resource in people:
        check(f"{type(resource).__name__}: there are none", list(resource.list(**IN_ACCOUNT)) == [])
    for scope, within in BOTH:
        check(f"identity providers ({scope}): there are none", list(SDK.zero_trust.identity_providers.list(**within)) == [])
    for operation, (resource, name) in operations.refused().items():
        arguments = filled(getattr(resource, name), zone=operation.endswith("(zone)"))
        check_raises(
            f"{operation} is refused", (cloudflare.NotFoundError, cloudflare.BadRequestError), lambda: call(resource, name, arguments)
        )


def call(resource, name, arguments):
    answer = getattr(resource, name)(**arguments)
    return list(answer) if hasattr(answer, "__iter__") else answer


def filled(method, zone):
    parameters = inspect.signature(method).parameters.values()
    needed = [it.name for it in parameters if it.default is inspect.Parameter.empty and it.name != "self"]
    arguments = {name: FILLER.get(name, NOBODY) for name in needed}
    if any(it.name == "zone_id" for it in parameters):
        arguments["zone_id" if zone else "account_id"] = ACCOUNT
    return arguments
