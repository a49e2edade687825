//! Faults on purpose: at a call of an action, or in a node.

use domain::{Class, Fault};
use std::collections::BTreeMap;

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injected {
    /// The service refuses before the effect, with this code.
    Refused(String),
    /// The effect happens, the reply never comes.
    Lost,
    /// The request is delivered twice.
    Twice,
    /// The function's process dies right after the call.
    Died,
}

/// Faults by `(action, nth call)`, and counters of calls.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    planned: BTreeMap<(String, u64), Injected>,
    seen: BTreeMap<String, u64>,
    /// Plans that have come true.
    pub hit: Vec<String>,
}

/// One `--fault`: at a call, or in a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// At the nth call of an action.
    Call(String, u64, Injected),
    /// `node`, `what`, `how`.
    Node(String, String, String),
}

impl Spec {
    /// Reads `RunInstances#1=InsufficientInstanceCapacity`, `PutObject#2=lost`, `node2:vote=mute`.
    pub fn parse(text: &str) -> Result<Spec, Fault> {
        let bad = |why: &str| Fault::new(Class::InvalidInput, format!("`--fault {text}`: {why}; for example RunInstances#1=lost or node2:vote=mute"));
        let (place, how) = text.split_once('=').ok_or_else(|| bad("has no ="))?;
        if let Some((node, what)) = place.split_once(':') {
            return match (what, how) {
                ("ssm", "never") | ("vote", "mute") | ("pull", "fail") => Ok(Spec::Node(node.into(), what.into(), how.into())),
                _ => Err(bad("a node's fault is ssm=never, vote=mute or pull=fail")),
            };
        }
        let (action, nth) = place.split_once('#').ok_or_else(|| bad("has neither # nor :"))?;
        let nth = nth.parse().ok().filter(|n| *n > 0).ok_or_else(|| bad("after # comes the call's number, 1 is the first"))?;
        if action.is_empty() || !action.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(bad("before # comes an AWS action"));
        }
        let injected = match how {
            "lost" => Injected::Lost,
            "twice" => Injected::Twice,
            "died" => Injected::Died,
            code if code.chars().next().is_some_and(|c| c.is_ascii_uppercase()) => Injected::Refused(code.into()),
            _ => return Err(bad("after = comes an error code, lost, twice or died")),
        };
        Ok(Spec::Call(action.into(), nth, injected))
    }
}

impl Faults {
    /// Plans a fault.
    pub fn plan(&mut self, action: &str, nth: u64, injected: Injected) {
        self.planned.insert((action.into(), nth), injected);
    }

    /// Counts a call and says what happens to it.
    pub fn meet(&mut self, action: &str) -> Option<Injected> {
        let seen = self.seen.entry(action.into()).or_default();
        *seen += 1;
        let found = self.planned.remove(&(action.to_string(), *seen));
        if let Some(injected) = &found {
            self.hit.push(format!("{action}#{seen}={injected:?}"));
        }
        found
    }

    /// Plans that never came true.
    pub fn unmet(&self) -> Vec<String> {
        self.planned.iter().map(|((action, nth), injected)| format!("{action}#{nth}={injected:?}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_and_bad_ones_refused() {
        assert_eq!(
            Spec::parse("RunInstances#1=InsufficientInstanceCapacity"),
            Ok(Spec::Call("RunInstances".into(), 1, Injected::Refused("InsufficientInstanceCapacity".into())))
        );
        assert_eq!(Spec::parse("PutObject#2=lost"), Ok(Spec::Call("PutObject".into(), 2, Injected::Lost)));
        assert_eq!(Spec::parse("node2:vote=mute"), Ok(Spec::Node("node2".into(), "vote".into(), "mute".into())));
        for bad in ["", "x", "x=y", "Run#0=lost", "Run#x=lost", "node2:vote=loud", "#1=lost", "Run#1=gone"] {
            assert!(Spec::parse(bad).is_err(), "{bad}");
        }
    }
}
