//! `ask-member`: the only way from the hub into a member's account, and the only role that the members' functions let in.

use crate::Context;
use crate::guard::param;
use domain::{Class, Fault};
use serde_json::{Value, json};

/// Invokes one function of a member with an order and gives back its answer or its fault.
/// `member` is a name; its relation id and functions come from the hub's own settings.
pub async fn ask(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (member, function): (String, String) = (param(&event, "member")?, param(&event, "function")?);
    if member != ctx.setting("FOUNDER_MEMBER")? {
        return Err(Fault::new(Class::NotFound, format!("`{member}` is not a member of this consortium")));
    }
    let known = |c: char| c.is_ascii_lowercase() || c == '-';
    if !function.chars().all(known) {
        return Err(Fault::field("function", "not a function's name", "\"check-member\""));
    }
    let arn = format!("{}{function}", ctx.setting("FOUNDER_FUNCTIONS")?);
    let order = json!({
        "relation": ctx.setting("FOUNDER_RELATION")?, "network": event["network"], "execution": event["execution"],
        "epoch": event["epoch"], "params": event["params"],
    });
    ctx.aws.invoke(&arn, &order).await
}
