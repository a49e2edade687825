//! STS: who a caller is, and keys of a role for whoever its trust policy lets in.

use super::{only, text};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::{Keys, arn_of, may_assume};
use crate::names;
use crate::world::Session;
use serde_json::{Value, json};

/// Seconds that a session lasts if nobody says how long.
const LASTS: u64 = 3_600;

/// Calls of STS.
pub(crate) fn call(cloud: &Cloud, call: &Call) -> Reply {
    match call.action.as_str() {
        // Nobody needs a permission to ask who he is.
        "GetCallerIdentity" => {
            only(&call.params, &[])?;
            let p = &call.principal;
            let user = if p.role.is_empty() { p.account.clone() } else { user_id(&p.role, &p.session) };
            Ok(json!({"Arn": arn_of(p, &call.region), "UserId": user, "Account": p.account}))
        }
        "AssumeRole" => assume_role(cloud, call),
        other => Err(ApiError::new("InvalidAction", 400, format!("Could not find operation {other} for version 2011-06-15"))),
    }
}

/// A role's own id and its session's name.
fn user_id(role: &str, session: &str) -> String {
    format!("AROA{}:{session}", domain::ids::sha256_hex(role.as_bytes())[..17].to_uppercase())
}

fn invalid(why: String) -> ApiError {
    ApiError::new("ValidationError", 400, why)
}

