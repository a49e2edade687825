//! SNS: messages are kept in the world, where a person or a test reads them.

use super::{only, text};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use serde_json::json;

/// Calls of SNS.
pub(crate) fn call(cloud: &Cloud, call: &Call) -> Reply {
    if call.action != "Publish" {
        return Err(ApiError::new("InvalidAction", 400, call.action.clone()));
    }
    only(&call.params, &["TopicArn", "Subject", "Message"])?;
    if text(&call.params, "Message").is_empty() {
        return Err(ApiError::new("InvalidParameter", 400, "Invalid parameter: Empty message"));
    }
    if text(&call.params, "Subject").chars().count() > 100 {
        return Err(ApiError::new("InvalidParameter", 400, "Invalid parameter: Subject"));
    }
    let mut world = cloud.world();
    let topic = text(&call.params, "TopicArn").to_string();
    let found = world
        .of_kind("AWS::SNS::Topic")
        .find(|t| t.id == topic && t.region == call.region)
        .ok_or_else(|| ApiError::new("NotFound", 404, "Topic does not exist"))?;
    cloud.authorize(&world, &call.principal, "sns:Publish", &topic, &found.account.clone(), None, &Keys::new())?;
    world.notices.push((topic, text(&call.params, "Subject").into(), text(&call.params, "Message").into()));
    let id = world.uuid();
    Ok(json!({"MessageId": id}))
}
