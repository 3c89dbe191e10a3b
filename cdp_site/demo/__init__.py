"""The demonstration: a shop whose customers live through the product's main story, and the proof of it.

It sets up an empty database of its own, starts the product as `manage.py up` does, and from then on
speaks HTTP alone: write keys for messages, an API token for questions. Beside the product it serves two
small sites of its own on loopback: a shop that carries our snippet, and a CRM that keeps what it is told.
The report is an examination: each line compares what the API says with what must have happened.

May import settings, services and the loader for the set-up; nothing of the product imports it.
"""
