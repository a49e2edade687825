//! A company that goes in the middle of something, and invitations that are opened twice: a clear end, and the others untouched.

use crate::members::gathered;
use consortium::artefacts::Artefacts;
use consortium::session::{ACCOUNT, Session};
use proof::companies;
use proof::{World, footprint, launch, look, session, story, virtually};
use std::sync::atomic::{AtomicBool, Ordering};

const OTHER: &str = "222200000001";

/// Machines, rules, routes, peerings and volumes of an account that still exist.
fn things(s: &Session, account: &str) -> Vec<String> {
    let (now, world) = (s.cloud.now_ms(), s.cloud.world());
    let machines = world.instances.values().filter(|i| i.account == account && i.state(now) != "terminated").map(|i| i.id.clone());
    let volumes = world.volumes.values().filter(|v| v.account == account).map(|v| v.id.clone());
    let peerings = world.peerings.values().filter(|p| p.requester.account == account && p.state(now) != "deleted").map(|p| p.id.clone());
    machines.chain(volumes).chain(peerings).collect()
}

/// Deletes the company's stack. While machines run in it CloudFormation takes the functions and roles away first and then fails at
/// the subnets, so that what is left of it is a network that nobody can ask.
fn delete_stack(s: &Session) {
    let name = s.cloud.world().stacks.values().find(|k| k.account == OTHER).expect("a stack").name.clone();
    if let Err(why) = s.cloud.delete_stack(OTHER, "eu-west-1", &name) {
        assert!(why.contains("DependencyViolation"), "{why}");
        let mut world = s.cloud.world();
        world.functions.retain(|arn, _| !arn.contains(OTHER));
        world.roles.retain(|arn, _| !arn.contains(OTHER) || arn.contains("NodeRole"));
    }
}

#[test]
fn a_stack_that_is_deleted_during_a_launch_ends_it_and_the_others_are_undone() {
    for (at, machines) in [("RecordLaunching", false), ("PeerVpcs", true), ("HoldCeremony", true)] {
        virtually(async {
            let request = companies(&[4, 2, 2]);
            let s = gathered(&request).await;
            let done = AtomicBool::new(false);
            let outcome = s.launch(&request, "testnet", |_, state, _| {
                if state == at && !done.swap(true, Ordering::Relaxed) {
                    delete_stack(&s);
                }
            });
            let outcome = outcome.await.expect("starts");
            assert!(done.load(Ordering::Relaxed), "{at} was never entered\n{}", story(&s));
            assert!(outcome.status == "FAILED" && outcome.error.1.contains("company01"), "{at}: {:?}\n{}", outcome.error, story(&s));
            assert_eq!((things(&s, ACCOUNT), things(&s, "222200000002")), (vec![], vec![]), "{at}: {:?}\n{}", outcome.error, story(&s));
            assert_eq!(!things(&s, OTHER).is_empty(), machines, "{at}");
        });
    }
}

#[test]
fn a_stack_that_is_deleted_during_a_removal_keeps_only_what_is_its_own() {
    virtually(async {
        let request = companies(&[4, 2, 2]);
        let s = gathered(&request).await;
        launch(&s, &request, &[]).await;
        assert_eq!(look(&s, 8).await, World::AsAsked);
        let done = AtomicBool::new(false);
        let removal = s.remove("testnet", false, |_, state, _| {
            if state == "RemoveResources" && !done.swap(true, Ordering::Relaxed) {
                delete_stack(&s);
            }
        });
        let removal = removal.await.expect("starts");
        assert!(removal.status == "FAILED" && removal.error.1.contains("company01"), "{:?}\n{}", removal.error, story(&s));
        assert_eq!((things(&s, ACCOUNT), things(&s, "222200000002")), (vec![], vec![]), "{:?}", removal.error);
        assert!(!things(&s, OTHER).is_empty());
        let told = s.cloud.world().notices.clone();
        assert!(told.iter().any(|(_, _, text)| text.contains("company01")), "whoever is on call hears it: {told:?}");
    });
}

#[test]
fn an_invitation_that_is_opened_twice_changes_nothing_and_elsewhere_it_is_refused() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let (_, link) = s.invite("bank", "444455556666", "eu-west-1", "", 7, "").await.expect("invited");
        let state = |s: &Session| s.members().iter().map(|m| (m.state.clone(), m.refused.clone(), m.region.clone())).collect::<Vec<_>>();
        let joined = vec![("joined".to_string(), String::new(), "eu-west-1".to_string())];
        s.join(&link, "444455556666").await.expect("joins");
        assert_eq!(state(&s), joined);
        let before = footprint(&s, true);
        // The same link, the same account: CloudFormation finds the stack as it is.
        s.join(&link, "444455556666").await.expect("nothing to change");
        assert_eq!(state(&s), joined);
        assert_eq!(footprint(&s, true), before);
        // The same link in another region: CloudFormation refuses it there.
        let wrong = s.join(&link.replace("region=eu-west-1", "region=us-east-1"), "444455556666").await.expect_err("the code is elsewhere");
        assert!(wrong.message.contains("does not exist in us-east-1"), "{wrong}");
        let now = footprint(&s, true);
        assert_eq!(before.iter().find(|(thing, was)| now.get(*thing) != Some(was)), None, "what was there is as it was");
        assert_eq!(state(&s), joined);
        // Whoever puts the right bucket in as well makes a second stack, and the hub does not take it for the member.
        let moved = link.replace("eu-west-1", "us-east-1").replace("eu%2Dwest%2D1", "us%2Deast%2D1");
        s.join(&moved, "444455556666").await.expect("a stack of its own");
        let after = state(&s);
        assert_eq!((after[0].0.as_str(), after[0].2.as_str()), ("joined", "eu-west-1"), "{after:?}");
        assert!(after[0].1.contains("us-east-1"), "{after:?}");
    });
}
