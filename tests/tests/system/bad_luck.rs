//! Bad luck, one kind after another: what is told, and what the world is like afterwards.

use crate::members::gathered;
use consortium::artefacts::Artefacts;
use consortium::out::{Out, Said, as_lines};
use consortium::session::ACCOUNT;
use consortium::work::{Options, Work};
use proof::companies;
use proof::{World, launch, look, request, session, story, virtually};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// A launch with one fault of a node: it ends in `class` with all of the `words`, and nothing is left.
fn undone(fault: &str, class: &str, words: &[&str]) {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let outcome = launch(&s, &request(4), &[fault.to_string()]).await;
        let missing = words.iter().find(|w| !outcome.error.1.contains(*w));
        assert!(outcome.status == "FAILED" && outcome.error.0 == class && missing.is_none(), "{fault}: {missing:?} {:?}", outcome.error);
        assert_eq!(look(&s, 4).await, World::AsBefore, "{fault}\n{}", story(&s));
        assert!(s.cloud.world().volumes.is_empty(), "{fault}");
    });
}

#[test]
fn a_disk_with_somebody_elses_files_is_never_formatted() {
    undone("node2:disk=foreign", "Fault.Conflict", &["node2", "is not blank and not a data volume of ours (label `backup`)"]);
}

#[test]
fn a_disk_that_is_not_there_is_named() {
    undone("node1:disk=missing", "Fault.Busy", &["node1", "vol-", "is not attached to this machine"]);
}

#[test]
fn nodes_that_pulled_different_images_under_one_name_are_told_apart() {
    undone("node3:image=other", "Fault.Conflict", &["different images under one name", "node3 sha256:", "node0, node1, node2 sha256:"]);
}

#[test]
fn a_machine_that_ends_while_it_is_prepared_is_named() {
    undone("node2:dies=preparing", "Fault.Transient", &["node2: did not answer in time"]);
}

#[test]
fn a_launch_that_runs_out_of_time_is_settled() {
    virtually(async {
        let mut artefacts = Artefacts::default();
        let launch_network = artefacts.machines.get_mut("launch-network").expect("a machine");
        let mut machine: serde_json::Value = serde_json::from_str(launch_network).expect("JSON");
        machine["TimeoutSeconds"] = json!(60);
        *launch_network = machine.to_string();
        let s = session(1, &artefacts).await;
        let outcome = launch(&s, &request(4), &[]).await;
        assert_eq!((outcome.status.as_str(), outcome.error.0.as_str()), ("TIMED_OUT", "States.Timeout"), "{:?}", outcome.error);
        assert_eq!(look(&s, 4).await, World::AsBefore, "{}", story(&s));
        let told = s.cloud.world().notices.clone();
        assert!(told.iter().any(|(_, subject, text)| subject.contains("settled") && text.contains("testnet-launch-")), "{told:?}");
    });
}

#[test]
fn what_a_request_wants_kept_is_kept_with_the_way_to_remove_it() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let mut keep = request(4);
        keep["on_failure"] = json!("keep");
        let said: Arc<Mutex<Vec<Said>>> = Arc::default();
        let here = said.clone();
        let out = Out::to(move |word| here.lock().expect("unpoisoned").push(word));
        let options = Options { json: false, faults: vec!["node2:vote=mute".into()] };
        let code = Work::Launch { request: keep, plan: false, options }.run(&s, &out).await.expect("an exit code");
        let text = as_lines(&said.lock().expect("unpoisoned").clone());
        assert!(code != 0 && text.contains("3 of 4") && text.contains("consortium remove testnet"), "{code}: {text}");
        let now = s.cloud.now_ms();
        let alive = s.cloud.world().instances.values().filter(|i| i.state(now) == "running").count();
        assert_eq!(alive, 4, "{text}");
        let removal = s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        assert_eq!(removal.output["status"], "removed", "{:?}", removal.error);
        assert_eq!(look(&s, 4).await, World::AsBefore);
    });
}

