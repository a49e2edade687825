//! Which statements of roles' policies were needed: what a campaign compares with what was granted.

use crate::cloud::Cloud;
use crate::iam::{Keys, Verdict, like, list, role_verdict, statement_matches, statements};
use crate::world::Role;
use serde_json::Value;
use std::collections::BTreeMap;

/// One action pattern of one Allow statement of one role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Role's ARN.
    pub role: String,
    /// Sid, or the statement's place.
    pub statement: String,
    /// Action as the policy writes it.
    pub action: String,
}

/// A call that needed a grant.
#[derive(Debug, Clone)]
pub struct Use {
    /// Action.
    pub action: String,
    /// Resource.
    pub resource: String,
    /// Condition keys, each with its values.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// Allow statements of a role with a name for each.
fn allows(role: &Role) -> impl Iterator<Item = (String, &Value)> {
    let all = role.policies.iter().flat_map(statements).enumerate().filter(|(_, s)| s["Effect"] == "Allow");
    all.map(|(i, s)| (s["Sid"].as_str().map(String::from).unwrap_or_else(|| format!("statement {i}")), s))
}

/// Every action pattern that a role's policies allow.
pub fn granted(role: &Role) -> Vec<Grant> {
    let of = |(statement, s): (String, &Value)| {
        let grant = |action: &str| Grant { role: role.arn.clone(), statement: statement.clone(), action: action.into() };
        list(s.get("Action")).into_iter().map(grant).collect::<Vec<_>>()
    };
    allows(role).flat_map(of).collect()
}

/// Whether a role's policies and boundary allow a call, by identity alone.
pub fn allowed(role: &Role, used: &Use) -> bool {
    role_verdict(role, &used.action, &used.resource, &used.keys) == Verdict::Allow
}

/// `(operator, key)` of the conditions of a grant's statement, and whether its resources are only `*`.
pub fn bounds(role: &Role, grant: &Grant) -> (Vec<(String, String)>, bool) {
    let found = allows(role).find(|(sid, s)| *sid == grant.statement && list(s.get("Action")).contains(&grant.action.as_str()));
    let Some((_, s)) = found else { return (vec![], true) };
    let of = |(operator, tests): (&String, &Value)| {
        let keys = tests.as_object().into_iter().flatten().map(|(k, _)| (operator.clone(), k.clone()));
        keys.collect::<Vec<_>>()
    };
    (s["Condition"].as_object().into_iter().flatten().flat_map(of).collect(), list(s.get("Resource")) == ["*"])
}

impl Cloud {
    /// Remembers which grants a call of a role used; the first call of each.
    pub(crate) fn note(&self, role: &Role, action: &str, resource: &str, keys: &Keys) {
        let mut uses = self.0.uses.lock().unwrap_or_else(|p| p.into_inner());
        let Some(uses) = uses.as_mut() else { return };
        for (statement, s) in allows(role).filter(|(_, s)| statement_matches(s, action, resource, keys)) {
            for pattern in list(s.get("Action")).into_iter().filter(|p| like(&p.to_lowercase(), &action.to_lowercase())) {
                let grant = Grant { role: role.arn.clone(), statement: statement.clone(), action: pattern.into() };
                uses.entry(grant).or_insert_with(|| Use { action: action.into(), resource: resource.into(), keys: keys.clone() });
            }
        }
    }

    /// From now on the grants that calls need are kept for [`Cloud::uses`].
    pub fn note_uses(&self) {
        *self.0.uses.lock().unwrap_or_else(|p| p.into_inner()) = Some(BTreeMap::new());
    }

    /// Every grant that was used since [`Cloud::note_uses`], with one call that needed it.
    pub fn uses(&self) -> BTreeMap<Grant, Use> {
        self.0.uses.lock().unwrap_or_else(|p| p.into_inner()).clone().unwrap_or_default()
    }
}
