"""A session JWT, verified by PyJWT against the key set that its issuer serves.

Environment:
  SALLYPORT_GATEWAY  a gateway, such as http://127.0.0.1:8787
  SALLYPORT_ISSUER   the team domain's URL, such as http://team.localhost:8787
  SALLYPORT_AUD      the application's audience tag
  SALLYPORT_SESSION  a session of the application
  SALLYPORT_ALGORITHM  the only one that is accepted; RS256 if it is not given
  SALLYPORT_METADATA   if given, what the gateway says of the application to everybody, signed with the key of sessions
  SALLYPORT_ENDED    if given, a session that has expired; SALLYPORT_ENDED_AUD: the audience that it names

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
ALGORITHM = os.environ.get("SALLYPORT_ALGORITHM", "RS256")


def key_set():
    """Asked of the gateway by address: not every machine resolves *.localhost."""
    url = os.environ["SALLYPORT_GATEWAY"] + "/cdn-cgi/access/certs"
    request = urllib.request.Request(url, headers={"Host": urllib.parse.urlsplit(ISSUER).netloc})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def verify(keys, session=SESSION, **changes):
    kid = jwt.get_unverified_header(session)["kid"]
    key = next(key for key in keys.keys if key.key_id == kid)
    options = {"require": ["exp", "iat", "iss", "aud"]}
    expected = {"audience": AUD, "issuer": ISSUER, "options": options, **changes}
    return jwt.decode(session, key.key, algorithms=[ALGORITHM], **expected)


def main():
    served = key_set()
    keys = jwt.PyJWKSet.from_dict(served)
    claims = verify(keys)
    assert claims["type"] == "app" and claims["aud"] == [AUD] and claims["sub"] == "", claims
    head, body, signature = SESSION.split(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    altered = f"{head}.{body}.{signature[:middle]}{other}{signature[middle + 1:]}"
    wrong = [
        ({"audience": "0" * 64}, jwt.InvalidAudienceError),
        ({"issuer": ISSUER + ".example"}, jwt.InvalidIssuerError),
        ({"session": altered}, jwt.InvalidSignatureError),
    ]
    if "SALLYPORT_ENDED" in os.environ:
        ended = {"session": os.environ["SALLYPORT_ENDED"], "audience": os.environ["SALLYPORT_ENDED_AUD"]}
        wrong.append((ended, jwt.ExpiredSignatureError))
    if "SALLYPORT_METADATA" in os.environ:
        metadata = os.environ["SALLYPORT_METADATA"]
        wrong.append(({"session": metadata}, jwt.PyJWTError))
        # By signature and audience alone, as some applications do.
        wrong.append(({"session": metadata, "issuer": None, "options": {}}, jwt.ExpiredSignatureError))
    for changes, error in wrong:
        try:
            verify(keys, **changes)
        except error:
            continue
        raise AssertionError(f"verified with {changes}")
    print(f"PyJWT: 1 accepted, {len(wrong)} refused, {len(keys.keys)} keys")


if __name__ == "__main__":
    sys.exit(main())
