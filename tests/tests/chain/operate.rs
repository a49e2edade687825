//! The article's operations on real processes: look, change, restart one after another, stop and start under the guard.

use proof::real::{Real, fast_request, program, really};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Every file below a folder that holds one of the texts.
fn files_with(folder: &std::path::Path, texts: &[&str]) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(files_with(&path, texts));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let holds = |text: &&str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
            if texts.iter().any(holds) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

async fn look(real: &Real, node: &str, verb: &str, params: Value) -> Value {
    let answer = real.carry_out(node, &real.order(verb, "look", 0, params)).await;
    assert_eq!(answer.fault, None, "{verb} of {node}");
    answer.result
}

#[test]
fn nodes_are_looked_at_changed_stopped_and_started() {
    really(async {
        let Some(real) = Real::launched("operate", 122, &fast_request(4)).await else { return };
        let size = || json!({"config_toml": ["mempool.size"], "app_toml": ["minimum-gas-prices"]});
        let nodes = ["node0", "node1", "node2", "node3"];

        // A rolling change: every node, one after another, and the chain goes on.
        let changed = real.operate("change-config", &[], json!({"config_toml": {"mempool.size": 7000}, "app_toml": {"minimum-gas-prices": "2ugas"}})).await;
        assert_eq!(changed.status, "SUCCEEDED", "{:?}", changed.error);
        for node in nodes {
            let found = look(&real, node, "read-config", size()).await;
            assert_eq!(found, json!({"config.toml mempool.size": 7000, "app.toml minimum-gas-prices": "2ugas"}), "{node}");
        }
        real.all_sign(30).await;

        // One that does not come back gets its old files again, the next ones are not touched, and the answer says why.
        let broken = real.operate("change-config", &[], json!({"config_toml": {"consensus.timeout_propose": "nonsense"}, "app_toml": {}})).await;
        let why = &broken.error.1;
        assert!(
            broken.error.0 == "Fault.Internal"
                && why.contains("node0")
                && why.contains("invalid duration")
                && why.contains("the old configuration is back and the node is at height"),
            "{:?}",
            broken.error
        );
        for node in nodes {
            let found = look(&real, node, "read-config", json!({"config_toml": ["consensus.timeout_propose"], "app_toml": []})).await;
            assert_eq!(found["config.toml consensus.timeout_propose"], "3s", "{node}");
        }
        for (params, field) in [
            (json!({"config_toml": {"mempool.nope": 1}, "app_toml": {}}), "mempool.nope"),
            (json!({"config_toml": {"priv_validator_key_file": "/tmp/k"}, "app_toml": {}}), "priv_validator_key_file"),
            (json!({"config_toml": {"p2p.addr_book_file": "/tmp/k"}, "app_toml": {}}), "p2p.addr_book_file"),
            (json!({"config_toml": {}, "app_toml": {"minimum-gas-prices": "1upoint"}}), "minimum-gas-prices"),
            (json!({"config_toml": {}, "app_toml": {}}), "params"),
        ] {
            let refused = real.operate("change-config", &["node1"], params).await;
            assert!(refused.error.0 == "Fault.InvalidInput" && refused.error.1.contains(field), "{:?}", refused.error);
        }
        real.all_sign(30).await;

        // The guard: one of four may stop, a second may not, the silent one may always be started.
        assert_eq!(real.operate("stop", &["node3"], json!({})).await.status, "SUCCEEDED");
        let second = real.operate("stop", &["node2"], json!({})).await;
        assert!(second.error.0 == "Fault.Conflict" && second.error.1.contains("200 of 400"), "{:?}", second.error);
        let before = real.look().await.height;
        real.until("three go on", 30, |n| n.height > before + 2 && n.nodes.iter().filter(|n| n.signing).count() == 3).await;
        let health = look(&real, "node3", "check-health", json!({})).await;
        assert!(health["service"] == "stopped" && health["height"].is_null() && health["signed_height"].as_u64() > Some(0), "{health}");
        let started = real.operate("start", &["node3"], json!({})).await;
        assert_eq!(started.status, "SUCCEEDED", "{:?}", started.error);
        real.all_sign(30).await;

        // A clean stop, also in the first second after a start.
        let restarted =
            real.carry_out("node1", &real.order("restart-service", &real.look().await.manifest.execution, 99, json!({"expect_blocks": false}))).await;
        assert_eq!(restarted.fault, None);
        let began = Instant::now();
        let stopped = real.carry_out("node1", &real.order("stop-service", &real.look().await.manifest.execution, 99, json!({}))).await;
        assert_eq!(stopped.fault, None);
        assert!(began.elapsed().as_secs() < 5, "a stop took {:?}", began.elapsed());
        let log = std::fs::read_to_string(real.machine("node1").join("irita.log")).expect("log");
        assert!(log.lines().last().is_some_and(|l| l.contains("Bye!")), "the last line of a clean stop");
        let back = real.carry_out("node1", &real.order("start-service", &real.look().await.manifest.execution, 99, json!({"expect_blocks": true}))).await;
        assert_eq!(back.fault, None);
        real.all_sign(30).await;

        // Logs, keys and health, while nothing is locked.
        assert!(look(&real, "node2", "read-log", json!({"lines": 20})).await["log"].as_str().is_some_and(|l| l.contains("height=")));
        let keys = look(&real, "node0", "list-keys", json!({})).await["keys"].as_array().cloned().unwrap_or_default();
        assert_eq!(keys.iter().filter(|k| k["type"] == "local").count(), 1, "{keys:?}");
        let health = look(&real, "node0", "check-health", json!({})).await;
        assert_eq!(
            (&health["signing"], &health["jailed"], &health["peers"], &health["power"]),
            (&json!(true), &json!(false), &json!(3), &json!(100)),
            "{health}"
        );
    });
}

