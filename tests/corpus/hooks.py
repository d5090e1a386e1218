"""One check: an answer has a status that the document names, or one by which specbound refuses a request before its
handler. A server error is 501 alone: no handler has code yet."""

import collections
import os

import schemathesis

# Refusals of the runtime: malformed request, credentials, form of the answer, media type, size. A document need not
# name them.
REFUSALS = {400, 401, 403, 404, 406, 413, 415}
seen = collections.Counter()


def documented(status, responses):
    names = {str(name).upper() for name in responses}
    return str(status) in names or f"{status // 100}XX" in names or "DEFAULT" in names


@schemathesis.check
def status_is_expected(ctx, response, case):
    status = response.status_code
    responses = case.operation.definition.raw.get("responses", {})
    if documented(status, responses):
        kind = "documented"
    elif status == 501:
        kind = "501"
    elif status in REFUSALS:
        kind = "refused"
    else:
        kind = "unexpected"
    seen[kind] += 1
    with open(os.environ["REPORT"], "w") as report:
        report.write(" ".join(f"{kind}={seen[kind]}" for kind in ("documented", "501", "refused", "unexpected")) + "\n")
    if kind == "unexpected" or (status >= 500 and status != 501):
        raise AssertionError(f"{case.method} {case.path}: status {status} is undocumented, or a failure of the server")
