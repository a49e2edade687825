//! Faults at every action of a launch, and those that a person can name on the command line.

use consortium::artefacts::Artefacts;
use local_cloud::Spec;
use proof::{World, actions_of_a_launch, launch, look, request, session, virtually};
use serde_json::json;

#[test]
fn one_passing_fault_at_any_action_ends_as_asked() {
    let actions = actions_of_a_launch(4);
    assert!(actions.len() >= 10, "{actions:?}");
    for action in &actions {
        for how in ["lost", "twice", "died"] {
            virtually(async {
                let s = session(1, &Artefacts::default()).await;
                let fault = format!("{action}#1={how}");
                let outcome = launch(&s, &request(4), std::slice::from_ref(&fault)).await;
                assert_eq!(s.cloud.faults().unmet(), Vec::<String>::new(), "{fault} never came true");
                assert_eq!(look(&s, 4).await, World::AsAsked, "{fault}: {:?}", outcome.error);
            });
        }
    }
}

#[test]
fn one_passing_fault_at_any_action_of_a_removal_ends_as_asked() {
    let removal = |fault: Option<String>| {
        virtually(async move {
            let s = session(1, &Artefacts::default()).await;
            launch(&s, &request(4), &[]).await;
            let before = s.cloud.world().calls.clone();
            let spec: Vec<Spec> = fault.iter().map(|f| Spec::parse(f).expect("a fault")).collect();
            consortium::fault_options::apply(&s.cloud, &spec);
            let outcome = s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
            assert_eq!(s.cloud.faults().unmet(), Vec::<String>::new(), "{fault:?} never came true");
            assert_eq!(look(&s, 4).await, World::AsBefore, "{fault:?}: {:?}", outcome.error);
            let world = s.cloud.world();
            let more = world.calls.iter().filter(|(k, n)| before.get(*k) != Some(n)).filter_map(|(k, _)| k.split(':').nth(1).map(String::from));
            more.collect::<Vec<_>>()
        })
    };
    let actions = removal(None);
    assert!(actions.contains(&"DeleteVolume".to_string()) && actions.contains(&"TerminateInstances".to_string()), "{actions:?}");
    for action in actions {
        for how in ["lost", "twice", "died"] {
            removal(Some(format!("{action}#1={how}")));
        }
    }
}

#[test]
fn a_refusal_for_good_at_any_action_is_undone() {
    for action in actions_of_a_launch(4) {
        virtually(async {
            let s = session(1, &Artefacts::default()).await;
            // Three tries of the SDK and more of the machine: refuse them all.
            let faults: Vec<String> = (1..=40).map(|n| format!("{action}#{n}=UnauthorizedOperation")).collect();
            let outcome = launch(&s, &request(4), &faults).await;
            let world = look(&s, 4).await;
            let reported = matches!(&world, World::Wrong(w) if w.contains("held by") || w.contains("left:"))
                && s.cloud.world().executions.values().any(|e| e.error == "Fault.Orphaned");
            assert!(world == World::AsBefore || reported, "{action}: {world:?} {:?}", outcome.error);
        });
    }
}

#[test]
fn capacity_moves_to_the_next_type_and_a_list_of_one_to_the_next_zone() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &["RunInstances#1=InsufficientInstanceCapacity".into()]).await;
        assert_eq!(look(&s, 4).await, World::AsAsked);
        let types: Vec<String> = s.cloud.world().instances.values().map(|i| i.kind.clone()).collect();
        assert!(types.contains(&"m5.large".to_string()) && types.contains(&"m6a.large".to_string()), "{types:?}");
    });
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let mut one = request(4);
        one["instance_types"] = json!(["m6a.large"]);
        let faults: Vec<String> = (1..=40).map(|n| format!("RunInstances#{n}=InsufficientInstanceCapacity")).collect();
        let outcome = launch(&s, &one, &faults).await;
        assert_eq!(outcome.error.0, "Fault.Capacity", "{:?}", outcome.error);
        assert_eq!(look(&s, 4).await, World::AsBefore);
    });
}

#[test]
fn a_silent_validator_is_named_and_the_launch_undone() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let outcome = launch(&s, &request(4), &["node2:vote=mute".into()]).await;
        assert!(outcome.error.1.contains("3 of 4") && outcome.error.1.contains("node2"), "{:?}", outcome.error);
        assert_eq!(s.summary("failed", "testnet", Some(&outcome)).await["validators_signed"], 3);
        assert_eq!(look(&s, 4).await, World::AsBefore);
    });
}

#[test]
fn an_agent_that_never_answers_and_an_image_that_cannot_be_pulled_are_undone() {
    for (fault, word) in [("node1:ssm=never", "node1"), ("node3:pull=fail", "node3")] {
        virtually(async {
            let s = session(1, &Artefacts::default()).await;
            let outcome = launch(&s, &request(4), &[fault.into()]).await;
            assert!(outcome.error.1.contains(word), "{fault}: {:?}", outcome.error);
            assert_eq!(look(&s, 4).await, World::AsBefore, "{fault}");
        });
    }
}
