"""A session JWT, verified by PyJWT against the key set that its issuer serves.

Environment:
  SALLYPORT_GATEWAY  a gateway, such as http://127.0.0.1:8787
  SALLYPORT_ISSUER   the team domain's URL, such as http://team.localhost:8787
  SALLYPORT_AUD      the application's audience tag
  SALLYPORT_SESSION  a session of the application

Exit code 0 only when the session verifies, and verifies nowhere else.
"""

import json
import os
import sys
import urllib.parse
import urllib.request

import jwt

ISSUER = os.environ["SALLYPORT_ISSUER"]
AUD = os.environ["SALLYPORT_AUD"]
SESSION = os.environ["SALLYPORT_SESSION"]


def key_set():
    """Asked of the gateway by address: not every machine resolves *.localhost."""
    url = os.environ["SALLYPORT_GATEWAY"] + "/cdn-cgi/access/certs"
    request = urllib.request.Request(url, headers={"Host": urllib.parse.urlsplit(ISSUER).netloc})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def verify(keys, **changes):
    kid = jwt.get_unverified_header(SESSION)["kid"]
    key = next(key for key in keys.keys if key.key_id == kid)
    expected = {"audience": AUD, "issuer": ISSUER, **changes}
    options = {"require": ["exp", "iat", "iss", "aud"]}
    return jwt.decode(SESSION, key.key, algorithms=["RS256"], options=options, **expected)


def main():
    served = key_set()
    keys = jwt.PyJWKSet.from_dict(served)
    claims = verify(keys)
    assert claims["type"] == "app" and claims["aud"] == [AUD] and claims["sub"] == "", claims
    for changes, error in [
        ({"audience": "0" * 64}, jwt.InvalidAudienceError),
        ({"issuer": ISSUER + ".example"}, jwt.InvalidIssuerError),
    ]:
        try:
            verify(keys, **changes)
        except error:
            continue
        raise AssertionError(f"verified with {changes}")
    print(f"verified against {len(keys.keys)} keys")


if __name__ == "__main__":
    sys.exit(main())