#[test]
fn quotas_that_are_too_small_are_all_named_before_anything_is_made() {
    virtually(async {
        let request = companies(&[4, 2]);
        let s = gathered(&request).await;
        {
            let mut world = s.cloud.world();
            world.quotas.insert(format!("{ACCOUNT}/us-east-1/ec2/L-1216C47A"), 7.0);
            world.quotas.insert("222200000001/eu-west-1/vpc/L-7E9ECCDB".into(), 0.0);
        }
        let before = proof::footprint(&s, true);
        let outcome = launch(&s, &request, &[]).await;
        let (class, why) = &outcome.error;
        assert!(class == "Fault.Quota" && why.contains("founder: vCPUs (quota L-1216C47A): have 7, need 8"), "{class}: {why}");
        assert!(why.contains("company01: VPC peerings (quota L-7E9ECCDB): have 0, need 1"), "{why}");
        assert_eq!(look(&s, 6).await, World::AsBefore);
        let made: Vec<(String, String)> =
            proof::footprint(&s, true).into_iter().filter(|(k, _)| !before.contains_key(k) && !k.contains("/networks/")).collect();
        assert_eq!(made, []);
        assert!(!s.cloud.world().calls.contains_key("ec2:RunInstances"));
    });
}

#[test]
fn one_to_twenty_one_validators_of_one_to_three_companies_launch_and_are_removed() {
    for validators in [&[1][..], &[2, 2], &[3, 2, 2], &[7, 7, 7]] {
        virtually(async {
            let request = companies(validators);
            let s = gathered(&request).await;
            let n = validators.iter().sum::<u32>() as usize;
            let outcome = launch(&s, &request, &[]).await;
            assert_eq!(outcome.output["status"], "launched", "{validators:?} {:?}\n{}", outcome.error, story(&s));
            assert_eq!(look(&s, n).await, World::AsAsked, "{validators:?}");
            // Whoever joins is tried for more than it must let in; that is to be refused, and nothing else is.
            let strange: Vec<_> = s.cloud.refusals().into_iter().filter(|(_, _, r)| !r.ends_with(":consortium-member-announce-member")).collect();
            assert_eq!(strange, [], "{validators:?}");
            // The same again is not done again; another request under the name is refused.
            assert_eq!(launch(&s, &request, &[]).await.output["status"], "already-launched", "{validators:?}");
            let removal = s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
            assert_eq!(removal.output["status"], "removed", "{validators:?} {:?}", removal.error);
            assert_eq!(look(&s, n).await, World::AsBefore, "{validators:?}");
        });
    }
}

#[test]
fn a_hundred_validators_of_five_companies_are_launched() {
    virtually(async {
        let request = companies(&[20; 5]);
        let s = gathered(&request).await;
        let outcome = launch(&s, &request, &[]).await;
        assert_eq!(look(&s, 100).await, World::AsAsked, "{:?}\n{}", outcome.error, story(&s));
    });
}

#[test]
fn two_launches_of_several_companies_at_once_have_one_winner() {
    virtually(async {
        let request = companies(&[4, 2]);
        let s = gathered(&request).await;
        let (a, b) = tokio::join!(s.launch(&request, "testnet", |_, _, _| {}), s.launch(&request, "testnet", |_, _, _| {}));
        let (a, b) = (a.expect("starts"), b.expect("starts"));
        let won = [&a, &b].iter().filter(|o| o.output["status"] == "launched").count();
        assert_eq!(won, 1, "{a:?} {b:?}");
        let loser = if a.status == "SUCCEEDED" { &b } else { &a };
        assert!(loser.error.0 == "Fault.Conflict" && loser.error.1.contains("is at work on this network"), "{:?}", loser.error);
        assert_eq!(look(&s, 6).await, World::AsAsked);
        let mut other = companies(&[4, 2]);
        other["blocks"] = json!(12);
        assert_eq!(launch(&s, &other, &[]).await.error.0, "Fault.Conflict");
        assert_eq!(look(&s, 6).await, World::AsAsked);
    });
}
