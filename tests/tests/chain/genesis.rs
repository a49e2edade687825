//! Each node's own check of the genesis: whatever the hub puts down, a node refuses what it did not agree to.

use domain::{Class, ids};
use proof::real::{Real, fast_request, program, really};
use serde_json::{Value, json};

/// Launches until the genesis lies in the exchange and no node has looked at it; gives the execution and the genesis.
async fn until_genesis(real: &Real) -> (String, String, Value) {
    // Nobody settles: the stopped launch is what the test goes on with.
    real.cloud().world().plain.retain(|_, p| p.kind != "AWS::Events::Rule");
    let cloud = real.cloud().clone();
    let request = fast_request(4);
    let outcome = real.session.launch(&request, "testnet", |execution, state, _| {
        if state == "CheckGenesis" {
            let launch = execution.split("-ceremony").next().unwrap_or_default();
            let arn = cloud.world().executions.values().find(|e| e.name.starts_with(launch) && e.machine.ends_with("-launch-network")).map(|e| e.arn.clone());
            cloud.stop(&arn.expect("the launch"), "ABORTED", "Stopped", "the test goes on by hand");
        }
    });
    let outcome = outcome.await.expect("starts");
    assert_eq!(outcome.status, "ABORTED");
    let world = real.cloud().world();
    let bucket = world.stacks.values().find_map(|s| s.outputs.get("HubBucket").cloned()).expect("a hub");
    let prefix = format!("exchange/testnet/{}/genesis-", outcome.execution);
    let (_, object) = world.buckets[&bucket].objects.iter().find(|(k, _)| k.starts_with(&prefix)).expect("a genesis");
    (outcome.execution.clone(), bucket, serde_json::from_str(&object.text).expect("json"))
}

#[test]
fn a_node_refuses_every_genesis_but_the_one_it_agreed_to() {
    really(async {
        let Some(real) = Real::open("genesis", 120, &program("nodectl")).await else { return };
        let (execution, bucket, genesis) = until_genesis(&real).await;
        let offer = |genesis: &Value| {
            let text = genesis.to_string();
            let sha256 = ids::sha256_hex(text.as_bytes());
            real.cloud().put_artefact(&bucket, &ids::genesis_key("testnet", &execution, &sha256), &text).expect("put");
            real.order("check-genesis", &execution, 1, json!({"genesis_sha256": sha256}))
        };
        let set = |pointer: &str, value: Value| {
            let mut other = genesis.clone();
            *other.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
            other
        };
        let gentx = |i: usize| genesis.pointer(&format!("/app_state/genutil/gen_txs/{i}")).cloned().expect("a gentx");
        let mut extra = genesis.clone();
        extra["app_state"]["node"]["validators"] = json!([{"name": "intruder", "power": "1000"}]);
        let operator = gentx(0)["body"]["messages"][0]["operator"].clone();
        // What is offered, to whom, and the words of the refusal.
        let offers = [
            (
                "contracts open to all",
                "node0",
                set("/app_state/wasm/params/code_upload_access/permission", json!("Everybody")),
                "/app_state/wasm/params/code_upload_access/permission",
            ),
            ("another power", "node0", set("/app_state/genutil/gen_txs/2/body/messages/0/power", json!("1000")), "plan has"),
            ("a foreign gentx in the place of another's", "node0", set("/app_state/genutil/gen_txs/2", gentx(3)), "plan has"),
            (
                "its own gentx signed by somebody else",
                "node1",
                set("/app_state/genutil/gen_txs/1/signatures/0", gentx(2)["signatures"][0].clone()),
                "own gentx",
            ),
            (
                "another root certificate",
                "node2",
                set("/app_state/node/root_cert", json!("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")),
                "/app_state/node/root_cert",
            ),
            ("one operator as root", "node3", set("/app_state/perm/role_accounts/0/address", operator), "/app_state/perm/role_accounts/0/address"),
            ("another chain", "node0", set("/chain_id", json!("othernet")), "/chain_id"),
            ("gas for nobody's account", "node0", set("/app_state/bank/balances/1/address", json!("iaa1stranger")), "/app_state/bank/balances/1/address"),
            (
                "a softer slashing",
                "node0",
                set("/app_state/slashing/params/signed_blocks_window", json!("100000")),
                "/app_state/slashing/params/signed_blocks_window",
            ),
            ("a validator beside the gentxs", "node0", extra, "/app_state/node/validators"),
        ];
        for (what, node, genesis, words) in offers {
            let fault = real.carry_out(node, &offer(&genesis)).await.fault.unwrap_or_else(|| panic!("{what}: accepted"));
            assert!(fault.class == Class::InvalidInput && fault.message.contains(words), "{what}: {fault}");
        }
        // A file that is not what its hash says is not even read.
        let mut order = offer(&genesis);
        let other = real.order("check-genesis", &execution, 1, json!({"genesis_sha256": "0".repeat(64)}));
        order.params = other.params;
        real.cloud().put_artefact(&bucket, &ids::genesis_key("testnet", &execution, &"0".repeat(64)), &genesis.to_string()).expect("put");
        assert_eq!(real.carry_out("node0", &order).await.fault.map(|f| f.class), Some(Class::Conflict));
        // The right one is accepted by everybody, and then no other any more.
        let right = offer(&genesis);
        for node in ["node0", "node1", "node2", "node3"] {
            let answer = real.carry_out(node, &right).await;
            assert_eq!((answer.fault, &answer.result["validators"]), (None, &json!(4)), "{node}");
        }
        let mut late = genesis.clone();
        late["genesis_time"] = json!("2030-01-01T00:00:00Z");
        let fault = real.carry_out("node0", &offer(&late)).await.fault.expect("refused");
        assert!(fault.class == Class::Conflict && fault.message.contains("accepted another genesis already"), "{fault}");
    });
}
