"""Who belongs where.

Owns the condition language (parse, evaluate, compile to SQL, describe, match) and segment membership.
Promises that all readers of a condition give the same answer. May import `profiles`.
"""
