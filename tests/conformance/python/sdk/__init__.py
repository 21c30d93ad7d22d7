"""The official Python SDK, driven through one noun after the other."""
