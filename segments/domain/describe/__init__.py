"""A condition, or a computed trait, as a sentence that a marketer would say.

Pass `django.utils.translation` as the translator to hear it in the reader's language; without one it is
English. Every phrase is whole, with named places, so that a translation may reorder it.
"""

from segments.domain.describe.computed import describe_computed
from segments.domain.describe.sentences import describe

__all__ = ["describe", "describe_computed"]
