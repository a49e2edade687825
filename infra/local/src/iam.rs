//! IAM, evaluated on every call from the templates' own policies: identity, resource, boundary, conditions.

use crate::cloud::{ApiError, Cloud, Principal};
use crate::names;
use crate::world::{Role, World};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Condition keys of a request, each with its values.
pub(crate) type Keys = BTreeMap<String, Vec<String>>;

/// Access key of a role: the local cloud's own, so that a signature names its principal.
pub(crate) fn access_key(role: &str) -> String {
    format!("ASIA{}", domain::ids::sha256_hex(role.as_bytes())[..16].to_uppercase())
}

/// Keys that let nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// They never existed, or the token is not theirs.
    Unknown,
    /// They have ended.
    Expired,
}

impl Unfit {
    /// Each service has its own words for it.
    pub fn error(self, service: &str) -> ApiError {
        let (code, status) = match (self, service) {
            (Unfit::Unknown, "ec2") => ("AuthFailure", 401),
            (Unfit::Expired, "ec2") => ("RequestExpired", 400),
            (Unfit::Unknown, "s3") => ("InvalidAccessKeyId", 403),
            (Unfit::Expired, "s3") => ("ExpiredToken", 400),
            (Unfit::Unknown, "sns" | "sts") => ("InvalidClientTokenId", 403),
            (Unfit::Expired, "sns" | "sts") => ("ExpiredToken", 403),
            (Unfit::Unknown, "lambda") => ("UnrecognizedClientException", 403),
            (Unfit::Expired, "lambda") => ("ExpiredTokenException", 403),
            (Unfit::Unknown, _) => ("UnrecognizedClientException", 400),
            (Unfit::Expired, _) => ("ExpiredTokenException", 400),
        };
        let what = if self == Unfit::Unknown { "invalid" } else { "expired" };
        ApiError::new(code, status, format!("The security token included in the request is {what}."))
    }
}

thread_local! {
    /// Roles by access key, of every world: a key is its role's hash, so it stays right; whether the role exists, the world says.
    static KEYS: RefCell<HashMap<String, String>> = RefCell::default();
}

/// Who an access key belongs to: 12 digits are the root of that account, anything else a role's session or a role's own.
pub(crate) fn principal(world: &World, key: &str, token: &str, now: u64) -> Result<Principal, Unfit> {
    if key.len() == 12 && key.chars().all(|c| c.is_ascii_digit()) {
        return Ok(Principal { account: key.into(), role: String::new(), session: String::new() });
    }
    match world.sessions.get(key) {
        Some(s) if s.token != token => Err(Unfit::Unknown),
        Some(s) if now >= s.until_ms => Err(Unfit::Expired),
        Some(s) => Ok(Principal { session: s.name.clone(), ..crate::wire::role_principal(&s.role) }),
        None => world.roles.keys().find(|arn| access_key(arn) == key).map(|arn| crate::wire::role_principal(arn)).ok_or(Unfit::Unknown),
    }
}

/// A principal's own ARN, as messages and GetCallerIdentity show it.
pub(crate) fn arn_of(p: &Principal, region: &str) -> String {
    let partition = names::partition(region);
    match p.role.rsplit('/').next() {
        Some(name) if !p.role.is_empty() => format!("arn:{partition}:sts::{}:assumed-role/{name}/{}", p.account, p.session),
        _ => format!("arn:{partition}:iam::{}:root", p.account),
    }
}

/// `*` and `?` as IAM means them.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    if pattern.is_ascii() && text.is_ascii() {
        return fits(pattern.as_bytes(), text.as_bytes(), (b'*', b'?'));
    }
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    fits(&p, &t, ('*', '?'))
}

