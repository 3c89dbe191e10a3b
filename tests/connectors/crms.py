"""CRMs of vendors on the loopback. They keep what they are given, under the vendors' own rules.

Each speaks what its vendor's public documentation says of the calls that we make, and nothing else: an
unknown path is a 404. `script` makes the next answers; a record whose name is "bad" is refused inside an
answer that is well, one named "silent" is taken and not spoken of again.
"""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.sinks import Answer, HttpServer, Received

TOKEN = "vendor-token-51c2"


def said(body: Any, *, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    return Answer(
        status=status,
        headers={"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}},
        body=b"" if body is None else json.dumps(body).encode(),
    )


class VendorCrm(HttpServer):
    """What the three have in common."""

    limited: Answer  # what they say when asked too much,
    locked: Answer  # when they do not let us in,
    refusal: Answer  # and when a whole call is wrong

    def __init__(self) -> None:
        super().__init__()
        self.contacts: dict[str, dict[str, Any]] = {}  # their id -> fields
        self.things: dict[str, dict[str, Any]] = {}  # their id -> kind, fields, contact
        self.places: set[tuple[str, str]] = set()  # list, their id
        self.after: deque[Answer] = deque()  # given once the call has had its effect: it was lost on the way

    def answer(self, request: Received) -> Answer:
        if self.script:
            return self.script.popleft()
        url = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        found = self.answered(request, [one for one in url.path.split("/") if one], query)
        return self.after.popleft() if self.after and request.method != "GET" else found

    def answered(self, request: Received, path: list[str], query: Mapping[str, str]) -> Answer:
        raise NotImplementedError

    def contact(self, **fields: Any) -> str:
        """A contact that somebody made by hand."""
        number = str(501 + len(self.contacts))
        self.contacts[number] = fields
        return number

    def thing(self, kind: str, fields: Mapping[str, Any]) -> str:
        number = str(9001 + len(self.things))
        self.things[number] = {"kind": kind, **fields}
        return number

    def made(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.things.values() if one["kind"] == kind]


class HubSpotCrm(VendorCrm):
    limited = said(
        {"status": "error", "message": "…", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"},
        status=429,
        Retry_After="7",
    )
    locked = said({"status": "error", "category": "INVALID_AUTHENTICATION", "message": "…"}, status=401)
    refusal = said(
        {"status": "error", "category": "VALIDATION_ERROR", "message": "x@example.com …", "errors": []},
        status=400,
    )
    properties = frozenset({"email", "wayfare_id"})  # with unique values

    def answered(self, request: Received, path: list[str], query: Mapping[str, str]) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.locked
        match request.method, path[2:]:
            case "POST", ["objects", "contacts", "batch", how]:
                return self._batch([self._contact(one, how=how) for one in request.json["inputs"]])
            case "POST", ["objects", kind, "batch", "upsert"]:
                return self._batch([self._thing(kind, one) for one in request.json["inputs"]])
            case "PUT", ["objects", _, thing, "associations", "default", "contacts", contact]:
                if contact not in self.contacts:
                    return said({"status": "error", "category": "OBJECT_NOT_FOUND"}, status=404)
                self.things[thing]["contact"] = contact
                return said({"status": "COMPLETE", "results": []})
            case "PUT", ["lists", list_id, "memberships", "add"]:
                known = [one for one in request.json if one in self.contacts]
                self.places |= {(list_id, one) for one in known}
                missing = [one for one in request.json if one not in known]
                return said({"recordIdsAdded": known, "recordIdsMissing": missing, "recordIdsRemoved": []})
            case "GET", ["properties", "contacts"]:
                field = {"name": "firstname", "label": "First name", "type": "string"}
                read_only = {"name": "hs_object_id", "modificationMetadata": {"readOnlyValue": True}}
                return said({"results": [field, read_only]})
            case "GET", ["properties", _, name] if name in self.properties:
                return said({"name": name, "hasUniqueValue": name != "email"})
        return said({"status": "error", "category": "OBJECT_NOT_FOUND"}, status=404)

    def _batch(self, outcomes: list[tuple[str, dict[str, Any] | None]]) -> Answer:
        results = [one for kind, one in outcomes if kind == "result" and one]
        errors = [one for kind, one in outcomes if kind == "error" and one]
        body: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if len(results) == len(outcomes):
            return said(body)
        return said({**body, "numErrors": len(errors), "errors": errors}, status=207)

    def _contact(self, given: Mapping[str, Any], *, how: str) -> tuple[str, dict[str, Any] | None]:
        fields = dict(given["properties"])
        assert all(isinstance(value, str) for value in fields.values()), "properties are texts"
        if (refused := _by_name(fields, name="firstname")) is not None:
            trace = {"objectWriteTraceId": [given["objectWriteTraceId"]]}
            error = {"status": "error", "category": "VALIDATION_ERROR", "message": "bad …", "context": trace}
            return "error", error if refused == "bad" else None
        if how == "update":
            if given["id"] not in self.contacts:
                return "error", None  # what HubSpot does: 207, no error, no result
            number = str(given["id"])
        else:
            assert given["idProperty"] in self.properties
            same = [id_ for id_, one in self.contacts.items() if one.get(given["idProperty"]) == given["id"]]
            number = same[0] if same else self.contact()
        self.contacts[number] |= fields
        trace_id = given["objectWriteTraceId"]
        return "result", {"id": number, "properties": self.contacts[number], "objectWriteTraceId": trace_id}

    def _thing(self, kind: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
        assert given["idProperty"] in self.properties
        same = [id_ for id_, one in self.things.items() if one.get(given["idProperty"]) == given["id"]]
        number = same[0] if same else self.thing(kind, {})
        self.things[number] |= given["properties"]
        return "result", {"id": number, "properties": dict(given["properties"])}


class SalesforceCrm(VendorCrm):
    limited = said(
        [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}], status=403
    )
    locked = said([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}], status=401)
    refusal = said([{"message": "x@example.com …", "errorCode": "JSON_PARSER_ERROR"}], status=400)

    def __init__(self) -> None:
        super().__init__()
        self.sessions = 0
        self.forms: list[dict[str, str]] = []

    def answered(self, request: Received, path: list[str], query: Mapping[str, str]) -> Answer:
        if path == ["services", "oauth2", "token"]:
            return self._session({key: one[0] for key, one in parse_qs(request.body.decode()).items()})
        if request.headers.get("authorization") != f"Bearer session-{self.sessions}":
            return self.locked
        match request.method, path[3:]:
            case "PATCH", ["composite", "sobjects"]:
                return said([self._contact(one, key="id") for one in request.json["records"]])
            case "PATCH", ["composite", "sobjects", "Contact", key]:
                return said([self._contact(one, key=key) for one in request.json["records"]])
            case "GET" | "PATCH", ["sobjects", ("Opportunity" | "Task") as kind, key, value]:
                return self._thing(kind, key, value, request)
            case "POST", ["sobjects", "CampaignMember"]:
                member = (request.json["CampaignId"], request.json["ContactId"])
                if member in self.places:
                    return said(
                        [{"errorCode": "DUPLICATE_VALUE", "message": "Already a member."}], status=400
                    )
                self.places.add(member)
                return said({"id": "00v1", "success": True, "errors": []}, status=201)
            case "GET", ["sobjects", _, "describe"]:
                name = {"name": "FirstName", "label": "First name", "createable": True, "updateable": True}
                return said({"fields": [name, {"name": "Wayfare_Id__c", "externalId": True}]})
        return said([{"errorCode": "NOT_FOUND", "message": "…"}], status=404)

    def _session(self, form: dict[str, str]) -> Answer:
        self.forms.append(form)
        if form.get("client_secret") != TOKEN:
            return said({"error": "invalid_client", "error_description": "…"}, status=400)
        self.sessions += 1
        return said(
            {"access_token": f"session-{self.sessions}", "instance_url": self.url, "token_type": "Bearer"}
        )

    def _contact(self, given: Mapping[str, Any], *, key: str) -> dict[str, Any] | None:
        fields = {name: value for name, value in given.items() if name not in ("attributes", "id")}
        assert given["attributes"] == {"type": "Contact"}
        if (refused := _by_name(fields, name="FirstName")) is not None:
            error = {"statusCode": "INVALID_EMAIL_ADDRESS", "message": "bad …", "fields": ["Email"]}
            return {"success": False, "errors": [error]} if refused == "bad" else None
        if key == "id":
            if given["id"] not in self.contacts:
                error = {"statusCode": "ENTITY_IS_DELETED", "message": "…", "fields": []}
                return {"success": False, "errors": [error]}
            number = str(given["id"])
        else:
            same = [id_ for id_, one in self.contacts.items() if one.get(key) == given[key]]
            number = same[0] if same else self.contact()
        self.contacts[number] |= fields
        return {"id": number, "success": True, "errors": [], "created": True}

    def _thing(self, kind: str, key: str, value: str, request: Received) -> Answer:
        same = [id_ for id_, one in self.things.items() if one.get(key) == value]
        if request.method == "GET":
            return said({"Id": same[0]}) if same else said([{"errorCode": "NOT_FOUND"}], status=404)
        contact = request.json.get("ContactId") or request.json.get("WhoId")
        if contact not in self.contacts:
            return said([{"errorCode": "INVALID_CROSS_REFERENCE_KEY", "message": "…"}], status=400)
        if same and kind == "Opportunity":  # its contact can be given only when it is made
            return said([{"errorCode": "INVALID_FIELD_FOR_INSERT_UPDATE", "message": "…"}], status=400)
        number = same[0] if same else self.thing(kind, {})
        self.things[number] |= {**request.json, key: value, "contact": contact}
        return said({"id": number, "success": True, "errors": [], "created": not same}, status=201)


class PipedriveCrm(VendorCrm):
    limited = said({"success": False, "error": "Rate limit exceeded"}, status=429, Retry_After="7")
    locked = said({"success": False, "error": "unauthorized access", "errorCode": 401}, status=401)
    refusal = said(
        {"success": False, "code": "ERR_SCHEMA_VALIDATION_FAILED", "error": "x@example.com …"}, status=400
    )
    deal_field = "d" * 40

    def answered(self, request: Received, path: list[str], query: Mapping[str, str]) -> Answer:
        if request.headers.get("x-api-token") != TOKEN:
            return self.locked
        match request.method, path:
            case "GET", [*_, kind, "search"]:
                return self._found(query, self._matching(kind, query["term"]))
            case "POST", ["api", "v2", "persons"]:
                assert request.json["name"]
                return self._refused(request.json) or self._data(self.contact(**request.json), status=201)
            case "PATCH", ["api", "v2", "persons", id_] if id_ in self.contacts:
                self.contacts[id_] |= request.json
                return self._refused(request.json) or self._data(id_)
            case "POST", [*_, ("deals" | "activities" | "notes") as kind]:
                return self._thing(kind, request.json)
            case "GET", [*_, ("activities" | "notes") as kind]:
                return self._listed(kind, person=query["person_id"])
            case "GET", ["api", "v2", "persons", id_] if id_ in self.contacts:
                return self._data(id_)
            case "GET", ["v1", _] | ["v1", "users", "me"]:
                return self._account(path[-1])
        return said({"success": False, "error": "not found"}, status=404)

    def _account(self, what: str) -> Answer:
        known: dict[str, Any] = {
            "me": {"id": 1},
            "dealFields": [{"key": self.deal_field, "name": "Wayfare id"}],
            "personFields": [{"key": "p" * 40, "name": "Plan"}, {"key": "add_time"}],
        }
        return said({"success": True, "data": known[what]})

    def _listed(self, kind: str, *, person: str) -> Answer:
        listed = [{"id": int(id_), **one} for id_, one in self.things.items() if one["kind"] == kind]
        return said({"success": True, "data": [one for one in listed if one["contact"] == person]})

    def _thing(self, kind: str, given: Mapping[str, Any]) -> Answer:
        contact = given["participants"][0] if kind == "activities" else given
        if str(contact["person_id"]) not in self.contacts:
            return self.refusal
        return self._data(self.thing(kind, {**given, "contact": str(contact["person_id"])}))

    def _matching(self, kind: str, term: str) -> set[str]:
        if kind == "deals":
            return {id_ for id_, one in self.things.items() if term in str(one.get("custom_fields"))}
        return {
            id_
            for id_, one in self.contacts.items()
            if term in [mail["value"] for mail in one.get("emails", [])] or term == one.get("email")
        }

    def _found(self, query: Mapping[str, str], ids: set[str]) -> Answer:
        assert query["exact_match"] == "true"
        items = [{"result_score": 1, "item": {"id": int(id_)}} for id_ in sorted(ids)]
        return said({"success": True, "data": {"items": items}, "additional_data": {"next_cursor": None}})

    def _data(self, id_: str, *, status: int = 200) -> Answer:
        return said({"success": True, "data": {"id": int(id_)}}, status=status)

    def _refused(self, given: Mapping[str, Any]) -> Answer | None:
        match _by_name(given, name="first"):
            case "bad":  # refused inside an answer that is well
                return said({"success": False, "error": "bad …", "code": "ERR_BAD_VALUE"})
            case "silent":
                return said({"success": True, "data": None})
        return None


def _by_name(fields: Mapping[str, Any], *, name: str) -> str | None:
    return str(fields[name]) if fields.get(name) in ("bad", "silent") else None
