"""Pages of segments."""

from segments.views.pages import segment_detail, segment_list
from segments.views.writing import segment_edit, segment_new, segment_publish

__all__ = ["segment_detail", "segment_edit", "segment_list", "segment_new", "segment_publish"]
