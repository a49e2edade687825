//! IAM, evaluated on every call from the templates' own policies: identity, resource, boundary, conditions.

use crate::cloud::{ApiError, Cloud, Principal};
use crate::world::{Role, World};
use serde_json::Value;
use std::collections::BTreeMap;

/// Condition keys of a request, each with its values.
pub(crate) type Keys = BTreeMap<String, Vec<String>>;

/// Access key of a role: the local cloud's own, so that a signature names its principal.
pub(crate) fn access_key(role: &str) -> String {
    format!("ASIA{}", domain::ids::sha256_hex(role.as_bytes())[..16].to_uppercase())
}

/// Who an access key belongs to: 12 digits are the root of that account, anything else must be a role's.
pub(crate) fn principal(world: &World, key: &str) -> Option<Principal> {
    if key.len() == 12 && key.chars().all(|c| c.is_ascii_digit()) {
        return Some(Principal { account: key.into(), role: String::new() });
    }
    world.roles.keys().find(|arn| access_key(arn) == key).map(|arn| crate::wire::role_principal(arn))
}

/// `*` and `?` as IAM means them.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut i, mut j, mut star, mut mark) = (0, 0, None, 0);
    while j < t.len() {
        if i < p.len() && (p[i] == '?' || p[i] == t[j]) && p[i] != '*' {
            i += 1;
            j += 1;
        } else if i < p.len() && p[i] == '*' {
            star = Some(i);
            mark = j;
            i += 1;
        } else if let Some(s) = star {
            i = s + 1;
            mark += 1;
            j = mark;
        } else {
            return false;
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

pub(crate) fn list(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(s)) => vec![s],
        Some(Value::Array(a)) => a.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

fn condition_holds(condition: &Value, keys: &Keys) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators.into_iter().all(|(operator, tests)| {
        tests.as_object().into_iter().flatten().all(|(key, wanted)| {
            let wanted: Vec<String> = match wanted {
                Value::Array(a) => a.iter().map(|v| v.as_str().map(String::from).unwrap_or_else(|| v.to_string())).collect(),
                Value::String(s) => vec![s.clone()],
                other => vec![other.to_string()],
            };
            let wanted: Vec<String> = wanted.iter().map(|w| with_variables(w, keys)).collect();
            let found = keys.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v);
            test(operator, found, &wanted)
        })
    })
}

/// Policy variables: `${aws:RequestTag/x}` is the request's own value.
fn with_variables(text: &str, keys: &Keys) -> String {
    let mut out = text.to_string();
    for (key, values) in keys.iter().filter(|_| text.contains("${")) {
        out = out.replace(&format!("${{{key}}}"), values.first().map(String::as_str).unwrap_or_default());
    }
    out
}

fn test(operator: &str, found: Option<&Vec<String>>, wanted: &[String]) -> bool {
    let (set, operator) = match operator.split_once(':') {
        Some((set, rest)) => (set, rest),
        None => ("", operator),
    };
    if operator == "Null" {
        return wanted.iter().any(|w| (w == "true") == found.is_none());
    }
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(o) => (o, true),
        None => (operator, false),
    };
    let one = |value: &String| match operator {
        "StringEquals" | "ArnEquals" | "Bool" => wanted.iter().any(|w| w == value),
        "StringNotEquals" => wanted.iter().all(|w| w != value),
        "StringLike" | "ArnLike" => wanted.iter().any(|w| like(w, value)),
        "StringNotLike" => wanted.iter().all(|w| !like(w, value)),
        _ => false,
    };
    match (found, set) {
        (None, "ForAllValues") => true,
        (None, _) => if_exists || operator.contains("Not"),
        (Some(values), "ForAllValues") => values.iter().all(one),
        (Some(values), "ForAnyValue" | "") => values.iter().any(one),
        _ => false,
    }
}

pub(crate) fn statement_matches(statement: &Value, action: &str, resource: &str, keys: &Keys) -> bool {
    let names = |field: &str, text: &str| list(statement.get(field)).iter().any(|p| like(&p.to_lowercase(), &text.to_lowercase()));
    let action_ok = if statement.get("NotAction").is_some() { !names("NotAction", action) } else { names("Action", action) };
    let names_it = |field: &Value| list(Some(field)).iter().any(|p| like(&with_variables(p, keys), resource));
    let resource_ok = match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(r), _) => names_it(r),
        (None, Some(r)) => !names_it(r),
        (None, None) => true,
    };
    action_ok && resource_ok && statement.get("Condition").is_none_or(|c| condition_holds(c, keys))
}

