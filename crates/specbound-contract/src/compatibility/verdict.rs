//! The verdict of a rule at a place: its severity for the directions that carry the place, its
//! message, its operations and its witness.

use std::collections::BTreeSet;

use super::location::Location;
use super::rules::Rule;
use super::usage_set::Direction;
use super::usage_set::UsageSet;
use super::{Audience, Classifier, Severity, Verdict, rule_id};
use crate::canonical::ObjectKind;
use crate::diff::Difference;

impl Classifier<'_> {
    pub(super) fn verdict(
        &self,
        location: &Location<'_>,
        rule: Rule,
        difference: Difference,
    ) -> Verdict {
        let in_component =
            location.path.starts_with("/components/") && location.holder != ObjectKind::Components;
        match rule {
            Rule::Fixed { severity, message, .. } if in_component && location.uses.is_empty() => {
                let message = match severity {
                    Severity::Compatible => message,
                    _ => format!(
                        "{}; but no operation of both documents uses it.",
                        message.trim_end_matches('.')
                    ),
                };
                self.verdict_at(location, Severity::Compatible, Audience::None, message, difference)
            }
            Rule::Fixed { severity, audience, message } => {
                self.verdict_at(location, severity, audience, message, difference)
            }
            Rule::ByDirection { what, .. }
                if location.uses.is_empty() && !in_component && !location.directed =>
            {
                let message = format!("{what}: this must be judged by hand.");
                self.verdict_at(location, Severity::Unclear, Audience::All, message, difference)
            }
            Rule::ByDirection { what, .. } if location.uses.is_empty() => {
                let message =
                    format!("{what}: no request or response that both documents have carries it.");
                self.verdict_at(location, Severity::Compatible, Audience::None, message, difference)
            }
            Rule::ByDirection { what, .. } if location.uses.is_negated() => {
                let message = format!(
                    "{what}: it stands under `not`, `if` or a `contains` with a limit, where less \
                     is more: this must be judged by hand."
                );
                self.verdict_at(location, Severity::Unclear, Audience::All, message, difference)
            }
            Rule::ByDirection { what, sent, read } => {
                let directions: BTreeSet<Direction> =
                    location.uses.kinds().map(|(direction, _)| direction).collect();
                let effects = directions.iter().map(|direction| match direction {
                    Direction::Request => (sent, "requests", *direction),
                    Direction::Response => (read, "responses", *direction),
                });
                let effects: Vec<_> = effects.collect();
                let severity = effects
                    .iter()
                    .map(|((severity, _), ..)| *severity)
                    .max()
                    .unwrap_or(Severity::Unclear);
                let worst: Vec<_> =
                    effects.into_iter().filter(|((one, _), ..)| *one == severity).collect();
                let unreached = [Direction::Request, Direction::Response]
                    .into_iter()
                    .filter(|one| !worst.iter().any(|(_, _, direction)| direction == one));
                let uses = unreached.fold(location.uses.clone(), UsageSet::without);
                let (message, audience) = match worst.as_slice() {
                    [((_, why), carriers, direction)] => {
                        let audience = match direction {
                            Direction::Request => Audience::Senders,
                            Direction::Response => Audience::Readers,
                        };
                        (format!("{what} in {carriers}: {why}."), audience)
                    }
                    [((_, one), ..), ((_, other), ..), ..] if one != other => (
                        format!("{what} in requests and responses: {one}, and {other}."),
                        Audience::All,
                    ),
                    [((_, why), ..), ..] => {
                        (format!("{what} in requests and responses: {why}."), Audience::All)
                    }
                    [] => (what, Audience::All),
                };
                self.verdict_at(
                    &Location { uses, ..location.clone() },
                    severity,
                    audience,
                    message,
                    difference,
                )
            }
        }
    }

    pub(super) fn verdict_at(
        &self,
        location: &Location<'_>,
        severity: Severity,
        audience: Audience,
        message: String,
        difference: Difference,
    ) -> Verdict {
        let used = location
            .uses
            .operations()
            .into_iter()
            .map(|number| self.documents.operations.name(number).to_owned());
        let operations: BTreeSet<String> = used.chain(location.operation.clone()).collect();
        let place = location.breadcrumb_text();
        let operations = operations.into_iter().collect();
        let rule = rule_id::rule_id(location, &difference);
        // Trials compare schemas that stand nowhere.
        let witness = match self.strict {
            0 => self.witnesses.find(self.documents, location, severity, audience),
            _ => None,
        };
        let location = place;
        Verdict { rule, severity, audience, location, operations, message, difference, witness }
    }
}
