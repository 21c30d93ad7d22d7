"""Prints a new certificate authority as PEM."""

from sdk.authority import authority

print(authority(), end="")
