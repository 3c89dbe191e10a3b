"""Filling in templates that people of the company wrote, at arm's length.

A child process does it: with limits on time, memory and output, without the installation's secrets, and
killed when a template does not end. `renderer.py` is our side, `child.py` is the program of the child.
"""
