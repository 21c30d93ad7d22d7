"""The life of a service token, driven by the official Python SDK with strict response validation.

Environment:
  SALLYPORT_ADMIN      the management plane, such as http://127.0.0.1:8788
  SALLYPORT_ACCOUNT    the account id, 32 hex digits
  SALLYPORT_API_TOKEN  an API token of that account

Prints one line per fact that does not hold, then "N passed, M failed". Exit code 0 only when nothing failed.
"""

import os
import sys
import uuid
from datetime import datetime, timedelta, timezone

import cloudflare
from cloudflare import Cloudflare

ACCOUNT = os.environ["SALLYPORT_ACCOUNT"]
BASE = os.environ["SALLYPORT_ADMIN"].rstrip("/") + "/client/v4"


def client(token):
    return Cloudflare(base_url=BASE, api_token=token, _strict_response_validation=True)


SDK = client(os.environ["SALLYPORT_API_TOKEN"])
TOKENS = SDK.zero_trust.access.service_tokens
counts = {"passed": 0, "failed": 0}


def check(fact, holds):
    counts["passed" if holds else "failed"] += 1
    if not holds:
        print(f"FAILED: {fact}")


def check_raises(fact, error, call):
    try:
        call()
    except error as caught:
        body = caught.body if isinstance(caught.body, dict) else {}
        check(fact, body.get("success") is False and bool(body.get("errors")))
        return body["errors"][0] if body.get("errors") else {}
    except Exception as other:  # noqa: BLE001: any other outcome is the failure that is reported
        check(f"{fact} (got {type(other).__name__}: {other})", False)
        return {}
    check(f"{fact} (nothing was raised)", False)
    return {}


def extra(model, name):
    """A field that the SDK passes through without knowing it."""
    return (model.model_extra or {}).get(name)


def within(moment, expected, tolerance=timedelta(minutes=5)):
    return moment is not None and abs(moment - expected) < tolerance


def now():
    return datetime.now(timezone.utc)


def create():
    name = f"conformance {uuid.uuid4()}"
    token = TOKENS.create(account_id=ACCOUNT, name=name, duration="8760h")
    check("a created token has an id that is a UUID", str(uuid.UUID(token.id)) == token.id)
    check("the Client ID is <32 hex>.access", token.client_id.endswith(".access") and len(token.client_id) == 39)
    check("the secret is shown when it is created", token.client_secret.startswith("spst_"))
    check("name and duration are as given", (token.name, token.duration) == (name, "8760h"))
    check("a token starts enabled", token.enabled is True)
    check("the version is the integer 1", repr(extra(token, "client_secret_version")) == "1")
    return token


def list_to_the_end(token):
    """The iterator asks for page after page until one is empty."""
    every = [found.id for found in TOKENS.list(account_id=ACCOUNT)]
    check("the list ends and holds the token once", every.count(token.id) == 1)
    by_small_pages = [found.id for found in TOKENS.list(account_id=ACCOUNT, per_page=1)]
    check("pages of one hold the same tokens", sorted(by_small_pages) == sorted(every))
    named = list(TOKENS.list(account_id=ACCOUNT, name=token.name))
    check("a name is matched exactly", [found.id for found in named] == [token.id])
    found = list(TOKENS.list(account_id=ACCOUNT, search=token.name[-12:].upper()))
    check("a search finds a part of the name", [found.id for found in found] == [token.id])
    check("a search for nothing finds nothing", list(TOKENS.list(account_id=ACCOUNT, name="no such name")) == [])
    raw = TOKENS.with_raw_response.list(account_id=ACCOUNT, page=0, per_page=0).json()
    check("page 0 is the first page", raw["result_info"]["page"] == 1 and len(raw["result"]) == len(every))
    check("no list shows a secret", all("client_secret" not in found for found in raw["result"]))


def get(token):
    found = TOKENS.get(token.id, account_id=ACCOUNT)
    check("a token is read back", (found.id, found.name, found.client_id) == (token.id, token.name, token.client_id))
    check("it expires in a year", within(found.expires_at, now() + timedelta(hours=8760)))
    check("reading shows no secret", extra(found, "client_secret") is None)
    check("created_at is there", extra(found, "created_at") is not None)


def update(token):
    changed = TOKENS.update(token.id, account_id=ACCOUNT, name=token.name + " 2")
    check("a new name keeps the duration", (changed.name, changed.duration) == (token.name + " 2", "8760h"))
    changed = TOKENS.update(token.id, account_id=ACCOUNT, duration="48h")
    check("a new duration counts from now", within(changed.expires_at, now() + timedelta(hours=48)))
    changed = TOKENS.update(token.id, account_id=ACCOUNT, duration="forever")
    check("forever has a date all the same", changed.expires_at.year == 9999)
    check("a token is disabled", TOKENS.update(token.id, account_id=ACCOUNT, enabled=False).enabled is False)
    check("a token is enabled again", TOKENS.update(token.id, account_id=ACCOUNT, enabled=True).enabled is True)
    check("no update without a new version shows a secret", extra(changed, "client_secret") is None)
    check("the Client ID stays", changed.client_id == token.client_id)
    error = check_raises(
        "a wrong duration is refused",
        cloudflare.BadRequestError,
        lambda: TOKENS.update(token.id, account_id=ACCOUNT, duration="1y"),
    )
    check("the refusal points at the field", error.get("source", {}).get("pointer") == "/duration")


