//! EventBridge's rules: which events fit, and the targets that are started then.

use super::events::Bus;
use super::{lambda, only, text};
use crate::cloud::Cloud;
use crate::iam::{self, Keys};
use crate::names;
use crate::world::Plain;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Seconds before each try to give a function an event: Lambda retries twice, after one and after two minutes.
const TRIES: [u64; 3] = [0, 60, 120];

/// What is wrong with a rule's properties: patterns and targets that the local cloud would not carry out.
pub(crate) fn check_rule(p: &Value) -> Result<(), String> {
    check_pattern(&p["EventPattern"])?;
    for target in p["Targets"].as_array().into_iter().flatten() {
        only(target, &["Id", "Arn", "RoleArn"]).map_err(|e| e.message)?;
        let arn = text(target, "Arn");
        if !arn.contains(":stateMachine:") && !arn.contains(":function:") {
            return Err(format!("a rule's target is a state machine or a function, not {arn}"));
        }
    }
    Ok(())
}

fn check_pattern(pattern: &Value) -> Result<(), String> {
    let known = |o: &Value| !o.is_array() && o.as_object().is_none_or(|o| o.len() == 1 && o.get("prefix").is_some_and(Value::is_string));
    match pattern {
        Value::Null => Ok(()),
        Value::Object(fields) => fields.values().try_for_each(check_pattern),
        Value::Array(options) => match options.iter().find(|o| !known(o)) {
            None => Ok(()),
            Some(other) => Err(format!("the local cloud matches values and prefix, not {other}")),
        },
        other => Err(format!("a pattern has lists of values, not {other}")),
    }
}

/// EventBridge's matching: lists of values and `prefix`, at every level; of a list in the event one fitting value is enough.
fn fits(pattern: &Value, event: &Value) -> bool {
    let one = |option: &Value, value: &Value| match option.get("prefix").and_then(Value::as_str) {
        Some(prefix) => value.as_str().is_some_and(|v| v.starts_with(prefix)),
        None => option == value,
    };
    match (pattern, event) {
        (Value::Object(fields), _) => fields.iter().all(|(k, p)| fits(p, &event[k])),
        (Value::Array(options), Value::Array(values)) => options.iter().any(|o| values.iter().any(|v| one(o, v))),
        (Value::Array(options), value) => options.iter().any(|o| one(o, value)),
        _ => false,
    }
}

/// Whether a rule is for an event of its bus. A rule with a schedule only never fires by itself here: whoever tests it invokes its target.
fn listens(rule: &Plain, bus: &Bus, event: &Value) -> bool {
    let p = &rule.properties;
    let own = Bus::named(&rule.account, &rule.region, text(p, "EventBusName"));
    own == *bus && p["State"] != "DISABLED" && p["EventPattern"].is_object() && fits(&p["EventPattern"], event)
}

/// A rule's ARN; on another bus than the default one it has the bus in it.
pub(crate) fn rule_arn(account: &str, region: &str, bus: &str, id: &str) -> String {
    match Bus::named(account, region, bus).name() {
        "default" => names::arn("events", region, account, &format!("rule/{id}")),
        name => names::arn("events", region, account, &format!("rule/{name}/{id}")),
    }
}

/// An event on its way to a function; whoever waits for the cloud waits for it.
struct Delivery(Cloud);

impl Delivery {
    fn new(cloud: &Cloud) -> Delivery {
        cloud.0.deliveries.fetch_add(1, Ordering::Relaxed);
        Delivery(cloud.clone())
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.0.0.deliveries.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Cloud {
    /// What a service says on the default bus.
    pub(crate) fn tell_bus(&self, bus: &Bus, source: &str, kind: &str, detail: Value, resource: &str) {
        let account = names::account_of(bus.arn()).to_string();
        self.emit(bus, &account, source, kind, detail, json!([resource]));
    }

    /// Puts an event on a bus: every rule there that fits starts its targets. `account` = who sends it. Gives the event's id.
    pub(crate) fn emit(&self, bus: &Bus, account: &str, source: &str, kind: &str, detail: Value, resources: Value) -> String {
        let id = self.world().uuid();
        let event = json!({"version": "0", "id": id, "detail-type": kind, "source": source, "account": account,
            "time": names::time_in_seconds(self.now_ms()), "region": names::region_of(bus.arn()), "resources": resources, "detail": detail});
        self.hear("event", bus.arn(), &event);
        let rules: Vec<Plain> = self.world().of_kind("AWS::Events::Rule").filter(|r| listens(r, bus, &event)).cloned().collect();
        for rule in rules {
            for target in rule.properties["Targets"].as_array().into_iter().flatten() {
                match text(target, "Arn") {
                    arn if arn.contains(":function:") => self.give(&rule, arn, &event),
                    arn => self.start_for(&rule, arn, text(target, "RoleArn"), &event),
                }
            }
        }
        id
    }

    /// Starts a state machine with the role of its target. What is refused is dropped, as EventBridge does.
    fn start_for(&self, rule: &Plain, machine: &str, role: &str, event: &Value) {
        let name = format!("settle-{}", self.world().uuid());
        let role = crate::wire::role_principal(role);
        let owner = names::account_of(machine);
        let own = role.account == rule.account && names::region_of(machine) == rule.region;
        if own && self.authorize(&self.world(), &role, "states:StartExecution", machine, owner, None, &Keys::new()).is_ok() {
            let _ = self.start(machine, &name, event.clone());
        }
    }

    /// Gives a function an event, later and if need be more than once. The function's own policy must let EventBridge in.
    fn give(&self, rule: &Plain, arn: &str, event: &Value) {
        let source = rule_arn(&rule.account, &rule.region, text(&rule.properties, "EventBusName"), &rule.id);
        let (cloud, arn, region, event) = (self.clone(), arn.to_string(), rule.region.clone(), event.clone());
        let found = move |cloud: &Cloud| lambda::find(&cloud.world(), "", &region, &arn).cloned();
        let Some(function) = found(self) else { return };
        let (service, action) = ("events.amazonaws.com", "lambda:InvokeFunction");
        if !iam::lets_service(&json!({"Statement": function.permissions}), service, action, &function.arn, &source) {
            self.0.refusals.lock().unwrap_or_else(|p| p.into_inner()).push((service.into(), action.into(), function.arn));
            return;
        }
        let delivery = Delivery::new(self);
        tokio::spawn(async move {
            let _delivery = delivery;
            for seconds in TRIES {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                // A function that was deleted meanwhile gets nothing more.
                let Some(function) = found(&cloud) else { return };
                let done = lambda::run(&cloud, &function, event.clone()).await;
                cloud.changed();
                if done.is_ok() {
                    return;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_or_are_refused() {
        let event = json!({"source": "aws.states", "resources": ["a", "b"], "detail": {"n": 1}});
        let matches = |pattern: Value| check_pattern(&pattern).is_ok() && fits(&pattern, &event);
        assert!(matches(json!({"source": [{"prefix": "aws."}], "resources": ["b"], "detail": {"n": [0, 1]}})));
        assert!(!matches(json!({"source": ["x"]})) && !matches(json!({"resources": ["c"]})) && !matches(json!({"detail": {"m": [1]}})));
        assert!(check_pattern(&json!({"source": [{"suffix": "x"}]})).is_err() && check_pattern(&json!({"source": "x"})).is_err());
        assert!(check_rule(&json!({"Targets": [{"Id": "a", "Arn": "arn:aws:sns:r:1:t"}]})).is_err());
    }
}
