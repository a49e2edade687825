//! Operations on a launched network in the simulated world: one node at a time, under the guard and the lock.

use consortium::artefacts::Artefacts;
use consortium::session::{Outcome, Session};
use proof::{World, launch, look, request, session, story, virtually};
use serde_json::{Value, json};

async fn operate(s: &Session, network: &str, verb: &str, targets: &[&str], params: Value) -> Outcome {
    let input = json!({"network": network, "verb": verb, "targets": targets, "params": params, "whole_stop": false});
    let name = s.name(network, "operate");
    s.run("OperateNodes", &name, input, |_, _, _| {}).await.expect("starts")
}

#[test]
fn every_operation_works_with_the_longest_names() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let network = "n".repeat(32);
        let mut asked = request(12);
        asked["network"] = json!(network);
        let outcome = s.launch(&asked, &network, |_, _, _| {}).await.expect("starts");
        assert_eq!(outcome.output["status"], "launched", "{:?}", outcome.error);
        let change = json!({"config_toml": {"mempool.size": 8000}, "app_toml": {}});
        for (verb, targets, params) in [("change-config", vec![], change), ("restart", vec!["node11"], json!({})), ("unjail", vec!["node3"], json!({}))] {
            let done = operate(&s, &network, verb, &targets, params).await;
            assert_eq!(done.status, "SUCCEEDED", "{verb}: {:?}\n{}", done.error, story(&s));
        }
        assert!(s.cloud.refusals().is_empty(), "refused {:?}", s.cloud.refusals());
    });
}

#[test]
fn the_guard_refuses_what_the_chain_cannot_spare_and_frees_the_lock() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        assert_eq!(operate(&s, "testnet", "stop", &["node3"], json!({})).await.status, "SUCCEEDED");
        let second = operate(&s, "testnet", "stop", &["node2"], json!({})).await;
        assert!(second.error.0 == "Fault.Conflict" && second.error.1.contains("200 of 400"), "{:?}", second.error);
        assert_eq!(operate(&s, "testnet", "start", &["node3"], json!({})).await.status, "SUCCEEDED");
        for (verb, targets, error) in
            [("dance", vec![], "Fault.InvalidInput"), ("restart", vec!["node9"], "Fault.InvalidInput"), ("unjail", vec![], "Fault.InvalidInput")]
        {
            assert_eq!(operate(&s, "testnet", verb, &targets, json!({})).await.error.0, error, "{verb}");
        }
        assert_eq!(operate(&s, "othernet", "restart", &[], json!({})).await.error.0, "Fault.NotFound");
        assert_eq!(look(&s, 4).await, World::AsAsked, "{}", story(&s));
    });
}

#[test]
fn an_operation_stopped_anywhere_leaves_the_network_running_and_the_lock_free() {
    let states = virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        let done = operate(&s, "testnet", "restart", &["node1"], json!({})).await;
        let world = s.cloud.world();
        let e = world.executions.values().find(|e| e.name == done.execution).expect("ran");
        e.states.iter().map(|(_, n)| n.clone()).filter(|n| n != "NodesOperated").collect::<Vec<_>>()
    });
    assert!(states.contains(&"OperateNodes".to_string()), "{states:?}");
    for stop_at in states {
        virtually(async {
            let s = session(1, &Artefacts::default()).await;
            launch(&s, &request(4), &[]).await;
            let (cloud, name) = (s.cloud.clone(), s.name("testnet", "operate"));
            let input = json!({"network": "testnet", "verb": "restart", "targets": ["node1"], "params": {}, "whole_stop": false});
            let stopped = s.run("OperateNodes", &name, input, |execution, state, _| {
                let found = cloud.world().executions.values().find(|e| e.name == execution).map(|e| e.arn.clone());
                let found = found.filter(|_| state == stop_at && execution == name);
                found.iter().for_each(|arn| cloud.stop(arn, "ABORTED", "Stopped", "a person stopped it"));
            });
            assert_eq!(stopped.await.expect("starts").status, "ABORTED", "{stop_at}");
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            assert_eq!(look(&s, 4).await, World::AsAsked, "stopped at {stop_at}\n{}", story(&s));
        });
    }
}
