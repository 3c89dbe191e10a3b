"""What people do with journeys: draft, publish, pause, resume, stop.

Each function is one transaction and writes the audit log. A draft may be unsound; what is published never
is. Whatever changes who may enter or move takes the rules for itself first, so that no drain or sweep is
deciding meanwhile.
"""

from journeys.services.calling import NotByApi, enter_people
from journeys.services.drafts import (
    DraftConflict,
    SlugTaken,
    create_journey,
    create_named,
    save_draft,
    undo_draft,
)
from journeys.services.keeping import InUse, delete_journey, duplicate_journey, rename_journey
from journeys.services.publishing import PeopleInside, PeopleLeaving, publish_journey
from journeys.services.soundness import faults_of
from journeys.services.states import WrongState, pause_journey, resume_journey, stop_journey

__all__ = [
    "DraftConflict",
    "InUse",
    "NotByApi",
    "PeopleInside",
    "PeopleLeaving",
    "SlugTaken",
    "WrongState",
    "create_journey",
    "create_named",
    "delete_journey",
    "duplicate_journey",
    "enter_people",
    "faults_of",
    "pause_journey",
    "publish_journey",
    "rename_journey",
    "resume_journey",
    "save_draft",
    "stop_journey",
    "undo_draft",
]
