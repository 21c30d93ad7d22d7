"""Facts, counted; and the client that every noun is driven with."""

import os
import uuid

import cloudflare
from cloudflare import Cloudflare

from . import operations

ACCOUNT = os.environ["SALLYPORT_ACCOUNT"]
GATEWAY = os.environ["SALLYPORT_GATEWAY"]
BASE = os.environ["SALLYPORT_ADMIN"].rstrip("/") + "/client/v4"
IN_ACCOUNT = {"account_id": ACCOUNT}
# A zone that is not configured is taken for an account's id.
IN_ZONE = {"zone_id": ACCOUNT}
BOTH = [("account", IN_ACCOUNT), ("zone", IN_ZONE)]
NOBODY = str(uuid.UUID(int=1))

counts = {"passed": 0, "failed": 0}


def client(token=os.environ["SALLYPORT_API_TOKEN"]):
    # Without retries: a status that the SDK would hide by trying again is seen.
    return Cloudflare(base_url=BASE, api_token=token, _strict_response_validation=True, max_retries=0)


SDK = client()
ACCESS = SDK.zero_trust.access
operations.watch(SDK)


def unique(noun):
    return f"{noun} {uuid.uuid4()}"


def unique_host():
    return f"{uuid.uuid4().hex[:20]}.test"


def check(fact, holds):
    counts["passed" if holds else "failed"] += 1
    if not holds:
        print(f"FAILED: {fact}", flush=True)


def check_raises(fact, error, call):
    """Returns the first error of the envelope."""
    try:
        call()
    except error as caught:
        body = caught.body if isinstance(caught.body, dict) else {}
        errors = body.get("errors") or [{}]
        whole = body.get("success") is False and body.get("result") is None and errors[0].get("code", 0) >= 1000
        check(f"{fact} (as {body})", whole and bool(errors[0].get("message")))
        return errors[0]
    except Exception as other:  # noqa: BLE001: any other outcome is the failure that is reported
        check(f"{fact} (got {type(other).__name__}: {other})", False)
        return {}
    check(f"{fact} (nothing was raised)", False)
    return {}


def plain(model):
    """What arrived, with the API's own names."""
    return model.to_dict(mode="json", use_api_names=True)


def check_shows(fact, model, given):
    shown = plain(model)
    for field, value in given.items():
        check(f"{fact}: {field} is {value!r} (got {shown.get(field)!r})", shown.get(field) == value)


def check_listed(fact, pages, wanted, key="id"):
    """The iterator asks for page after page until one is empty; `pages` takes further arguments of `list`."""
    every = [getattr(found, key) for found in pages()]
    check(f"{fact}: the list ends and holds it once", every.count(wanted) == 1)
    by_ones = [getattr(found, key) for found in pages(per_page=1)]
    check(f"{fact}: pages of one hold the same", sorted(by_ones) == sorted(every))


def check_gone(fact, calls):
    for name, call in calls.items():
        error = check_raises(f"{fact}: {name} of what is deleted is 404", cloudflare.NotFoundError, call)
        check(f"{fact}: {name} says not_found", "not_found" in error.get("message", ""))
