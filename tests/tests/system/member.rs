//! A member's functions read every order as hostile input: what the hub says is not what is so.

use consortium::artefacts::Artefacts;
use consortium::report;
use consortium::session::Session;
use domain::{Class, Fault};
use proof::{World, launch, look, request, session, virtually};
use serde_json::{Value, json};

/// Sends an order to one of the member's functions, as whoever may invoke it.
async fn order(s: &Session, function: &str, change: Value, params: Value) -> Result<Value, Fault> {
    let arn = format!("arn:aws:lambda:us-east-1:{}:function:consortium-member-{function}", consortium::session::ACCOUNT);
    let mut order = json!({"relation": "consortium", "network": "testnet", "execution": "testnet-launch-hostile", "epoch": 99, "params": params});
    if let (Some(order), Value::Object(change)) = (order.as_object_mut(), change) {
        order.extend(change);
    }
    s.call(&arn, order).await
}

#[test]
fn another_relation_an_old_epoch_and_an_unknown_field_are_refused() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        let scope = json!({"scope": ""});
        let class = |r: Result<Value, Fault>| r.expect_err("refused").class;
        assert_eq!(class(order(&s, "remove-nodes", json!({"relation": "other"}), scope.clone()).await), Class::Denied);
        assert_eq!(class(order(&s, "remove-nodes", json!({"epoch": 0}), scope.clone()).await), Class::Conflict);
        // The launch's own epoch is 1, but this execution never held it.
        assert_eq!(class(order(&s, "remove-nodes", json!({"epoch": 1}), scope.clone()).await), Class::Conflict);
        assert_eq!(class(order(&s, "remove-nodes", json!({"colour": 1}), scope).await), Class::InvalidInput);
        assert_eq!(look(&s, 4).await, World::AsAsked);
    });
}

#[test]
fn a_command_goes_only_to_a_machine_that_is_what_the_order_says() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        let node = report::network(&s.cloud, "testnet").await.expect("launched").nodes[1].clone();
        let command = |network: &str, name: &str| {
            let nodes = json!([{"name": name, "instance": node.instance, "ip": node.ip, "member": "founder"}]);
            order_of(network, json!({"verb": "start", "nodes": nodes, "targets": [], "seconds": 60, "round": "", "tolerate": false, "params": {}}))
        };
        for (network, name) in [("othernet", "node1"), ("testnet", "node2")] {
            let (change, params) = command(network, name);
            let fault = order(&s, "send-command", change, params).await.expect_err("refused");
            assert_eq!(fault.class, Class::Denied, "{network} {name}: {fault}");
        }
        let params = json!({"verb": "export-key", "nodes": [], "targets": [], "seconds": 60, "round": "", "tolerate": false, "params": {}});
        assert_eq!(order(&s, "send-command", json!({}), params).await.expect_err("refused").class, Class::InvalidInput);
    });
}

/// The change that names another network, and the parameters.
fn order_of(network: &str, params: Value) -> (Value, Value) {
    (json!({"network": network, "execution": format!("{network}-launch-hostile")}), params)
}

#[test]
fn the_stack_limits_types_subnets_and_the_number_of_nodes_over_all_networks() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        // As if the stack had been made with MaxNodes = 4.
        s.cloud.world().functions.values_mut().for_each(|f| drop(f.environment.insert("MAX_NODES".into(), "4".into())));
        launch(&s, &request(4), &[]).await;
        let subnet = s.cloud.world().instances.values().next().map(|i| i.subnet.clone()).expect("a machine");
        let batch = |kind: &str, subnet: &str| {
            let way = json!({"type": kind, "subnet": subnet, "zone": "us-east-1a"});
            json!({"batch": {"batch": "b0", "member": "founder", "nodes": ["node0"], "candidates": [way], "authority": false}, "turn": 0, "disks": {"system_gb": 20, "data_gb": 100}})
        };
        let (change, _) = order_of("othernet", json!({}));
        for (params, class) in
            [(batch("p5.48xlarge", &subnet), Class::Denied), (batch("m6a.large", "subnet-0123"), Class::Denied), (batch("m6a.large", &subnet), Class::Quota)]
        {
            let fault = order(&s, "ensure-nodes", change.clone(), params).await.expect_err("refused");
            assert_eq!(fault.class, class, "{fault}");
        }
        assert_eq!(look(&s, 4).await, World::AsAsked);
    });
}

#[test]
fn identities_of_a_started_chain_stay_unless_the_stack_says_otherwise() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        s.cloud.world().functions.values_mut().for_each(|f| {
            f.environment.entry("ALLOW_IDENTITY_REMOVAL".into()).and_modify(|v| *v = "false".into());
        });
        launch(&s, &request(4), &[]).await;
        // A lying tag does not help: the key that a volume was made with decides.
        s.cloud.world().volumes.values_mut().for_each(|v| drop(v.tags.insert("consortium:volume".into(), "data".into())));
        let removal = s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        let kept = removal.output["kept_identities"].as_array().map(Vec::len);
        assert_eq!(kept, Some(5), "four identities and the authority: {:?}", removal.output);
        assert_eq!(s.cloud.world().volumes.len(), 5);
    });
}
