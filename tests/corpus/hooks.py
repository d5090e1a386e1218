"""One check: a response has a status that the document names, or one by which specbound refuses a request before its
handler, where the operation and the request give it a reason. A server error is 501 alone: no handler has code yet."""

import collections
import os

import schemathesis

seen = collections.Counter()
KINDS = ("documented", "501", "refused", "unexpected")


def documented(status, responses):
    names = {str(name).upper() for name in responses}
    return str(status) in names or f"{status // 100}XX" in names or "DEFAULT" in names


def refusal(status, case):
    """Whether the runtime may refuse this request so, although the document does not name the status."""
    operation = case.operation
    has_body = bool(list(operation.body))
    is_secured = bool(operation.definition.raw.get("security", operation.schema.raw_schema.get("security")))
    parameters = (operation.path_parameters, operation.query, operation.headers, operation.cookies)
    return {
        # A parameter or a body that contradicts the document.
        400: has_body or any(list(group) for group in parameters),
        # The credentials of the test are no caller's of this scheme.
        401: is_secured,
        403: is_secured,
        # A value of a variable that makes another path.
        404: bool(list(operation.path_parameters)),
        # The query or a header asks for another form.
        406: "accept" in {name.lower() for name in (case.headers or {})} or "format" in (case.query or {}),
        413: has_body,
        415: has_body,
    }.get(status, False)


@schemathesis.check
def status_is_expected(ctx, response, case):
    status = response.status_code
    responses = case.operation.definition.raw.get("responses", {})
    if documented(status, responses):
        kind = "documented"
    elif status == 501:
        kind = "501"
    elif refusal(status, case):
        kind = "refused"
    else:
        kind = "unexpected"
    seen[kind] += 1
    with open(os.environ["REPORT"], "w") as report:
        report.write(" ".join(f"{kind}={seen[kind]}" for kind in KINDS) + "\n")
    if kind == "unexpected" or (status >= 500 and status != 501):
        raise AssertionError(f"{case.method} {case.path}: status {status} is undocumented, or a failure of the server")