pub(crate) fn statements(document: &Value) -> Vec<&Value> {
    match document.get("Statement") {
        Some(Value::Array(a)) => a.iter().collect(),
        Some(one) => vec![one],
        None => vec![],
    }
}

#[derive(PartialEq, Clone, Copy)]
pub(crate) enum Verdict {
    Allow,
    Deny,
    Silent,
}

/// What statements say together: a deny wins.
fn evaluate(statements: &[&Value], action: &str, resource: &str, keys: &Keys) -> Verdict {
    let mut verdict = Verdict::Silent;
    for s in statements.iter().filter(|s| statement_matches(s, action, resource, keys)) {
        if s["Effect"] == "Deny" {
            return Verdict::Deny;
        }
        verdict = Verdict::Allow;
    }
    verdict
}

/// What a resource's own policy says about a principal.
fn resource_verdict(policy: Option<&Value>, principal: &Principal, action: &str, resource: &str, keys: &Keys) -> Verdict {
    let own = |w: &str| w == "*" || w == principal.role || w == principal.account || w.ends_with(&format!("::{}:root", principal.account));
    let named = |principal: &Value| principal.as_str().is_some_and(own) || list(principal.get("AWS")).into_iter().any(own);
    let own: Vec<&Value> = policy.into_iter().flat_map(statements).filter(|s| s.get("Principal").is_some_and(named)).collect();
    evaluate(&own, action, resource, keys)
}

/// Whether a resource's own policy lets a service in. `source` = what the service acts for.
pub(crate) fn lets_service(policy: &Value, service: &str, action: &str, resource: &str, source: &str) -> bool {
    let account = crate::names::account_of(source).to_string();
    let keys = Keys::from([("aws:SourceArn".to_string(), vec![source.to_string()]), ("aws:SourceAccount".into(), vec![account])]);
    let named = |s: &&Value| s["Principal"] == "*" || list(s["Principal"].get("Service")).contains(&service);
    let own: Vec<&Value> = statements(policy).into_iter().filter(named).collect();
    evaluate(&own, action, resource, &keys) == Verdict::Allow
}

/// Whether a role's identity policies and boundary allow an action.
pub(crate) fn role_verdict(role: &Role, action: &str, resource: &str, keys: &Keys) -> Verdict {
    let policies: Vec<&Value> = role.policies.iter().flat_map(statements).collect();
    let own = evaluate(&policies, action, resource, keys);
    match (&role.boundary, own) {
        (Some(boundary), Verdict::Allow) => match evaluate(&statements(boundary), action, resource, keys) {
            Verdict::Allow => Verdict::Allow,
            other => {
                if other == Verdict::Deny {
                    Verdict::Deny
                } else {
                    Verdict::Silent
                }
            }
        },
        (_, v) => v,
    }
}