/// One unit is a byte or a character: policies are evaluated thousands of times a run, nearly always on plain ASCII.
fn fits<T: PartialEq + Copy>(p: &[T], t: &[T], (any, one): (T, T)) -> bool {
    let (mut i, mut j, mut star, mut mark) = (0, 0, None, 0);
    while j < t.len() {
        if i < p.len() && (p[i] == one || p[i] == t[j]) && p[i] != any {
            i += 1;
            j += 1;
        } else if i < p.len() && p[i] == any {
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
    p[i..].iter().all(|c| *c == any)
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
    let action = action.to_lowercase();
    let names = |field: &str| list(statement.get(field)).iter().any(|p| like(&p.to_lowercase(), &action));
    let action_ok = if statement.get("NotAction").is_some() { !names("NotAction") } else { names("Action") };
    if !action_ok {
        return false;
    }
    let names_it = |field: &Value| list(Some(field)).iter().any(|p| like(&with_variables(p, keys), resource));
    let resource_ok = match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(r), _) => names_it(r),
        (None, Some(r)) => !names_it(r),
        (None, None) => true,
    };
    resource_ok && statement.get("Condition").is_none_or(|c| condition_holds(c, keys))
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

/// How a policy's `Principal` means a caller.
#[derive(PartialEq, Clone, Copy)]
enum Named {
    /// Itself: that alone lets it in, inside its account.
    Itself,
    /// At least its account, which leaves it to the caller's own policies.
    Account,
}

/// What a resource's own policy says about a principal that it names so.
fn resource_verdict(policy: Option<&Value>, named: Named, p: &Principal, action: &str, resource: &str, keys: &Keys) -> Verdict {
    // A root is its account.
    let by_account = named == Named::Account || p.role.is_empty();
    let own = |w: &str| w == "*" || (w == p.role && !w.is_empty()) || by_account && (w == p.account || w.ends_with(&format!("::{}:root", p.account)));
    let names_it = |principal: &Value| principal.as_str().is_some_and(own) || list(principal.get("AWS")).into_iter().any(own);
    let own: Vec<&Value> = policy.into_iter().flat_map(statements).filter(|s| s.get("Principal").is_some_and(names_it)).collect();
    evaluate(&own, action, resource, keys)
}

/// What identity and resource say together: an explicit deny wins; in one account the caller's own policies, or a resource that names
/// the caller itself, are enough; across accounts both must allow, and there it is enough to name the account.
fn together(identity: Verdict, policy: Option<&Value>, same_account: bool, p: &Principal, action: &str, resource: &str, keys: &Keys) -> bool {
    let says = |named| resource_verdict(policy, named, p, action, resource, keys);
    match (identity, says(Named::Account)) {
        (Verdict::Deny, _) | (_, Verdict::Deny) => false,
        (own, _) if same_account => own == Verdict::Allow || says(Named::Itself) == Verdict::Allow,
        (own, theirs) => own == Verdict::Allow && theirs == Verdict::Allow,
    }
}

/// Whether a role may take another. Unlike any other resource a role must always let the caller in by its trust policy.
pub(crate) fn may_assume(world: &World, p: &Principal, role: &Role, keys: &Keys) -> bool {
    let mut keys = keys.clone();
    keys.insert("aws:PrincipalArn".into(), vec![p.role.clone()]);
    keys.insert("aws:PrincipalAccount".into(), vec![p.account.clone()]);
    let action = "sts:AssumeRole";
    let trusted = resource_verdict(Some(&role.trust), Named::Account, p, action, &role.arn, &keys) == Verdict::Allow;
    let identity = world.roles.get(&p.role).map(|own| role_verdict(own, action, &role.arn, &keys)).unwrap_or(Verdict::Silent);
    trusted && together(identity, Some(&role.trust), names::account_of(&role.arn) == p.account, p, action, &role.arn, &keys)
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
    /// Whether a role's own policies and its boundary let it do something, asked without doing it: also for actions that nothing
    /// here carries out. `keys` are the request's condition keys.
    pub fn allows(&self, role: &str, action: &str, resource: &str, keys: &[(&str, &str)]) -> bool {
        let mut keys: Keys = keys.iter().map(|(k, v)| (k.to_string(), vec![v.to_string()])).collect();
        keys.insert("aws:PrincipalArn".into(), vec![role.into()]);
        keys.insert("aws:PrincipalAccount".into(), vec![crate::names::account_of(role).into()]);
        self.world().roles.get(role).is_some_and(|r| role_verdict(r, action, resource, &keys) == Verdict::Allow)
    }

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
        let by_identity = match world.roles.get(&p.role) {
            None if p.role.is_empty() => Verdict::Allow,
            None => Verdict::Silent,
            Some(role) => role_verdict(role, action, resource, &keys),
        };
        if together(by_identity, policy, owner.is_empty() || owner == p.account, p, action, resource, &keys) {
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
        // Services that speak JSON by target answer every error of the caller's with 400.
        let status = if matches!(action.split(':').next(), Some("ssm" | "states" | "events" | "servicequotas")) { 400 } else { 403 };
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
        assert!(like("a?c", "a\u{e9}c") && like("*\u{e9}", "a\u{e9}") && !like("a??c", "a\u{e9}c"), "a character is one, however many bytes it has");
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
        let caller = |account: &str, role: &str| Principal { account: account.into(), role: role.into(), session: "s".into() };
        let verdict = |account: &str| resource_verdict(Some(&accounts), Named::Account, &caller(account, "r"), "a:b", "x", &Keys::new());
        assert!(verdict("1") == Verdict::Allow && verdict("2") == Verdict::Allow && verdict("3") == Verdict::Silent);
        let alone = |account: &str, role: &str, same: bool| together(Verdict::Silent, Some(&accounts), same, &caller(account, role), "a:b", "x", &Keys::new());
        assert!(alone("1", "", true), "a root is its account");
        assert!(!alone("1", "r", true) && !alone("1", "r", false), "an account that is named lets its roles' own policies decide");
        let itself = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "r"}, "Action": "*", "Resource": "*"}});
        assert!(together(Verdict::Silent, Some(&itself), true, &caller("1", "r"), "a:b", "x", &Keys::new()));
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
