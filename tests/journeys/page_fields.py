"""What a browser would send of a form: read from the page, as it would."""

from html.parser import HTMLParser


class _Fields(HTMLParser):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.is_inside = form, False
        self.values: dict[str, str] = {}
        self.select = ""
        self.textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.is_inside = given.get("id") == self.form
        if not self.is_inside:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            self.values[name] = given.get("value", "")
        elif tag == "select":
            self.select = name
        elif tag == "textarea":
            self.textarea = name
            self.values[name] = ""
        elif tag == "option" and ("selected" in given or self.select not in self.values):
            self.values[self.select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "textarea":
            self.textarea = ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.values[self.textarea] += data.removeprefix("\n")


def fields_in(html: str, *, form: str) -> dict[str, str]:
    """The values of the form with this id, by field name."""
    reader = _Fields(form)
    reader.feed(html)
    assert reader.values, f"no form {form} on the page"
    return reader.values
