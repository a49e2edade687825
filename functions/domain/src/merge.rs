//! The answers of several members as one: lists are joined, and the least advanced status counts.

use crate::fault::{Class, Fault, Left};
use serde_json::{Map, Value};

/// How far a status is from Ready; the highest of all counts.
fn rank(status: &str) -> u8 {
    match status {
        "Ready" => 0,
        "Pending" => 1,
        _ => 2,
    }
}

/// Joins answers, each an object of the same shape, in the members' order. Lists are joined; of anything else the first
/// counts, but with `status` the answer that is furthest from Ready gives its other words too (`reason`, `fault`).
pub fn answers(all: Vec<Value>) -> Value {
    let furthest = all.iter().enumerate().max_by_key(|(i, a)| (a["status"].as_str().map(rank), std::cmp::Reverse(*i))).map(|(i, _)| i).unwrap_or_default();
    let mut joined = Map::new();
    let order = std::iter::once(furthest).chain((0..all.len()).filter(|i| *i != furthest));
    for i in order.filter(|i| *i < all.len()) {
        for (key, value) in all[i].as_object().into_iter().flatten() {
            if !value.is_array() {
                joined.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    for answer in &all {
        for (key, value) in answer.as_object().into_iter().flatten() {
            if let Value::Array(items) = value {
                let list = joined.entry(key.clone()).or_insert_with(|| Value::Array(vec![]));
                if let Some(list) = list.as_array_mut() {
                    list.extend(items.iter().cloned());
                }
            }
        }
    }
    Value::Object(joined)
}

/// The faults of several members as one. A fault that no repetition mends counts before one that may pass; every member
/// that failed is named.
pub fn faults(all: Vec<(String, Fault)>) -> Fault {
    let passing = |c: Class| matches!(c, Class::Throttled | Class::Busy | Class::Transient);
    let class = all.iter().map(|(_, f)| f.class).find(|c| !passing(*c)).or_else(|| all.first().map(|(_, f)| f.class)).unwrap_or(Class::Internal);
    let message = all.iter().map(|(member, f)| format!("{member}: {}", f.message)).collect::<Vec<_>>().join("; ");
    let left = match all.iter().any(|(_, f)| f.left == Left::Unknown) {
        true => Left::Unknown,
        false => Left::Nothing,
    };
    Fault::new(class, message).leaving(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_joined_and_the_least_advanced_counts() {
        let joined = answers(vec![
            json!({"status": "Ready", "answers": [1, 2]}),
            json!({"status": "Failed", "fault": "b"}),
            json!({"status": "Failed", "fault": "c"}),
            json!({"status": "Pending", "reason": "boot", "answers": []}),
        ]);
        assert_eq!(joined, json!({"status": "Failed", "fault": "b", "reason": "boot", "answers": [1, 2]}));
        assert_eq!(answers(vec![json!({"nodes": [1]}), json!({"nodes": []}), json!({"nodes": [2]})]), json!({"nodes": [1, 2]}));
        assert_eq!(answers(vec![json!({"status": "Pending"}), json!({"status": "Ready"})])["status"], "Pending");
        assert_eq!(answers(vec![]), json!({}));
    }

    #[test]
    fn a_lasting_fault_counts_and_everybody_is_named() {
        let fault = faults(vec![("a".into(), Fault::new(Class::Transient, "no answer")), ("b".into(), Fault::new(Class::Quota, "full"))]);
        assert_eq!((fault.class, fault.message.as_str()), (Class::Quota, "a: no answer; b: full"));
    }
}