/// How long a session shall last. Who calls is always a role, and one that takes another has an hour at most.
fn duration(params: &Value) -> Result<u64, ApiError> {
    match text(params, "DurationSeconds") {
        "" => Ok(LASTS),
        given => match given.parse().ok() {
            Some(seconds @ 900..=LASTS) => Ok(seconds),
            Some(3_601..=43_200u64) => Err(invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining".into())),
            _ => Err(invalid(format!("1 validation error detected: Value '{given}' at 'durationSeconds' must be between 900 and 43200"))),
        },
    }
}

fn assume_role(cloud: &Cloud, call: &Call) -> Reply {
    let p = &call.params;
    only(p, &["RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId"])?;
    let (arn, name) = (text(p, "RoleArn"), text(p, "RoleSessionName"));
    if !arn.starts_with("arn:") || arn.len() < 20 {
        return Err(invalid(format!("{arn} is invalid")));
    }
    if !(2..=64).contains(&name.len()) || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
        let why = format!("1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]*, 2 to 64");
        return Err(invalid(why));
    }
    let seconds = duration(p)?;
    if call.principal.role.is_empty() {
        return Err(ApiError::new("AccessDenied", 403, "Roles may not be assumed by root accounts."));
    }
    let mut keys = Keys::from([("sts:RoleSessionName".to_string(), vec![name.to_string()])]);
    if !text(p, "ExternalId").is_empty() {
        keys.insert("sts:ExternalId".into(), vec![text(p, "ExternalId").into()]);
    }
    let mut world = cloud.world();
    // A role that does not exist is refused in the same words, so that nobody learns which there are.
    if !world.roles.get(arn).is_some_and(|role| may_assume(&world, &call.principal, role, &keys)) {
        cloud.0.refusals.lock().unwrap_or_else(|p| p.into_inner()).push((call.principal.role.clone(), "sts:AssumeRole".into(), arn.into()));
        let who = arn_of(&call.principal, &call.region);
        return Err(ApiError::new("AccessDenied", 403, format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}")));
    }
    let mut random = |count| hex::encode_upper(world.bytes(count));
    let (id, secret, token) = (format!("ASIA{}", random(8)), random(20), random(60));
    let until_ms = cloud.now_ms() + seconds * 1000;
    world.sessions.insert(id.clone(), Session { role: arn.into(), name: name.into(), token: token.clone(), until_ms });
    let taken = crate::cloud::Principal { session: name.into(), ..crate::wire::role_principal(arn) };
    Ok(json!({
        "Credentials": {"AccessKeyId": id, "SecretAccessKey": secret, "SessionToken": token, "Expiration": names::time(until_ms)},
        "AssumedRoleUser": {"AssumedRoleId": user_id(arn, name), "Arn": arn_of(&taken, &call.region)},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use crate::world::Role;

    const TAKER: &str = "arn:aws:iam::111122223333:role/taker";
    const TAKEN: &str = "arn:aws:iam::444455556666:role/path/taken";

    fn roles(cloud: &Cloud, trust: Value, policy: Value) {
        let mut world = cloud.world();
        let taker = Role { arn: TAKER.into(), policies: vec![json!({"Statement": policy})], ..Role::default() };
        let look = json!({"Statement": {"Effect": "Allow", "Action": "ec2:DescribeVolumes", "Resource": "*"}});
        let taken = Role { arn: TAKEN.into(), trust: json!({"Statement": trust}), policies: vec![look], ..Role::default() };
        world.roles.extend([(TAKER.to_string(), taker), (TAKEN.to_string(), taken)]);
    }

    async fn take(caller: &Caller, more: &[(&str, &str)]) -> Answer {
        let asked = [("RoleArn", TAKEN), ("RoleSessionName", "visit")];
        caller.form("sts", "2011-06-15", "AssumeRole", &[&asked[..], more].concat()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_trust_policy_lets_in_whom_it_names_and_the_keys_are_the_roles() {
        let cloud = cloud();
        let trust = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "ours"}}});
        roles(&cloud, trust, json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": TAKEN}));
        let taker = Caller::new(&cloud, TAKER, EAST.1);
        let refused = take(&taker, &[]).await;
        assert_eq!(code_of(&refused), (403, "AccessDenied"));
        let who = "arn:aws:sts::111122223333:assumed-role/taker/taker";
        assert_eq!(element(&refused.1, "Message"), format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {TAKEN}"));
        assert_eq!(code_of(&take(&taker, &[("ExternalId", "theirs")]).await), (403, "AccessDenied"));
        assert!(cloud.world().sessions.is_empty());

        let (status, body) = take(&taker, &[("ExternalId", "ours"), ("DurationSeconds", "900")]).await;
        assert_eq!((status, element(&body, "Arn")), (200, "arn:aws:sts::444455556666:assumed-role/taken/visit"));
        let (id, token) = (element(&body, "AccessKeyId"), element(&body, "SessionToken"));
        let visitor = Caller::with(&cloud, id, token, EAST.1);
        let me = visitor.form("sts", "2011-06-15", "GetCallerIdentity", &[]).await;
        assert_eq!((element(&me.1, "Account"), element(&me.1, "UserId")), (WEST.0, element(&body, "AssumedRoleId")));
        assert_eq!(visitor.ec2("DescribeVolumes", &[]).await.0, 200, "what the role may");
        assert_eq!(code_of(&visitor.ec2("DescribeInstances", &[]).await), (403, "UnauthorizedOperation"), "and nothing else");
        assert_eq!(code_of(&Caller::with(&cloud, id, "another", EAST.1).ec2("DescribeVolumes", &[]).await), (401, "AuthFailure"));
        wait(900).await;
        assert_eq!(code_of(&visitor.ec2("DescribeVolumes", &[]).await), (400, "RequestExpired"));
    }

    #[tokio::test(start_paused = true)]
    async fn trust_alone_and_permission_alone_are_not_enough() {
        let cloud = cloud();
        let taker = Caller::new(&cloud, TAKER, EAST.1);
        let may = json!({"Effect": "Allow", "Action": "sts:*", "Resource": "*"});
        roles(&cloud, json!({"Effect": "Allow", "Principal": {"AWS": TAKER}, "Action": "sts:AssumeRole"}), json!([]));
        assert_eq!(code_of(&take(&taker, &[]).await), (403, "AccessDenied"), "the caller's own account must allow it too");
        roles(&cloud, json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}), may.clone());
        assert_eq!(code_of(&take(&taker, &[]).await), (403, "AccessDenied"), "a service's role is for the service");
        roles(&cloud, json!({"Effect": "Allow", "Principal": {"AWS": TAKER}, "Action": "sts:AssumeRole"}), may);
        assert_eq!(take(&taker, &[]).await.0, 200);
        let root = Caller::new(&cloud, EAST.0, EAST.1);
        assert_eq!(code_of(&take(&root, &[]).await), (403, "AccessDenied"), "no root takes a role");
        let me = root.form("sts", "2011-06-15", "GetCallerIdentity", &[]).await;
        assert_eq!((element(&me.1, "Arn"), element(&me.1, "UserId")), ("arn:aws:iam::111122223333:root", EAST.0));
        for (name, value) in [("DurationSeconds", "899"), ("DurationSeconds", "3601"), ("RoleSessionName", "a b")] {
            assert_eq!(code_of(&take(&taker, &[(name, value)]).await), (400, "ValidationError"), "{name} {value}");
        }
        let stranger = Caller::with(&cloud, "ASIA0", "", EAST.1);
        assert_eq!(code_of(&take(&stranger, &[]).await), (403, "InvalidClientTokenId"));
        assert_eq!(code_of(&stranger.s3("GET", "/b/k", "").await), (403, "InvalidAccessKeyId"));
        assert_eq!(stranger.json("ssm", "AmazonSSM.ListCommands", json!({})).await.1["__type"], "UnrecognizedClientException");
    }
}
