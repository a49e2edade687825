//! Faults on purpose: at a call of an action, or in a node; and the list of calls that a campaign puts them at.

use crate::cloud::PROCESS;
use domain::{Class, Fault};
use std::collections::BTreeMap;

/// Which step of a state machine makes a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Execution's name.
    pub execution: String,
    /// Machine: `launch-network`, as the stack names it.
    pub machine: String,
    /// State.
    pub state: String,
}

tokio::task_local! {
    /// The step whose function is running.
    pub(crate) static STEP: Step;
}

/// One call that was made, as [`Spec::Call`] names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Whose work it was; `None` = a person's, or an event's.
    pub step: Option<Step>,
    /// A function made it, not the machine itself.
    pub by_function: bool,
    /// Signing name of the service.
    pub service: String,
    /// Action.
    pub action: String,
    /// The how-many-eth call of that action it was.
    pub nth: u64,
}

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injected {
    /// The service refuses before the effect, with this code.
    Refused(String),
    /// The effect happens, the reply never comes.
    Lost,
    /// The request is delivered twice.
    Twice,
    /// Reads of that service do not see the effect for a minute ([`crate::late`]).
    Late,
    /// The function's process dies right after the call.
    Died,
}

/// Faults by `(action, nth call)`, and counters of calls.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    planned: BTreeMap<(String, u64), Injected>,
    /// Refused from that call on, for good.
    forever: BTreeMap<String, (u64, String)>,
    seen: BTreeMap<String, u64>,
    /// Every call, for whoever put a list here: a cloud that runs for days must not grow by its calls.
    pub sites: Option<Vec<Site>>,
    /// Plans that have come true.
    pub hit: Vec<String>,
}

/// What can be wrong in a node, and how: its agent never answers; its process never votes; the image cannot be pulled or is another
/// one under the same name; its data disk is not there or has somebody else's files; its machine ends while it is prepared.
pub const NODE_FAULTS: [(&str, &str); 7] =
    [("ssm", "never"), ("vote", "mute"), ("pull", "fail"), ("image", "other"), ("disk", "missing"), ("disk", "foreign"), ("dies", "preparing")];

/// One `--fault`: at a call, or in a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// At the nth call of an action.
    Call(String, u64, Injected),
    /// Every call of an action from the nth on is refused with that code.
    Forever(String, u64, String),
    /// `node`, `what`, `how`.
    Node(String, String, String),
}

impl Spec {
    /// Reads `RunInstances#1=InsufficientInstanceCapacity`, `RunInstances#1+=UnauthorizedOperation`, `PutObject#2=lost`, `node2:vote=mute`.
    pub fn parse(text: &str) -> Result<Spec, Fault> {
        let bad = |why: &str| Fault::new(Class::InvalidInput, format!("`--fault {text}`: {why}; for example RunInstances#1=lost or node2:vote=mute"));
        let (place, how) = text.split_once('=').ok_or_else(|| bad("has no ="))?;
        if let Some((node, what)) = place.split_once(':') {
            if NODE_FAULTS.contains(&(what, how)) {
                return Ok(Spec::Node(node.into(), what.into(), how.into()));
            }
            let known = NODE_FAULTS.map(|(what, how)| format!("{what}={how}")).join(", ");
            return Err(bad(&format!("a node's fault is one of {known}")));
        }
        let (action, nth) = place.split_once('#').ok_or_else(|| bad("has neither # nor :"))?;
        let (nth, forever) = nth.strip_suffix('+').map_or((nth, false), |n| (n, true));
        let nth = nth.parse().ok().filter(|n| *n > 0).ok_or_else(|| bad("after # comes the call's number, 1 is the first"))?;
        if action.is_empty() || !action.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(bad("before # comes an AWS action"));
        }
        let injected = match how {
            "lost" => Injected::Lost,
            "twice" => Injected::Twice,
            "late" => Injected::Late,
            "died" => Injected::Died,
            code if code.chars().next().is_some_and(|c| c.is_ascii_uppercase()) => Injected::Refused(code.into()),
            _ => return Err(bad("after = comes an error code, lost, twice, late or died")),
        };
        match (forever, injected) {
            (false, injected) => Ok(Spec::Call(action.into(), nth, injected)),
            (true, Injected::Refused(code)) => Ok(Spec::Forever(action.into(), nth, code)),
            (true, _) => Err(bad("after += comes an error code: only a refusal lasts")),
        }
    }
}

impl Faults {
    /// Plans a fault; one in a node is not a call's.
    pub fn plan(&mut self, spec: &Spec) {
        match spec {
            Spec::Call(action, nth, injected) => drop(self.planned.insert((action.clone(), *nth), injected.clone())),
            Spec::Forever(action, nth, code) => drop(self.forever.insert(action.clone(), (*nth, code.clone()))),
            Spec::Node(..) => {}
        }
    }

    /// Counts a call and says what happens to it.
    pub(crate) fn meet(&mut self, service: &str, action: &str) -> Option<Injected> {
        let seen = self.seen.entry(action.into()).or_default();
        *seen += 1;
        let nth = *seen;
        if let Some(sites) = &mut self.sites {
            let (step, by_function) = (STEP.try_with(Clone::clone).ok(), PROCESS.try_with(|_| ()).is_ok());
            sites.push(Site { step, by_function, service: service.into(), action: action.into(), nth });
        }
        let lasting = self.forever.get(action).filter(|(first, _)| nth >= *first).map(|(_, code)| Injected::Refused(code.clone()));
        let found = self.planned.remove(&(action.to_string(), nth)).or(lasting);
        if let Some(injected) = &found {
            self.hit.push(format!("{action}#{nth}={injected:?}"));
        }
        found
    }

    /// Plans that never came true.
    pub fn unmet(&self) -> Vec<String> {
        let lasting = self.forever.iter().filter(|(action, (nth, _))| self.seen.get(*action).is_none_or(|n| n < nth));
        let lasting = lasting.map(|(action, (nth, code))| format!("{action}#{nth}+={code}"));
        self.planned.iter().map(|((action, nth), injected)| format!("{action}#{nth}={injected:?}")).chain(lasting).collect()
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
        assert_eq!(Spec::parse("RunInstances#3+=Throttling"), Ok(Spec::Forever("RunInstances".into(), 3, "Throttling".into())));
        assert_eq!(Spec::parse("RunInstances#3=late"), Ok(Spec::Call("RunInstances".into(), 3, Injected::Late)));
        assert_eq!(Spec::parse("PutObject#2=lost"), Ok(Spec::Call("PutObject".into(), 2, Injected::Lost)));
        assert_eq!(Spec::parse("node2:vote=mute"), Ok(Spec::Node("node2".into(), "vote".into(), "mute".into())));
        for (what, how) in NODE_FAULTS {
            assert_eq!(Spec::parse(&format!("node3:{what}={how}")), Ok(Spec::Node("node3".into(), what.into(), how.into())));
        }
        assert!(Spec::parse("node2:disk=full").expect_err("unknown").message.contains("disk=missing, disk=foreign"));
        for bad in [
            "",
            "x",
            "x=y",
            "Run#0=lost",
            "Run#x=lost",
            "node2:vote=loud",
            "node2:disk=other",
            "node2:image=missing",
            "node2:dies=never",
            "node2:=mute",
            "#1=lost",
            "Run#1=gone",
            "Run#1+=lost",
        ] {
            assert!(Spec::parse(bad).is_err(), "{bad}");
        }
    }
}