#[test]
fn a_key_comes_back_from_its_mnemonic_and_the_mnemonic_goes_nowhere() {
    really(async {
        let mut request = fast_request(1);
        request["blocks"] = json!(1);
        let Some(real) = Real::launched("recover", 118, &request).await else { return };
        // A key of another keyring, whose words are written down nowhere else.
        let scratch = real.folder.join("scratch").display().to_string();
        std::fs::create_dir_all(&scratch).expect("a folder");
        let instance = real.machine("node0").file_name().and_then(|n| n.to_str()).expect("id").to_string();
        let made = real.cloud().irita(&instance, &scratch, &["keys", "add", "t", "--keyring-backend", "test", "--output", "json"], &[]).await.expect("runs");
        let made: Value = serde_json::from_str(made.stderr.lines().find(|l| l.starts_with('{')).expect("json")).expect("json");
        let words = made["mnemonic"].as_str().expect("words").to_string();
        let recover = |name: &str, words: &str| {
            let mut child = Command::new(program("nodectl"))
                .args(["recover", name, "process", "--machine"])
                .arg(real.machine("node0"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("nodectl");
            child.stdin.take().expect("stdin").write_all(words.as_bytes()).expect("written");
            child.wait_with_output().expect("ends")
        };
        let done = recover("treasury", &words);
        let answer: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("{e}: {done:?}"));
        assert_eq!(answer, json!({"name": "treasury", "address": made["address"]}));
        let keys = look(&real, "node0", "list-keys", json!({})).await;
        assert!(keys["keys"].as_array().is_some_and(|k| k.iter().any(|k| k["name"] == "treasury" && k["address"] == made["address"])), "{keys}");
        let again = recover("treasury", &words);
        assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("there is a key `treasury` already"), "{again:?}");
        let short = recover("other", "only three words");
        assert!(!short.status.success() && String::from_utf8_lossy(&short.stderr).contains("3 words"), "{short:?}");
        let wrong = recover("other", &words.replace(' ', " x").replacen(" x", " ", 23));
        assert!(!wrong.status.success(), "{wrong:?}");
        let texts = [words.as_str()];
        assert_eq!(files_with(&real.folder, &texts), Vec::<String>::new(), "the words lie somewhere");
        let world = serde_json::to_string(&*real.cloud().world()).expect("json");
        assert!(!world.contains(&words));
        for output in [&done, &again, &wrong] {
            let all = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
            assert!(!all.contains(&words), "{all}");
        }
    });
}
