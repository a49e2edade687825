//! `send-notice`: tells whoever is on call what happened without them.

use crate::Context;
use crate::guard::param;
use domain::Fault;
use serde_json::{Value, json};

/// Publishes to the stack's topic. Saying it twice is harmless.
pub async fn send(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (subject, message): (String, Value) = (param(&event, "subject")?, param(&event, "message")?);
    let text = message.as_str().map(String::from).unwrap_or_else(|| message.to_string());
    ctx.aws.publish(ctx.setting("TOPIC")?, &subject, &text).await?;
    Ok(json!({}))
}
