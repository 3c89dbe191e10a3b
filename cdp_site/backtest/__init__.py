"""What a journey would have done: it is played over what was stored, decided as live, and nothing is sent.

`queries` reads people as they were when a period begins, and what happened to them in it; `holders` finds who
somebody was before merges; `replay` moves them forward through the pipeline's own decider, on a desk that is
never written. On these stand the back-test (`services`), the why of somebody who did not enter (`asking`) and
the test with one person (`trying`).
"""
