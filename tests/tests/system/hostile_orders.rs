//! A hostile hub, by the one way that is open to it: whatever it orders of a member's functions, what the stack did not agree to is
//! refused, nothing of the member's changes, and the member's own log has the attempt.

use crate::hostile::{OTHER, Target, launched, roles_of, target};
use crate::members::gathered;
use consortium::report;
use consortium::session::{ACCOUNT, Session};
use domain::ids;
use handlers::hub::ask::ASKED;
use local_cloud::Caller;
use proof::companies;
use proof::{World, footprint, launch, look, story, virtually};
use serde_json::{Value, json};

/// The hub's one role that may ask, and the member that it asks.
struct Hub {
    s: Session,
    ask: Caller,
    t: Target,
    relation: String,
}

impl Hub {
    async fn new() -> Hub {
        let s = launched().await;
        forbid_identity_removal(&s);
        let role = roles_of(&s, ACCOUNT, "AskMembersRole").into_iter().find(|r| r.contains("AskMembersRole")).expect("the role");
        let relation = s.members().into_iter().find(|m| m.account == OTHER).expect("joined").relation;
        let t = target(&s, OTHER);
        Hub { ask: Caller::new(&s.cloud, &role, &t.region), t, relation, s }
    }

    /// An order as the hub sends it, with an execution and an epoch that outdo the launch's.
    fn order(&self, change: Value, params: Value) -> Value {
        let mut order = json!({"relation": self.relation, "network": "testnet", "execution": "testnet-launch-hostile", "epoch": 99, "params": params});
        if let (Some(order), Value::Object(change)) = (order.as_object_mut(), change) {
            order.extend(change);
        }
        order
    }

