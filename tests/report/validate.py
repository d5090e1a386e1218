"""validate.py SARIF-SCHEMA SARIF JUNIT-SCHEMA JUNIT: validates both reports, and that a wrong one is refused."""
import copy, json, sys
import jsonschema
from lxml import etree

sarif_schema, sarif, junit_schema, junit = sys.argv[1:]
schema, report = json.load(open(sarif_schema)), json.load(open(sarif))
validator = jsonschema.validators.validator_for(schema)(schema)
errors = [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(report)]
assert not errors, errors
results = report["runs"][0]["results"]
assert any("suppressions" in result for result in results), "no accepted finding"
wrong = copy.deepcopy(report)
wrong["runs"][0]["results"][0]["level"] = "bad"
assert not validator.is_valid(wrong)

schema, report = etree.XMLSchema(etree.parse(junit_schema)), etree.parse(junit)
assert schema.validate(report), schema.error_log
cases, skipped = report.findall(".//testcase"), report.findall(".//skipped")
assert len(cases) == len(results) and skipped, (len(cases), len(results))
cases[0].append(etree.Element("unknown"))
assert not schema.validate(report)
print(f"SARIF: {len(results)} results, valid; JUnit: {len(cases)} cases, valid")
