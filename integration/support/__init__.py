"""Helpers of the integration tests; none of them imports the package under test."""
