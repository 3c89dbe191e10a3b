"""Who a person is and what they did.

Owns people, identities, events, traits, consent and their histories, and the durable inbox that every
message passes. Promises: an accepted message is never lost, counts once, and belongs to one person.
May import nothing above it: no segments, journeys or connectors.
"""