impl Cloud {
    /// Allows or refuses one action on one resource, as AWS would: an explicit deny wins; in one account identity or resource
    /// policy is enough, across accounts both must allow. A refusal is remembered.
    #[allow(clippy::too_many_arguments, reason = "IAM decides on all of them together; a struct would only rename them")]
    pub(crate) fn authorize(
        &self,
        world: &World,
        p: &Principal,
        action: &str,
        resource: &str,
        owner: &str,
        policy: Option<&Value>,
        keys: &Keys,
    ) -> Result<(), ApiError> {
        let mut keys = keys.clone();
        keys.insert("aws:PrincipalArn".into(), vec![p.role.clone()]);
        keys.insert("aws:PrincipalAccount".into(), vec![p.account.clone()]);
        let by_resource = resource_verdict(policy, p, action, resource, &keys);
        let by_identity = match world.roles.get(&p.role) {
            None if p.role.is_empty() => Verdict::Allow,
            None => Verdict::Silent,
            Some(role) => role_verdict(role, action, resource, &keys),
        };
        let allowed = match (by_identity, by_resource) {
            (Verdict::Deny, _) | (_, Verdict::Deny) => false,
            (a, b) if owner.is_empty() || owner == p.account => a == Verdict::Allow || b == Verdict::Allow,
            (a, b) => a == Verdict::Allow && b == Verdict::Allow,
        };
        if allowed {
            world.roles.get(&p.role).into_iter().for_each(|role| self.note(role, action, resource, &keys));
            return Ok(());
        }
        self.0.refusals.lock().unwrap_or_else(|p| p.into_inner()).push((p.role.clone(), action.into(), resource.into()));
        let who = if p.role.is_empty() { &p.account } else { &p.role };
        let code = match action.split(':').next().unwrap_or_default() {
            "ec2" => "UnauthorizedOperation",
            "s3" => "AccessDenied",
            "sns" => "AuthorizationError",
            _ => "AccessDeniedException",
        };
        // EventBridge and Service Quotas answer every error of the caller's with 400.
        let status = if action.starts_with("events:") || action.starts_with("servicequotas:") { 400 } else { 403 };
        Err(ApiError::new(code, status, format!("{who} is not authorized to perform: {action} on resource: {resource}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_and_conditions() {
        assert!(like("arn:*:s3:::a/*", "arn:aws:s3:::a/b/c") && !like("a?c", "ac") && like("*", "") && !like("ab*c", "abd"));
        let keys: Keys = [("aws:ResourceTag/consortium:member".to_string(), vec!["founder".to_string()])].into();
        assert!(condition_holds(&json!({"StringEquals": {"aws:ResourceTag/consortium:member": "founder"}}), &keys));
        assert!(!condition_holds(&json!({"StringEquals": {"aws:ResourceTag/consortium:member": "other"}}), &keys));
        assert!(!condition_holds(&json!({"StringEquals": {"aws:ResourceTag/absent": "x"}}), &keys));
        assert!(condition_holds(&json!({"Null": {"aws:ResourceTag/absent": "true"}}), &keys));
        assert!(!condition_holds(&json!({"Unheard": {"aws:ResourceTag/consortium:member": "founder"}}), &keys));
    }

    #[test]
    fn a_resource_may_be_the_callers_own_and_a_service_needs_its_name() {
        let keys: Keys = [("aws:PrincipalAccount".to_string(), vec!["111122223333".to_string()])].into();
        let own = json!({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:PrincipalAccount}/*"});
        assert!(statement_matches(&own, "s3:GetObject", "arn:aws:s3:::b/111122223333/x", &keys));
        assert!(!statement_matches(&own, "s3:GetObject", "arn:aws:s3:::b/444455556666/x", &keys));
        let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction",
            "Resource": "f", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:events:*:1:rule/a"}}}]});
        let lets = |service: &str, source: &str| lets_service(&policy, service, "lambda:InvokeFunction", "f", source);
        assert!(lets("events.amazonaws.com", "arn:aws:events:r:1:rule/a"));
        assert!(!lets("s3.amazonaws.com", "arn:aws:events:r:1:rule/a") && !lets("events.amazonaws.com", "arn:aws:events:r:1:rule/b"));
        let accounts = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root", "2"]}, "Action": "*", "Resource": "*"}});
        let verdict = |account: &str| resource_verdict(Some(&accounts), &Principal { account: account.into(), role: "r".into() }, "a:b", "x", &Keys::new());
        assert!(verdict("1") == Verdict::Allow && verdict("2") == Verdict::Allow && verdict("3") == Verdict::Silent);
    }

    #[test]
    fn a_deny_wins_and_a_boundary_caps() {
        let allow = json!({"Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]});
        let deny = json!({"Statement": {"Effect": "Deny", "Action": "ec2:DeleteTags", "Resource": "*"}});
        let verdict = |role: &Role, action: &str| role_verdict(role, action, "arn:x", &Keys::new()) == Verdict::Allow;
        let mut role = Role { policies: vec![allow.clone(), deny], ..Role::default() };
        assert!(verdict(&role, "ec2:RunInstances") && !verdict(&role, "ec2:DeleteTags"));
        role.boundary = Some(json!({"Statement": {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}}));
        assert!(!verdict(&role, "ec2:RunInstances") && verdict(&role, "ec2:DescribeInstances"));
    }
}
