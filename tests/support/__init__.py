"""Shared makers and fakes of the tests."""
