"""What a browser would send of a form: read from the page, as it would."""

from html.parser import HTMLParser


class _Fields(HTMLParser):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.is_inside = form, False
        self.values: dict[str, list[str]] = {}
        self.select = ""
        self.textarea = ""
        self.is_chosen = self.is_first = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.is_inside = given.get("id") == self.form
        if not self.is_inside:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.values.setdefault(name, []).append(given.get("value", ""))
        elif tag == "select":
            self.select, self.is_chosen, self.is_first = name, False, True
        elif tag == "textarea":
            self.textarea = name
            self.values.setdefault(name, []).append("")
        elif tag == "option" and self.select and not self.is_chosen:
            chosen = self.values.setdefault(self.select, [])
            if self.is_first:
                chosen.append(given["value"])
            elif "selected" in given:
                chosen[-1] = given["value"]
            self.is_first, self.is_chosen = False, "selected" in given

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "textarea":
            self.textarea = ""
        elif tag == "select":
            self.select = ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.values[self.textarea][-1] += data.removeprefix("\n")


def fields_in(html: str, *, form: str) -> dict[str, str | list[str]]:
    """The values of the form with this id, by field name; of a name that comes several times, all of them."""
    reader = _Fields(form)
    reader.feed(html)
    assert reader.values, f"no form {form} on the page"
    return {name: found[0] if len(found) == 1 else found for name, found in reader.values.items()}
