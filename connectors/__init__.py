"""How data comes in and how a message leaves.

Owns sources (the HTTP door, webhooks), connections, templates, the outbox of deliveries and the
channels that send them. Promises that a delivery is attempted only after its decision is durable and
carries one idempotency key through every retry. May import `profiles`.
"""
