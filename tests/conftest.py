"""Settings of the unit tests."""

from __future__ import annotations

from hypothesis import settings

# A shared machine is slow at times, and a failure has to be reproducible from its text.
settings.register_profile("linkinstall", deadline=None, print_blob=True)
settings.load_profile("linkinstall")
