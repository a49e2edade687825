//! What the campaigns stand on: every machine and every action is in them, grants are needed and not too wide, shrinking finds the
//! smallest scenario, and a judge that sees a defect says so.

use consortium::artefacts::Artefacts;
use local_cloud::{ACTIONS, World};
use proof::campaign::grants::Needs;
use proof::campaign::random::{Event, Scenario, keep, shrink};
use proof::campaign::{Case, End, WORKFLOWS, prepare};
use serde_json::json;
use std::collections::BTreeSet;

/// Actions that no machine calls, and who does.
const OTHERS: [(&str, &str); 10] = [
    ("events:DescribeEventBus", "invitations, by a person"),
    ("events:PutPermission", "invitations, by a person"),
    ("events:PutEvents", "a member's stack that announces itself"),
    ("s3:PutBucketPolicy", "invitations, by a person"),
    ("s3:GetBucketPolicy", "invitations, by a person"),
    ("states:StopExecution", "a person"),
    ("states:RedriveExecution", "a person"),
    ("ec2:AttachVolume", "moving an identity: no machine does it yet"),
    ("sts:AssumeRole", "clients from outside"),
    ("sts:GetCallerIdentity", "clients from outside"),
];

/// Functions that only a failure or a person asks for, and where they are tried.
const UNASKED: [(&str, &str); 3] = [
    ("check-leftovers", "an undo that is refused for good: `proof faults`"),
    ("remove-invitation", "by a person: revoked.rs"),
    ("check-left", "an undo that is refused for good: `proof faults`"),
];

#[test]
fn every_machine_and_every_action_is_in_the_campaigns_and_every_workflow_ends_as_asked() {
    let artefacts = Artefacts::default();
    let (mut ran, mut called, mut functions) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for workflow in WORKFLOWS {
        let prepared = prepare(workflow, 1, &artefacts);
        let done = Case { workflow, prepared: &prepared, artefacts: &artefacts, faults: vec![], cut: None }.run();
        assert_eq!(done.verdict.end, End::AsAsked, "{}: {}", workflow.name, done.verdict.why);
        ran.extend(done.states.iter().map(|(machine, _)| machine.clone()));
        functions.extend(done.functions);
        called.extend(done.sites.iter().filter(|s| s.step.is_some()).map(|s| format!("{}:{}", s.service, s.action)));
    }
    let shipped: BTreeSet<String> = artefacts.machines.keys().cloned().collect();
    assert_eq!(shipped.difference(&ran).collect::<Vec<_>>(), Vec::<&String>::new(), "machines that no campaign runs");
    let idle: Vec<&str> = handlers::HANDLERS.iter().map(|(name, _)| *name).filter(|name| !functions.contains(*name)).collect();
    assert_eq!(idle, UNASKED.map(|(name, _)| name), "functions that no workflow runs");
    let known = ACTIONS.iter().flat_map(|(service, actions)| actions.iter().map(move |a| format!("{service}:{a}")));
    let uncalled: Vec<String> = known.filter(|a| !called.contains(a) && !OTHERS.iter().any(|(o, _)| o == a)).collect();
    assert_eq!(uncalled, Vec::<String>::new(), "actions that no campaign meets");
    assert!(OTHERS.iter().all(|(o, _)| !called.contains(*o)), "an exception that is none");
}

/// What every workflow needed of its roles, and a world of several companies in which they have them.
fn needed(artefacts: &Artefacts) -> (Needs, World) {
    let (mut needs, mut world) = (Needs::default(), None);
    for workflow in WORKFLOWS {
        let prepared = prepare(workflow, 1, artefacts);
        needs.add(Case { workflow, prepared: &prepared, artefacts, faults: vec![], cut: None }.run().uses);
        needs.add(prepared.uses.clone());
        if workflow.companies.len() > 1 {
            world = Some(prepared.world);
        }
    }
    (needs, world.expect("a world of several companies"))
}

#[test]
fn what_roles_needed_is_granted_nowhere_else() {
    let (needs, mut world) = needed(&Artefacts::default());
    assert!(needs.len() > 150, "{} grants were needed", needs.len());
    assert_eq!(needs.too_wide(&world), Vec::<String>::new());
    // A grant that nothing needs is seen.
    let mut wider = world.clone();
    let role = wider.roles.values_mut().find(|r| r.arn.contains("RemoveNodesRole")).expect("the role");
    role.policies.push(json!({"Statement": [{"Sid": "Spare", "Effect": "Allow", "Action": "ec2:RebootInstances", "Resource": "*"}]}));
    let spare = "RemoveNodesRole: ec2:RebootInstances (Spare) is never needed".to_string();
    assert!(needs.unneeded(&wider).contains(&spare) && !needs.unneeded(&world).contains(&spare));
    // A condition that lets every member in is seen.
    let terminating = world.roles.values_mut().find(|r| r.arn.contains("RemoveNodesRole")).expect("the role");
    for statement in terminating.policies.iter_mut().flat_map(|p| p["Statement"].as_array_mut().into_iter().flatten()) {
        if statement["Sid"] == "EndOurNodes" {
            statement["Condition"] = json!({"StringLike": {"aws:ResourceTag/consortium:member": "*"}});
        }
    }
    let seen = needs.too_wide(&world);
    assert!(seen.iter().any(|w| w.contains("RemoveNodesRole") && w.contains("TerminateInstances")), "{seen:?}");
}

#[test]
fn shrinking_finds_the_one_event_that_matters() {
    let scenario = (1..).map(Scenario::of).find(|s| s.events.len() >= 4).expect("a seed with many events");
    let bad = scenario.events[2].clone();
    let fewest = shrink(&scenario, |s| s.events.contains(&bad));
    assert_eq!((fewest.as_slice(), keep(&scenario, &fewest).events), ([2].as_slice(), vec![bad]));
    assert!(Scenario::of(7).events == Scenario::of(7).events && scenario.events.iter().any(|e| matches!(e, Event::Fault(_))));
}
