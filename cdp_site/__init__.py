"""The site: settings, process supervision, the way of a message, and pages that show several apps.

Owns what no single app can: `pipeline` (store, segments, journeys in one transaction), `people`
(merge, erase, export), `pages`, `audit` and the role marks in `web`. May import every app; the apps
may import only `audit`, `privacy` and `web` from here.
"""
