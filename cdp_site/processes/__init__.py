"""The processes of a running product: one parent, PostgreSQL, web, three task clusters, a watchdog.

Promises: whatever dies is started again, with growing pauses if it keeps dying; a cluster that stands
still is replaced, one that works long is left alone; a stop goes from the doors inwards and takes the
database last; no process outlives the parent. Imports no app.
"""
