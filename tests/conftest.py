"""Fixtures of every test. The database starts itself when a test first connects (tests/settings.py)."""