    async fn send(&self, function: &str, order: &Value) -> Value {
        let (status, body) = self.ask.invoke(&self.t.function(function), &order.to_string()).await;
        assert_eq!(status, 200, "{function}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Objects of the member's own bucket: key and text.
    fn books(&self, prefix: &str) -> Vec<(String, String)> {
        let world = self.s.cloud.world();
        let objects = &world.buckets[&self.t.ids["Bucket"]].objects;
        objects.iter().filter(|(k, _)| k.starts_with(prefix)).map(|(k, o)| (k.clone(), o.text.clone())).collect()
    }

    /// Sends an order that must be refused with a class and words, change nothing, and be found in the member's log.
    async fn refused(&self, function: &str, order: &Value, class: &str, words: &str) {
        let before = footprint(&self.s, false);
        let answer = self.send(function, order).await;
        let message = answer["errorMessage"].as_str().unwrap_or_default();
        assert!(answer["errorType"] == json!(format!("Fault.{class}")) && message.contains(words), "{function} {order}: {answer}");
        assert!(!message.contains("could not be logged"), "{message}");
        assert_eq!(footprint(&self.s, false), before, "{function} {order}");
        let hash = ids::sha256_hex(order.to_string().as_bytes());
        let (key, entry) = self
            .books(ids::REFUSED)
            .into_iter()
            .find(|(key, text)| key.contains(&format!("/{function}/")) && text.contains(&hash))
            .expect("the refusal is in the log");
        assert!(!key.contains(".."), "{key}");
        let entry: Value = serde_json::from_str(&entry).expect("JSON");
        assert!(entry["class"] == answer["errorType"] && entry["function"] == function, "{entry}");
        assert!(entry["reason"].as_str().is_some_and(|r| message.starts_with(r)) && entry["at"].as_str().is_some_and(|a| a.starts_with("2026-")), "{entry}");
    }
}

/// As the stack has it unless its owner says otherwise.
fn forbid_identity_removal(s: &Session) {
    let mut world = s.cloud.world();
    let own = world.functions.values_mut().filter(|f| f.arn.contains(OTHER));
    own.for_each(|f| drop(f.environment.entry("ALLOW_IDENTITY_REMOVAL".into()).and_modify(|v| *v = "false".into())));
}

/// Functions that only look: they ask for no epoch.
fn looks(function: &str) -> bool {
    function.starts_with("check-")
}

#[test]
fn whoever_is_not_the_relation_in_the_epoch_with_the_known_fields_is_refused_by_every_function() {
    virtually(async {
        let hub = Hub::new().await;
        for function in ASKED {
            // One look of send-command needs no epoch; this one is none.
            let none = if function == "send-command" { json!({"verb": "start"}) } else { json!({}) };
            let order = |change: Value| hub.order(change, none.clone());
            hub.refused(function, &order(json!({"relation": "consortium"})), "Denied", "relation `consortium` is not this member's").await;
            hub.refused(function, &order(json!({"relation": ""})), "Denied", "relation").await;
            hub.refused(function, &order(json!({"relation": {"like": "*"}})), "InvalidInput", "order").await;
            for name in ["../testnet", "testnet/../../started", "", ".", "test net", "\u{0}", &"n".repeat(33)] {
                hub.refused(function, &order(json!({"network": name})), "InvalidInput", "`network`").await;
            }
            hub.refused(function, &order(json!({"execution": "../../epoch/testnet"})), "InvalidInput", "`execution`").await;
            hub.refused(function, &order(json!({"epoch": -1})), "InvalidInput", "order").await;
            for field in ["document", "user_data", "command"] {
                hub.refused(function, &order(json!({field: "x"})), "InvalidInput", &format!("unknown field `{field}`")).await;
                hub.refused(function, &hub.order(json!({}), json!({field: "x"})), "InvalidInput", &format!("unknown field `{field}`")).await;
            }
            for text in [json!([]), json!("x"), json!(7), Value::Null] {
                hub.refused(function, &text, "InvalidInput", "order").await;
            }
            if !looks(function) {
                hub.refused(function, &order(json!({"epoch": 0})), "Conflict", "epoch 0 of testnet-launch-hostile is over").await;
                hub.refused(function, &order(json!({"epoch": 1})), "Conflict", "epoch 1").await;
            }
        }
        // The epoch is as the launch left it: nothing of all this was accepted.
        let epoch: Value = serde_json::from_str(&hub.books("epoch/testnet")[0].1).expect("JSON");
        assert_eq!(epoch["epoch"], 1, "{epoch}");
        assert_eq!(look(&hub.s, 5).await, World::AsAsked);
    });
}

/// A member as peering orders name it.
fn peer(name: &str, account: &str, cidr: &str) -> Value {
    json!({"name": name, "account": account, "region": "us-east-1", "vpc": "vpc-1", "cidr": cidr})
}

#[test]
fn more_or_other_machines_peers_and_scrapers_than_the_stack_agreed_to_are_refused() {
    virtually(async {
        let hub = Hub::new().await;
        let subnet = hub.t.ids["SubnetA"].as_str();
        let batch = |change: Value, way: Value| {
            let mut way_all = json!({"type": "m6a.large", "subnet": subnet, "zone": "eu-west-1a"});
            way_all.as_object_mut().expect("an object").extend(way.as_object().expect("an object").clone());
            let mut batch = json!({"batch": "b9", "member": "company01", "nodes": ["node4"], "candidates": [way_all], "authority": false});
            batch.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
            json!({"batch": batch, "turn": 0, "disks": {"system_gb": 20, "data_gb": 100}})
        };
        let plain = || batch(json!({}), json!({}));
        let with = |change: Value| hub.order(json!({}), batch(change, json!({})));
        let way = |way: Value| hub.order(json!({}), batch(json!({}), way));
        let big = |disks: Value| {
            let mut params = plain();
            params["disks"] = disks;
            hub.order(json!({}), params)
        };
        let elsewhere = hub.order(json!({"network": "othernet", "execution": "othernet-launch-x"}), plain());
        for (order, class, words) in [
            (with(json!({"member": "founder"})), "Denied", "is to be made by founder"),
            (way(json!({"type": "p5.48xlarge"})), "Denied", "does not allow p5.48xlarge"),
            (way(json!({"subnet": "subnet-0123"})), "Denied", "subnet-0123 is not a subnet of this member's stack"),
            (way(json!({"image_id": "ami-1"})), "InvalidInput", "unknown field `image_id`"),
            (with(json!({"user_data": "IyEvYmluL3No"})), "InvalidInput", "unknown field `user_data`"),
            (with(json!({"instance_profile": "admin"})), "InvalidInput", "unknown field `instance_profile`"),
            (hub.order(json!({}), plain()), "Quota", "agreed to 1 nodes in testnet; 1 exist and 1 more were asked for"),
            (with(json!({"nodes": vec!["node"; 200]})), "Quota", "allows 100 nodes"),
            (big(json!({"system_gb": 20, "data_gb": 64_000})), "InvalidInput", "`disks`"),
            (big(json!({"system_gb": 20, "data_gb": 100, "snapshot": "snap-1"})), "InvalidInput", "unknown field `snapshot`"),
            (elsewhere, "Denied", "not to a network othernet"),
        ] {
            hub.refused("ensure-nodes", &order, class, words).await;
        }
        let (own, founder) = (peer("company01", OTHER, "10.64.16.0/20"), peer("founder", ACCOUNT, "10.64.0.0/20"));
        let members = |list: Value| json!({"members": list});
        for function in ["ensure-rules", "ensure-peerings", "ensure-acceptances", "ensure-routes"] {
            for (list, class, words) in [
                (json!([founder.clone()]), "InvalidInput", "this member is not among them"),
                (json!([peer("founder", ACCOUNT, "0.0.0.0/0"), own.clone()]), "InvalidInput", "range of founder"),
                (json!([peer("founder", ACCOUNT, "192.168.0.0/20"), own.clone()]), "Denied", "outside of 10.64.0.0/10"),
                (json!([peer("founder", ACCOUNT, "10.64.16.0/24"), own.clone()]), "InvalidInput", "overlaps"),
                (json!([peer("founder", "999999999999", "10.64.0.0/20"), own.clone()]), "Denied", "not a member that this stack agreed to"),
                (json!([founder.clone(), own.clone(), peer("spy", "999999999999", "10.64.32.0/20")]), "Denied", "spy in account 999999999999"),
                (json!([founder.clone(), own.clone(), {"name": "x", "account": "1", "region": "r", "key": "k"}]), "InvalidInput", "unknown field `key`"),
            ] {
                hub.refused(function, &hub.order(json!({}), members(list)), class, words).await;
            }
            let elsewhere = hub.order(json!({"network": "othernet", "execution": "othernet-launch-x"}), members(json!([founder.clone(), own.clone()])));
            hub.refused(function, &elsewhere, "Denied", "not to a network othernet").await;
        }
        for (range, class) in [("0.0.0.0/0", "InvalidInput"), ("8.8.8.0/24", "Denied"), ("172.31.0.0/16", "Denied")] {
            let params = json!({"members": [founder.clone(), own.clone()], "scrapers": [range]});
            hub.refused("ensure-rules", &hub.order(json!({}), params), class, range).await;
        }
        assert_eq!(look(&hub.s, 5).await, World::AsAsked);
    });
}

#[test]
fn commands_reach_only_what_the_order_truly_names_with_what_the_verb_knows() {
    virtually(async {
        let hub = Hub::new().await;
        let found = report::network(&hub.s.cloud, "testnet").await.expect("launched");
        let node = |i: usize, name: &str| json!({"name": name, "instance": found.nodes[i].instance, "ip": found.nodes[i].ip, "member": "company01"});
        let command = |verb: &str, node: Value, params: Value| {
            hub.order(json!({}), json!({"verb": verb, "nodes": [node], "targets": [], "seconds": 60, "round": "", "tolerate": false, "params": params}))
        };
        let mut documented = node(4, "node4");
        documented["document"] = json!("AWS-RunShellScript");
        let mut elsewhere = command("start", node(4, "node4"), json!({"peers": {}}));
        elsewhere["network"] = json!("othernet");
        for (order, class, words) in [
            (command("export-key", node(4, "node4"), json!({})), "InvalidInput", "`export-key` is not one of"),
            (command("../start", node(4, "node4"), json!({})), "InvalidInput", "`verb`"),
            (command("start", node(4, "node4"), json!({"peers": {}, "user_data": "x"})), "InvalidInput", "unknown field `user_data`"),
            (command("start-service", node(4, "node4"), json!({"command": "sh"})), "InvalidInput", "unknown field `command`"),
            (command("prepare", node(4, "node4"), json!({"volumes": {"node4": {"identity": "vol-1"}}})), "InvalidInput", "unknown field `volumes`"),
            (command("prepare", node(4, "node4"), json!({"agreement": ""})), "InvalidInput", "unknown field `agreement`"),
            (command("list-keys", node(4, "node4"), json!({"secret": true})), "InvalidInput", "unknown field `secret`"),
            (command("start", documented, json!({"peers": {}})), "InvalidInput", "unknown field `document`"),
            (command("start", node(0, "node4"), json!({"peers": {}})), "Denied", "is not node4 of testnet"),
            (command("start", node(4, "node0"), json!({"peers": {}})), "Denied", "is not node0 of testnet"),
            (command("check-health", node(0, "node0"), json!({})), "Denied", "is not node0 of testnet"),
            (elsewhere, "Denied", "is not node4 of othernet"),
        ] {
            hub.refused("send-command", &order, class, words).await;
        }
        // Nothing moves a volume, and nobody can be asked to.
        for function in ["attach-volume", "detach-volume", "move-identity", "create-snapshot", "announce-member"] {
            let (status, body) = hub.ask.invoke(&hub.t.function(function), "{}").await;
            assert!(status == 403 || status == 404, "{function}: {status} {body}");
            let ask = json!({"members": ["company01"], "function": function, "network": "testnet", "execution": "x", "epoch": 99, "params": {}});
            let fault = hub.s.call(&hub.s.outputs["AskMembersFunction"], ask).await.expect_err("refused");
            assert!(fault.message.contains("is not one of"), "{fault}");
        }
        assert_eq!(look(&hub.s, 5).await, World::AsAsked);
    });
}

#[test]
fn a_node_refuses_another_plan_and_another_genesis_than_its_own() {
    virtually(async {
        let hub = Hub::new().await;
        let found = report::network(&hub.s.cloud, "testnet").await.expect("launched");
        let node = &found.nodes[4];
        let nodes = json!([{"name": "node4", "instance": node.instance, "ip": node.ip, "member": "company01"}]);
        let execution = found.manifest.execution.as_str();
        let bucket = hub.s.outputs["HubBucket"].clone();
        let text = |key: &str| hub.s.cloud.world().buckets[&bucket].objects[key].text.clone();
        // The hub owns its bucket: it lays down what it likes, for an execution of its own.
        let genesis = text(found.manifest.genesis["key"].as_str().expect("a genesis")).replace("testnet", "evilnet");
        let plan = text(&ids::plan_key("testnet", execution)).replace("\"root_threshold\":2", "\"root_threshold\":1");
        let (genesis_sha256, plan_sha256) = (ids::sha256_hex(genesis.as_bytes()), ids::sha256_hex(plan.as_bytes()));
        for (key, text) in
            [(ids::genesis_key("testnet", "testnet-launch-hostile", &genesis_sha256), &genesis), (ids::plan_key("testnet", "testnet-launch-hostile"), &plan)]
        {
            hub.s.cloud.put_artefact(&bucket, &key, text).expect("the hub's own bucket");
        }
        let before = footprint(&hub.s, false);
        for (verb, params, words) in [
            ("prepare", json!({"chain_id": "testnet", "authority": "node0", "plan_sha256": plan_sha256}), "agreed to another plan"),
            ("check-genesis", json!({"genesis_sha256": genesis_sha256}), "node4"),
        ] {
            let params = json!({"verb": verb, "nodes": nodes, "targets": [], "seconds": 60, "round": "", "tolerate": false, "params": params});
            let sent = hub.send("send-command", &hub.order(json!({}), params)).await;
            tokio::time::sleep(std::time::Duration::from_secs(120)).await;
            let check = json!({"commands": sent["commands"], "instances": sent["instances"], "nodes": nodes, "tolerate": false, "last": true});
            let answer = hub.send("check-command", &hub.order(json!({}), check)).await;
            let message = answer["fault"]["message"].as_str().unwrap_or_default();
            assert!(answer["status"] == "Failed" && message.contains(words), "{verb}: {sent} {answer}");
        }
        assert_eq!(footprint(&hub.s, false), before);
        // Both orders are in the log like any other that was carried out.
        let orders = hub.books("log/testnet/00000099/send-command/");
        assert_eq!(orders.len(), 2, "{orders:?}");
        assert_eq!(look(&hub.s, 5).await, World::AsAsked);
    });
}

#[test]
fn the_hub_cannot_have_identities_deleted_not_even_with_the_whole_network() {
    virtually(async {
        let hub = Hub::new().await;
        let identities = |s: &Session| {
            let world = s.cloud.world();
            let own = world.volumes.values().filter(|v| v.account == OTHER && v.tags.get(ids::TAG_VOLUME).is_some_and(|r| r == "identity"));
            own.map(|v| (v.id.clone(), v.files.len())).collect::<Vec<_>>()
        };
        let before = identities(&hub.s);
        assert!(before.len() == 1 && before[0].1 > 0, "{before:?}");
        let launch = report::network(&hub.s.cloud, "testnet").await.expect("launched").manifest.execution;
        // While the machine lives its volumes are in use, and the identity is not even tried.
        let answer = hub.send("remove-volumes", &hub.order(json!({"execution": launch, "epoch": 1}), json!({"scope": "", "keep_data": false}))).await;
        assert!(answer["errorMessage"].as_str().is_some_and(|m| m.contains("attached") && !m.contains(&before[0].0)), "{answer}");
        assert_eq!(look(&hub.s, 5).await, World::AsAsked);
        // A lying tag does not help either: no role of the hub can set one, and the key decides.
        let removal = hub.s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        // The founder's stack allows it (its owner said so), the company's does not.
        assert_eq!(removal.output["kept_identities"], json!([before[0].0]), "{:?}\n{}", removal.error, story(&hub.s));
        assert_eq!(identities(&hub.s), before);
        let again = hub.order(json!({"epoch": 999, "execution": "testnet-remove-hostile"}), json!({"scope": "", "keep_data": false}));
        let answer = hub.send("remove-volumes", &again).await;
        assert_eq!(answer["kept_identities"], json!([before[0].0]), "{answer}");
        assert_eq!(identities(&hub.s), before);
        assert!(hub.books("log/testnet/00000999/remove-volumes/").len() == 1 && hub.books("started/testnet").len() == 1);
    });
}

#[test]
fn a_nodes_stack_has_the_last_word_on_what_was_agreed() {
    virtually(async {
        let request = companies(&[4, 2]);
        let s = gathered(&request).await;
        // The hub lies to itself: the company's answer to its questions says that it agreed to anything.
        for function in s.cloud.world().functions.values_mut().filter(|f| f.arn.contains(OTHER) && f.handler == "check-member") {
            function.environment.insert("AGREEMENT".into(), String::new());
        }
        let mut other = companies(&[4, 2]);
        other["chain_id"] = json!("otherchain");
        let outcome = launch(&s, &other, &[]).await;
        assert!(outcome.status == "FAILED" && outcome.error.1.contains("this member agreed to `testnet testnet founder@"), "{:?}", outcome.error);
        assert_eq!(look(&s, 6).await, World::AsBefore, "{}", story(&s));
        // More machines than it agreed to it does not even make.
        let mut more = companies(&[4, 5]);
        more["members"][1]["cidr"] = json!("10.64.16.0/20");
        let outcome = launch(&s, &more, &[]).await;
        assert!(outcome.error.0 == "Fault.Quota" && outcome.error.1.contains("agreed to 2 nodes in testnet"), "{:?}", outcome.error);
        assert_eq!(look(&s, 9).await, World::AsBefore, "{}", story(&s));
    });
}

#[test]
fn what_the_log_keeps_of_hostile_orders_is_bounded() {
    virtually(async {
        let hub = Hub::new().await;
        let long = "\u{1}\u{4e2d}".repeat(10_000);
        let words = format!("relation `{}", "\u{1}\u{4e2d}");
        hub.refused("remove-nodes", &hub.order(json!({"relation": long}), json!({})), "Denied", &words).await;
        let huge = hub.order(json!({}), json!({"scope": "x".repeat(300_000)}));
        hub.refused("remove-nodes", &huge, "InvalidInput", "larger than 262144 bytes").await;
        let kept = hub.books(ids::REFUSED);
        assert!(kept.len() == 2 && kept.iter().all(|(_, text)| text.len() < 16_384), "{:?}", kept.iter().map(|(k, t)| (k, t.len())).collect::<Vec<_>>());
        // The same again is the same entry; and however many come, there are so many places a day.
        hub.refused("remove-nodes", &huge, "InvalidInput", "larger than").await;
        assert_eq!(hub.books(ids::REFUSED), kept);
        for n in 0..50 {
            hub.send("check-nodes", &hub.order(json!({"relation": format!("guess-{n}")}), json!({}))).await;
        }
        let places = hub.books(ids::REFUSED);
        assert!(places.len() > 40 && places.iter().all(|(key, _)| key.rsplit('/').next().is_some_and(|place| place.len() == 3)));
    });
}
