"""Plain forms for the parts of a journey."""

from journeys.forms.part import Known, PartForm, ShownSection

__all__ = ["Known", "PartForm", "ShownSection"]