def rotate(token):
    rotated = TOKENS.rotate(token.id, account_id=ACCOUNT)
    check("a rotation shows a new secret", rotated.client_secret not in (None, token.client_secret))
    check("the Client ID survives a rotation", rotated.client_id == token.client_id)
    check("a rotation raises the version", extra(rotated, "client_secret_version") == 2)
    found = TOKENS.get(token.id, account_id=ACCOUNT)
    check("without an overlap no end is named", extra(found, "previous_client_secret_expires_at") is None)

    ends = now() + timedelta(hours=2)
    overlapping = TOKENS.rotate(token.id, account_id=ACCOUNT, previous_client_secret_expires_at=ends)
    check("a rotation with an overlap shows a new secret", overlapping.client_secret != rotated.client_secret)
    check("it raises the version again", extra(overlapping, "client_secret_version") == 3)
    told = extra(TOKENS.get(token.id, account_id=ACCOUNT), "previous_client_secret_expires_at")
    check("the end of the overlap is kept", told is not None and within(datetime.fromisoformat(told), ends))


def rotate_by_version(token):
    """The way of Terraform."""
    ends = now() + timedelta(hours=1)
    raw = TOKENS.with_raw_response.update(
        token.id, account_id=ACCOUNT, client_secret_version=4, previous_client_secret_expires_at=ends
    )
    result = raw.json()["result"]
    check("a higher version rotates and shows the secret", result.get("client_secret", "").startswith("spst_"))
    check("the version is an integer", repr(result["client_secret_version"]) == "4")
    check("the change says how it has propagated", "position=" in raw.headers.get("sallyport-propagation", ""))
    check("no response may be stored", raw.headers.get("cache-control") == "no-store")
    same = TOKENS.with_raw_response.update(token.id, account_id=ACCOUNT, client_secret_version=4).json()["result"]
    check("the same version again does nothing", "client_secret" not in same and same["client_secret_version"] == 4)
    check_raises(
        "a lower version is refused",
        cloudflare.BadRequestError,
        lambda: TOKENS.update(token.id, account_id=ACCOUNT, client_secret_version=1),
    )


def refresh(token):
    refreshed = TOKENS.refresh(token.id, account_id=ACCOUNT)
    check("a refresh is one year from now", within(refreshed.expires_at, now() + timedelta(hours=8760)))
    check("a refresh shows no secret", extra(refreshed, "client_secret") is None)


def delete(token):
    deleted = TOKENS.delete(token.id, account_id=ACCOUNT)
    check("a deletion answers with the token", deleted.id == token.id)
    for name, call in {
        "get": lambda: TOKENS.get(token.id, account_id=ACCOUNT),
        "update": lambda: TOKENS.update(token.id, account_id=ACCOUNT, name="back"),
        "refresh": lambda: TOKENS.refresh(token.id, account_id=ACCOUNT),
        "rotate": lambda: TOKENS.rotate(token.id, account_id=ACCOUNT),
        "delete": lambda: TOKENS.delete(token.id, account_id=ACCOUNT),
    }.items():
        error = check_raises(f"{name} after the deletion is 404", cloudflare.NotFoundError, call)
        check(f"{name} after the deletion says not_found", "not_found" in error.get("message", ""))
    check("the list no longer holds it", token.id not in [found.id for found in TOKENS.list(account_id=ACCOUNT)])


def strangers(token):
    nobody = client("x" * 40).zero_trust.access.service_tokens
    check_raises(
        "an unknown API token is 401",
        cloudflare.AuthenticationError,
        lambda: nobody.get(token.id, account_id=ACCOUNT),
    )
    other = "f" * 32 if ACCOUNT != "f" * 32 else "e" * 32
    check_raises(
        "another account is 403",
        cloudflare.PermissionDeniedError,
        lambda: TOKENS.get(token.id, account_id=other),
    )


def main():
    token = create()
    try:
        for stage in (list_to_the_end, get, update, rotate, rotate_by_version, refresh, strangers):
            try:
                stage(token)
            except Exception as error:  # noqa: BLE001: one broken stage must not hide the others
                check(f"{stage.__name__} goes through (got {type(error).__name__}: {error})", False)
    finally:
        delete(token)
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 0 if counts["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
