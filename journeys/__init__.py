"""What happens to whom, and when.

Owns journey documents, runs and the ledger of decisions. Promises that each decision is made once,
on the facts of its moment, and is stored with its reasons. May import `segments`, `connectors`, `profiles`.
"""
