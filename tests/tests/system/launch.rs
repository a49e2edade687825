//! A launch is proven, repeatable, and seen as it is.

use consortium::artefacts::Artefacts;
use consortium::report;
use proof::{World, launch, look, request, session, virtually};
use std::time::Duration;

#[test]
fn one_four_and_seven_validators_launch_and_are_removed() {
    for n in [1, 2, 4, 7] {
        virtually(async {
            let s = session(u64::from(n), &Artefacts::default()).await;
            let outcome = launch(&s, &request(n), &[]).await;
            assert_eq!(outcome.status, "SUCCEEDED", "{n}: {:?}", outcome.error);
            assert_eq!(look(&s, n as usize).await, World::AsAsked, "{n}");
            assert!(s.cloud.refusals().is_empty(), "{n}: refused {:?}", s.cloud.refusals());
            let removal = s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
            assert_eq!(removal.output["status"], "removed", "{n}: {:?}", removal.error);
            assert_eq!(look(&s, n as usize).await, World::AsBefore, "{n}");
        });
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_does_not() {
    let run = |seed| {
        virtually(async move {
            let s = session(seed, &Artefacts::default()).await;
            let outcome = launch(&s, &request(4), &[]).await;
            s.summary("launched", "testnet", Some(&outcome)).await.to_string()
        })
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_second_launch_says_so_and_another_request_is_a_conflict() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        let again = launch(&s, &request(4), &[]).await;
        assert_eq!(again.output["status"], "already-launched");
        let other = launch(&s, &request(5), &[]).await;
        assert_eq!(other.error.0, "Fault.Conflict", "{:?}", other.error);
        assert_eq!(look(&s, 4).await, World::AsAsked);
    });
}

#[test]
fn two_launches_at_once_have_one_winner() {
    virtually(async {
        let s = session(3, &Artefacts::default()).await;
        let request = request(4);
        let (a, b) = tokio::join!(s.launch(&request, "testnet", |_, _, _| {}), s.launch(&request, "testnet", |_, _, _| {}));
        let (a, b) = (a.expect("starts"), b.expect("starts"));
        let won = [&a, &b].iter().filter(|o| o.output["status"] == "launched").count();
        assert_eq!(won, 1, "{a:?} {b:?}");
        let loser = if a.status == "SUCCEEDED" { &b } else { &a };
        assert_eq!(loser.error.0, "Fault.Conflict");
        assert!(loser.error.1.contains("is at work on this network"), "{:?}", loser.error);
        assert_eq!(look(&s, 4).await, World::AsAsked);
    });
}

#[test]
fn a_dead_node_and_a_closed_port_are_seen() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        let nodes = report::network(&s.cloud, "testnet").await.expect("launched").nodes;
        s.cloud.kill_process(&nodes[3].instance);
        tokio::time::sleep(Duration::from_secs(30)).await;
        let one_down = report::network(&s.cloud, "testnet").await.expect("launched");
        assert_eq!(one_down.nodes.iter().map(|n| n.signing).collect::<Vec<_>>(), [true, true, true, false]);
        // Without the peer port nobody reaches anybody, so nobody has two thirds.
        s.cloud.settle();
        s.cloud.world().plain.retain(|_, p| p.kind != "AWS::EC2::SecurityGroupIngress");
        let before = report::network(&s.cloud, "testnet").await.expect("launched").height;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(report::network(&s.cloud, "testnet").await.expect("launched").height, before);
        assert!(matches!(look(&s, 4).await, World::Wrong(_)));
    });
}

#[test]
fn data_is_kept_on_request_and_holds_nothing_but_chain_data() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        {
            let world = s.cloud.world();
            for volume in world.volumes.values().filter(|v| v.tags.get("consortium:volume").is_some_and(|r| r == "data")) {
                let stranger = volume.files.keys().find(|f| !f.starts_with("/data/") && !f.starts_with("/wasm/"));
                assert_eq!(stranger, None, "{}", volume.id);
            }
        }
        let removal = s.remove("testnet", true, |_, _, _| {}).await.expect("starts");
        let kept = removal.output["kept_data"].as_array().cloned().unwrap_or_default();
        assert_eq!(kept.len(), 4);
        assert_eq!(s.cloud.world().volumes.len(), 4);
        assert_eq!(report::left(&s.cloud, "testnet"), vec![]);
    });
}

#[test]
fn a_hundred_validators_fit_every_limit() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let outcome = launch(&s, &request(100), &[]).await;
        assert_eq!(look(&s, 100).await, World::AsAsked, "{:?}", outcome.error);
        let longest = s.cloud.world().executions.values().map(|e| e.events).max();
        assert!(longest.is_some_and(|events| events < 10_000), "{longest:?}");
    });
}
