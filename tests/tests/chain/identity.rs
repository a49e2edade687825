//! Identity apart from data: what lies where, and when a node refuses to start with it.

use nodectl::Service;
use proof::real::{Real, fast_request, program, really};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Files below a folder, by path from it.
fn files(folder: &Path, below: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() { files(&entry.path(), &name, found) } else { found.push(name) }
    }
}

async fn service(real: &Real, node: &str) -> Service {
    let instance = real.machine(node).file_name().and_then(|n| n.to_str()).expect("id").to_string();
    real.cloud().service(&instance).await
}

fn power(real: &Real, node: &str, how: &str) {
    let done = Command::new(program("nodectl")).args(["power", how, "--machine"]).arg(real.machine(node)).status();
    assert!(done.expect("nodectl").success(), "power {how} of {node}");
}

/// Powers a machine on and waits until its supervisor says why it starts nothing.
async fn refused_at_boot(real: &Real, node: &str, words: &str) {
    power(real, node, "on");
    for _ in 0..50 {
        let seen = service(real, node).await;
        assert_ne!(seen.state, "running", "irita must not run: {words}");
        if seen.reason.contains(words) {
            power(real, node, "off");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the supervisor does not say `{words}`: {:?}", service(real, node).await);
}

#[test]
fn the_data_volume_holds_chain_data_only_and_a_node_without_its_whole_identity_does_not_start() {
    really(async {
        let Some(real) = Real::launched("identity", 123, &fast_request(4)).await else { return };
        let execution = real.look().await.manifest.execution;
        // The order is one of the launch's own epoch, as a person's restart would be.
        let start = |n: u64| real.order("start-service", &execution, 1, json!({"expect_blocks": true, "turn": n}));
        let stop = |n: u64| real.order("stop-service", &execution, 1, json!({"turn": n}));

        // Data: databases, the write-ahead log, nothing else; and no secret in any of them.
        let secret = |name: &str| std::fs::read_to_string(real.place("node2", &format!("identity/{name}"))).expect("an identity");
        let key: Value = serde_json::from_str(&secret("priv_validator_key.json")).expect("json");
        let peer: Value = serde_json::from_str(&secret("node_key.json")).expect("json");
        let secrets = [
            key["priv_key"]["value"].as_str().expect("a key").to_string(),
            peer["priv_key"]["value"].as_str().expect("a key").to_string(),
            secret("passphrase"),
        ];
        let data = std::fs::read_link(real.place("node2", "data")).expect("a mounted volume");
        let mut all = vec![];
        files(&data, "", &mut all);
        assert!(all.len() > 10, "{all:?}");
        let known = [
            "/data/application.db/",
            "/data/blockstore.db/",
            "/data/state.db/",
            "/data/tx_index.db/",
            "/data/evidence.db/",
            "/data/cs.wal/",
            "/data/snapshots/",
            "/data/upgrade-info.json",
            "/wasm/",
        ];
        for file in &all {
            assert!(known.iter().any(|k| file.starts_with(k)), "{file} is not chain data");
            let bytes = std::fs::read(format!("{}{file}", data.display())).unwrap_or_default();
            for secret in &secrets {
                assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "a secret lies in {file}");
            }
        }

        // Without the mount of its identity it does not start, neither by order nor at boot; nor does it make a new key.
        assert_eq!(real.carry_out("node2", &stop(1)).await.fault, None);
        let (mount, volume) = (real.place("node2", "identity"), std::fs::read_link(real.place("node2", "identity")).expect("mounted"));
        let service_file = real.machine("node2").join("service.json");
        std::fs::write(&service_file, json!({"home": real.place("node2", "home").display().to_string()}).to_string()).expect("enabled");
        std::fs::remove_file(&mount).expect("unmounted");
        let fault = real.carry_out("node2", &start(1)).await.fault.expect("refused");
        assert!(fault.message.contains("no identity volume is mounted"), "{fault}");
        refused_at_boot(&real, "node2", "no identity volume is mounted").await;
        assert!(!mount.exists(), "an empty folder in the place of the mount");
        std::os::unix::fs::symlink(&volume, &mount).expect("mounted again");

        // Signer state missing, or an old copy of it; another key; another genesis.
        let state = volume.join("priv_validator_state.json");
        let now = std::fs::read_to_string(&state).expect("state");
        std::fs::remove_file(&state).expect("removed");
        refused_at_boot(&real, "node2", "priv_validator_state.json is missing").await;
        let old: Value = serde_json::from_str(&now).expect("json");
        let mut older = old.clone();
        older["height"] = json!("3");
        std::fs::write(&state, older.to_string()).expect("written");
        refused_at_boot(&real, "node2", "it is an old copy").await;
        std::fs::write(&state, &now).expect("written");
        let key_file = volume.join("priv_validator_key.json");
        let own = std::fs::read_to_string(&key_file).expect("key");
        std::fs::copy(std::fs::read_link(real.place("node3", "identity")).expect("mounted").join("priv_validator_key.json"), &key_file).expect("copied");
        refused_at_boot(&real, "node2", "this identity was made with").await;
        std::fs::write(&key_file, own).expect("written");
        let genesis = real.place("node2", "home/.irita/config/genesis.json");
        let right = std::fs::read_to_string(&genesis).expect("genesis");
        std::fs::write(&genesis, right.replace("\"testnet\"", "\"othernet\"")).expect("written");
        refused_at_boot(&real, "node2", "the genesis on this node is not the one that it accepted").await;
        std::fs::write(&genesis, right).expect("written");

        // Whole again, it signs again.
        let back = real.carry_out("node2", &start(2)).await;
        assert_eq!(back.fault, None);
        real.all_sign(30).await;
    });
}

/// A new machine beside a node's own, in its zone, made by the account's owner with nothing but a root volume.
async fn new_machine(real: &Real, node: &str) -> (String, String) {
    let (template, subnet, key) = {
        let world = real.cloud().world();
        let id = |kind: &'static str| world.of_kind(kind).next().map(|p| p.id.clone()).expect(kind);
        let old = world.instances.values().find(|i| i.tags.get("consortium:node").is_some_and(|n| n == node)).expect("the old machine");
        (id("AWS::EC2::LaunchTemplate"), old.subnet.clone(), id("AWS::KMS::Key"))
    };
    let owner = aws::Settings {
        region: "us-east-1".into(),
        credentials: Some((consortium::session::ACCOUNT.into(), "local".into(), "local".into())),
        http: Some(real.cloud().http_client()),
        time: None,
    };
    let owner = aws::Clients::new(owner).await;
    let tags = [("network", "testnet"), ("member", "founder"), ("execution", "by-hand"), ("batch", "by-hand")];
    let made = owner.run_batch(aws::RunBatch {
        launch_template: template,
        instance_type: "m6a.large".into(),
        subnet,
        count: 1,
        token: "by-hand".into(),
        tags: tags.map(|(k, v)| (format!("consortium:{k}"), v.to_string())).to_vec(),
        disks: vec![("/dev/xvda".into(), 20, key, true)],
    });
    let id = made.await.expect("runs").remove(0);
    owner.add_tag(vec![id.clone()], "consortium:node", node).await.expect("tagged");
    let ip = real.cloud().world().instances[&id].ip.clone();
    (id, ip)
}

#[test]
fn an_identity_moves_only_when_its_old_machine_has_ended_and_then_signs_again() {
    really(async {
        let Some(real) = Real::launched("move", 126, &fast_request(4)).await else { return };
        let found = real.all_sign(30).await;
        let (old, node0) = (found.nodes[2].clone(), found.nodes[0].clone());
        let cons_address = found.manifest.nodes[2].cons_address.clone();
        let (new, ip) = new_machine(&real, "node2").await;
        let volumes: Vec<(String, String)> = {
            let world = real.cloud().world();
            let of = |role: &str| {
                world
                    .volumes
                    .values()
                    .find(|v| v.attached_to == old.instance && v.tags.get("consortium:volume").is_some_and(|r| r == role))
                    .map(|v| v.id.clone())
            };
            [("/dev/sdf", "data"), ("/dev/sdg", "identity")].map(|(device, role)| (device.to_string(), of(role).expect(role))).to_vec()
        };
        let attach = |device: String, volume: String| {
            let (real, new) = (&real, &new);
            async move { real.ec2("AttachVolume", &[("VolumeId", &volume), ("InstanceId", new), ("Device", &device)]).await }
        };
        let send = || {
            let nodes: Vec<Value> = found
                .nodes
                .iter()
                .map(|n| {
                    if n.name == "node2" {
                        json!({"name": "node2", "instance": new, "ip": ip, "member": "founder"})
                    } else {
                        json!({"name": n.name, "instance": n.instance, "ip": n.ip, "member": "founder"})
                    }
                })
                .collect();
            real.ask_member("send-command", json!({"verb": "adopt-identity", "nodes": nodes, "targets": ["node2"], "seconds": 60, "round": "", "tolerate": false, "params": {"expect_blocks": true}}))
        };

        // Two live holders are impossible: the volume hangs on one machine, and the member's own function sees the other one run.
        let taken = attach(volumes[1].0.clone(), volumes[1].1.clone()).await;
        assert!(taken.contains("VolumeInUse"), "{taken}");
        let fault = send().await.expect_err("the old machine runs");
        assert!(fault.class == domain::Class::Conflict && fault.message.contains("may still sign as node2"), "{fault}");

        // The old machine ends and is seen ended; its volumes let go of it and hang on the new one; it signs as before.
        let pid = real.pid_of(&old.instance);
        let ended = real.ec2("TerminateInstances", &[("InstanceId.1", &old.instance)]).await;
        assert!(ended.contains("terminated") || ended.contains("shutting-down"), "{ended}");
        assert!(!Path::new(&format!("/proc/{pid}/status")).exists(), "the old process lives");
        let before = real.look().await.height;
        real.until("three go on", 30, |n| n.height > before + 2).await;
        for (device, volume) in volumes.clone() {
            let attached = attach(device, volume).await;
            assert!(attached.contains("attaching"), "{attached}");
        }
        let sent = send().await.expect("sent");
        let nodes = json!([{"name": "node2", "instance": new, "ip": ip, "member": "founder"}]);
        let mut seen = json!({});
        for _ in 0..120 {
            seen = real
                .ask_member(
                    "check-command",
                    json!({"commands": sent["commands"], "instances": sent["instances"], "nodes": nodes, "tolerate": false, "last": false}),
                )
                .await
                .expect("seen");
            if seen["status"] != "Pending" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        assert_eq!(seen["status"], "Ready", "{seen}");
        let result = &seen["answers"][0]["result"];
        assert!(result["height"].as_u64() > result["signed_before"].as_u64(), "{result}");
        // Its vote is in the others' commits again, with full power and without a stain.
        let tip = real.look().await.height;
        let body = real.cloud().rpc(&node0.instance, &format!("/commit?height={}", tip - 1)).await.expect("answers");
        let mut votes = nodectl::commit(&body).expect("read").expect("there").signed;
        for height in tip - 4..tip - 1 {
            let body = real.cloud().rpc(&node0.instance, &format!("/commit?height={height}")).await.expect("answers");
            votes.extend(nodectl::commit(&body).expect("read").expect("there").signed);
        }
        assert!(votes.contains(&cons_address), "{votes:?}");
        let url = real.node_url("node0").await;
        let infos = real.irita("node0", &["query", "slashing", "signing-infos", "-o", "json", "--node", &url]).await.stdout;
        let infos: Value = serde_json::from_str(&infos).expect("json");
        let infos = infos["info"].as_array().expect("a list").clone();
        assert!(infos.len() == 4 && infos.iter().all(|i| i["tombstoned"] == false), "{infos:?}");
        let status = nodectl::status(&real.cloud().rpc(&new, "/status").await.expect("answers")).expect("read");
        assert_eq!((status.node_id, status.power), (found.manifest.nodes[2].node_id.clone(), 100), "the same peer, the same power");
    });
}
