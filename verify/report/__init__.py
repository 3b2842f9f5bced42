"""Pages, figures and tables, made from results alone: nothing on them is typed by hand."""

from verify.report.pages import write_index, write_page
from verify.report.terminal import junit, table

__all__ = ["junit", "table", "write_index", "write_page"]
