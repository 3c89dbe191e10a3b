"""Pages that show several apps at once: overview, person and timeline, operations, settings.

They read through the queries of the apps and write through their services; nothing here owns a table.
"""
