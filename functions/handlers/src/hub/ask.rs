//! `ask-members`: the only way from the hub into members' accounts, and the only role that the members' functions let in.

use crate::Context;
use crate::guard::param;
use crate::onboard::registry;
use domain::consortium::is_member_name;
use domain::{Class, Fault, merge};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// Functions of a member that the hub may ask; `announce-member` is not among them.
pub const ASKED: [&str; 16] = [
    "check-member",
    "ensure-nodes",
    "check-nodes",
    "ensure-names",
    "send-command",
    "check-command",
    "remove-commands",
    "remove-nodes",
    "check-left",
    "check-removal",
    "remove-volumes",
    "ensure-rules",
    "ensure-peerings",
    "ensure-acceptances",
    "ensure-routes",
    "remove-peerings",
];

/// Asks one function of each of the `members` the same, all at once, and joins their answers ([`merge::answers`]). When some
/// fail, the others have been asked all the same; the fault names every member that failed.
/// With `probe` nothing is asked: it says whether this role may invoke what it must, and nothing else.
pub async fn ask(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let members: Vec<String> = param(&event, "members")?;
    if members.is_empty() {
        return Err(Fault::field("members", "nobody is named", "[\"founder\"]"));
    }
    // All before anybody is asked: what is invalid for one does nothing at another.
    if let Some(bad) = members.iter().find(|m| !is_member_name(m)) {
        return Err(Fault::field("members", format!("`{bad}` is not a member's name"), "[\"founder\"]"));
    }
    if event["probe"] == json!(true) {
        for member in &members {
            probe(ctx, member).await?;
        }
        return Ok(json!({"probed": members}));
    }
    let function: String = param(&event, "function")?;
    if !ASKED.contains(&function.as_str()) {
        return Err(Fault::field("function", format!("`{function}` is not one of {}", ASKED.join(", ")), "\"check-member\""));
    }
    let asked = join_all(members.iter().map(|member| one(ctx, member, &function, &event))).await;
    let (mut answers, mut faults) = (vec![], vec![]);
    for (member, answer) in members.iter().zip(asked) {
        match answer {
            Ok(answer) => answers.push(answer),
            Err(fault) => faults.push((member.clone(), fault)),
        }
    }
    match faults.len() {
        0 => Ok(merge::answers(answers)),
        // A founder who is alone need not be named.
        1 if members.len() == 1 => Err(faults.remove(0).1),
        _ => Err(merge::faults(faults)),
    }
}

async fn one(ctx: &Context, member: &str, function: &str, event: &Value) -> Result<Value, Fault> {
    let (functions, relation) = registry::place(ctx, member).await?;
    let order = json!({"relation": relation, "network": event["network"], "execution": event["execution"], "epoch": event["epoch"], "params": event["params"]});
    ctx.aws.invoke(&format!("{functions}{function}"), &order).await
}

/// `Denied` unless each function of [`ASKED`] lets this role in, and the member's own one does not.
async fn probe(ctx: &Context, member: &str) -> Result<(), Fault> {
    let (functions, _) = registry::place(ctx, member).await?;
    let looks = join_all(ASKED.map(|function| {
        let arn = format!("{functions}{function}");
        async move { ctx.aws.may_invoke(&arn).await }
    }))
    .await;
    if let Some((function, fault)) = ASKED.iter().zip(looks).find_map(|(f, l)| Some((f, l.err()?))) {
        return Err(Fault::new(fault.class, format!("{member}: its {function} does not let the hub in: {}", fault.message)));
    }
    match ctx.aws.may_invoke(&format!("{functions}announce-member")).await {
        Err(f) if f.class == Class::Denied => Ok(()),
        Err(f) => Err(Fault::new(f.class, format!("{member}: {}", f.message))),
        Ok(()) => Err(Fault::new(Class::Denied, format!("{member}: its stack lets the hub invoke more than it must; it is not the stack of this invitation"))),
    }
}
