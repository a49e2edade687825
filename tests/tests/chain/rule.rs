//! Who rules the chain: after the launch one operator alone can change nothing, and k of n root keys can do everything.

use nodectl::Output;
use proof::real::{Real, fast_request, really};
use serde_json::{Value, json};

/// irita's answer on whichever stream it is.
fn json_of(output: &Output) -> Value {
    let lines = || output.stdout.lines().chain(output.stderr.lines());
    let line = lines().find(|l| l.starts_with('{') || l.starts_with('['));
    serde_json::from_str(line.unwrap_or_else(|| panic!("{output:?}"))).expect("json")
}

/// A person with the operator's keyring on one node, against the chain.
struct Person<'a> {
    real: &'a Real,
    node: &'a str,
    url: String,
    root: String,
}

impl Person<'_> {
    async fn irita(&self, args: &[&str], more: &[&str]) -> Output {
        self.real.irita(self.node, &[args, more].concat()).await
    }

    /// A transaction by this operator alone; gives codespace and code.
    async fn alone(&self, words: &[&str]) -> (String, u64) {
        let keys = ["--from", "operator", "--keyring-backend", "file", "--keyring-dir", "KEYRING"];
        let chain = ["--chain-id", "testnet", "--node", &self.url, "--fees", "200000ugas", "-b", "block", "-y", "-o", "json"];
        let answer = json_of(&self.irita(words, &[keys.as_slice(), &chain].concat()).await);
        (answer["codespace"].as_str().unwrap_or_default().into(), answer["code"].as_u64().expect("a code"))
    }

    /// The message that a command makes for the root.
    async fn message(&self, words: &[&str]) -> Value {
        let from = ["--from", &self.root, "--generate-only", "--offline", "-a", "0", "-s", "0", "--chain-id", "testnet"];
        json_of(&self.irita(words, &from).await)["body"]["messages"][0].clone()
    }

    /// Messages signed by some holders of the root, and sent; gives codespace, code and log.
    async fn as_root(&self, holders: &[&str], messages: &[Value]) -> (String, u64, String) {
        let account = json_of(&self.irita(&["query", "auth", "account", &self.root, "-o", "json", "--node", &self.url], &[]).await);
        let (number, sequence) = (account["account_number"].as_str().expect("number"), account["sequence"].as_str().expect("sequence"));
        let (gas, fee) = ((200_000 * messages.len()).to_string(), (400_000 * messages.len()).to_string());
        let tx = json!({"body": {"messages": messages, "memo": "", "timeout_height": "0", "extension_options": [], "non_critical_extension_options": []},
            "auth_info": {"signer_infos": [], "fee": {"amount": [{"denom": "ugas", "amount": fee}], "gas_limit": gas, "payer": "", "granter": ""}}, "signatures": []});
        let file = |name: &str| self.real.folder.join(name).display().to_string();
        let unsigned = file("unsigned.json");
        std::fs::write(&unsigned, tx.to_string()).expect("written");
        let place = ["--offline", "-a", number, "-s", sequence, "--chain-id", "testnet", "--keyring-backend", "file", "--keyring-dir", "KEYRING"];
        let mut parts = vec![];
        for holder in holders {
            let part = file(&format!("signed-{holder}.json"));
            let sign = ["tx", "sign", &unsigned, "--from", "operator", "--multisig", &self.root, "--output-document", &part];
            let done = self.real.irita(holder, &[sign.as_slice(), &place].concat()).await;
            assert_eq!(done.code, 0, "{done:?}");
            parts.push(part);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let whole = json_of(&self.irita(&[&["tx", "multisign", &unsigned, "root"], parts.as_slice(), &place].concat(), &[]).await);
        let signed = file("signed.json");
        std::fs::write(&signed, whole.to_string()).expect("written");
        let sent = json_of(&self.irita(&["tx", "broadcast", &signed, "-b", "block", "-o", "json", "--node", &self.url], &[]).await);
        (sent["codespace"].as_str().unwrap_or_default().into(), sent["code"].as_u64().expect("a code"), sent["raw_log"].to_string())
    }

    async fn validators(&self) -> Vec<Value> {
        let list = json_of(&self.irita(&["query", "node", "validators", "-o", "json", "--node", &self.url], &[]).await);
        list["validators"].as_array().expect("a list").clone()
    }

    /// Certificate of a new key, signed by the chain's authority as its own node would.
    async fn certificate(&self, name: &str) -> String {
        let home = self.real.folder.join(format!("home-{name}")).display().to_string();
        let instance = self.real.machine(self.node).file_name().and_then(|n| n.to_str()).expect("id").to_string();
        let (key, certificate) = (format!("{home}/key.pem"), format!("{home}/certificate.pem"));
        for args in [["init", name, "--chain-id", "testnet"], ["genkey", "--out-file", &key, "--home"]] {
            let args = if args[0] == "genkey" { &args[..3] } else { &args[..] };
            assert_eq!(self.real.cloud().irita(&instance, &home, args, &[]).await.expect("runs").code, 0);
        }
        let authority =
            std::fs::read_dir(self.real.folder.join("volumes")).expect("volumes").flatten().map(|v| v.path().join("files/root-key.pem")).find(|p| p.exists());
        let authority = std::fs::read_to_string(authority.expect("an authority volume")).expect("read");
        let request = nodectl::request(&std::fs::read_to_string(&key).expect("key"), name).expect("request");
        std::fs::write(&certificate, nodectl::sign_request(&authority, &request, name, &[9; 16], 1_790_000_000).expect("signed")).expect("written");
        certificate
    }
}

#[test]
fn one_operator_changes_nothing_and_three_of_four_root_keys_everything() {
    really(async {
        let Some(real) = Real::launched("rule", 121, &fast_request(4)).await else { return };
        let root = real.look().await.manifest.approval["root"].as_str().expect("a root").to_string();
        let person = Person { real: &real, node: "node1", url: real.node_url("node1").await, root };
        let certificate = person.certificate("node4").await;
        let own = person.validators().await.into_iter().find(|v| v["name"] == "node1").expect("itself");
        let (own, mine) = (own["id"].as_str().expect("id").to_string(), own["operator"].as_str().expect("operator").to_string());
        let params = real.folder.join("params.json").display().to_string();
        let window = [("SignedBlocksWindow", "10"), ("DowntimeJailDuration", "1000000000")];
        let changes: Vec<Value> = window.iter().map(|(key, value)| json!({"subspace": "slashing", "key": key, "value": value})).collect();
        std::fs::write(&params, json!(changes).to_string()).expect("written");
        for words in [
            vec!["tx", "node", "create-validator", "--name", "node4", "--cert", &certificate, "--power", "100"],
            vec!["tx", "node", "update-validator", &own, "--power", "1000"],
            vec!["tx", "node", "remove-validator", &own],
            vec!["tx", "node", "grant", "--name", "peer", "--cert", &certificate],
            vec!["tx", "slashing", "unjail", &own],
            vec!["tx", "upgrade", "create", "plan", "--upgrade-height", "100000"],
            vec!["tx", "perm", "assign-roles", &mine, "NODE_ADMIN"],
            vec!["tx", "params", "update", &params],
        ] {
            assert_eq!(person.alone(&words).await, ("perm".to_string(), 2), "{words:?}");
        }
        // Contracts skip the permission check, so nobody may upload one. The test chain has no contracts; a real irita shows it.
        if real.irita("node1", &["tx", "wasm", "store", "--help"]).await.stdout.contains("tx wasm store") {
            let contract = real.folder.join("contract.wasm").display().to_string();
            std::fs::write(&contract, b"\0asm\x01\0\0\0").expect("written");
            assert_ne!(person.alone(&["tx", "wasm", "store", &contract]).await.1, 0, "a contract was uploaded");
        }
        // Two of four are not enough, whoever they are; three are.
        let admit = person.message(&["tx", "node", "create-validator", "--name", "node4", "--cert", &certificate, "--power", "100"]).await;
        let two = person.as_root(&["node0", "node1"], std::slice::from_ref(&admit)).await;
        assert_eq!((two.0.as_str(), two.1), ("sdk", 4), "{}", two.2);
        let names = |all: Vec<Value>| all.iter().filter_map(|v| v["name"].as_str().map(String::from)).collect::<Vec<_>>();
        assert_eq!(names(person.validators().await).len(), 4);
        let three = person.as_root(&["node1", "node2", "node3"], &[admit]).await;
        assert_eq!(three.1, 0, "{}", three.2);
        let fifth = person.validators().await.into_iter().find(|v| v["name"] == "node4").expect("admitted");
        let remove = person.message(&["tx", "node", "remove-validator", fifth["id"].as_str().expect("id")]).await;
        let removed = person.as_root(&["node0", "node2", "node3"], &[remove]).await;
        assert_eq!(removed.1, 0, "{}", removed.2);
        assert!(!names(person.validators().await).contains(&"node4".to_string()));
        // What transactions cost may change, and the root still acts.
        let dearer = real.operate("change-config", &[], json!({"config_toml": {}, "app_toml": {"minimum-gas-prices": "2ugas"}})).await;
        assert_eq!(dearer.status, "SUCCEEDED", "{:?}", dearer.error);
        // A short window, so that jail comes and goes while the test runs; then the suite's own unjail.
        let update = person.message(&["tx", "params", "update", &params]).await;
        let updated = person.as_root(&["node0", "node1", "node2"], &[update]).await;
        assert_eq!(updated.1, 0, "{}", updated.2);
        let early = real.operate("unjail", &["node3"], json!({})).await;
        assert_eq!(early.status, "SUCCEEDED", "one that is not jailed is as asked: {:?}", early.error);
        let stopped = real.operate("stop", &["node3"], json!({})).await;
        assert_eq!(stopped.status, "SUCCEEDED", "{:?}", stopped.error);
        for _ in 0..120 {
            if person.validators().await.iter().any(|v| v["name"] == "node3" && v["jailed"] == true) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        let started = real.operate("start", &["node3"], json!({})).await;
        assert_eq!(started.status, "SUCCEEDED", "{:?}", started.error);
        let health = real.carry_out("node3", &real.order("check-health", "look", 0, json!({}))).await.result;
        assert_eq!((&health["jailed"], &health["power"], &health["signing"]), (&json!(true), &json!(0), &json!(false)), "{health}");
        // A hostile hub: names in the place of holders become no paths, and too few are too few.
        let pins = real.place("node0", "identity/pins.json");
        let before = std::fs::read(&pins).expect("pins");
        let seen: Value = serde_json::from_slice(&before).expect("json");
        let (execution, epoch) = (seen["execution"].as_str().expect("execution"), seen["epoch"].as_u64().expect("epoch"));
        for node in ["x/../../identity/pins", "../pins", "node9"] {
            let signed = json!([{"node": node, "result": {"signature_sha256": "0".repeat(64)}}]);
            let order = real.order("pass-act", execution, epoch, json!({"act": {"kind": "unjail", "validator": "node3"}, "signed": signed}));
            let fault = real.carry_out("node0", &order).await.fault.expect("refused");
            assert!(fault.class == domain::Class::InvalidInput && fault.message.contains("is not a holder"), "{fault}");
        }
        assert_eq!(std::fs::read(&pins).expect("pins"), before);
        // With one of four jailed no other can be spared: the guard refuses a rolling change.
        let refused = real.operate("restart", &["node0"], json!({})).await;
        assert!(refused.error.0 == "Fault.Conflict" && refused.error.1.contains("200 of 300"), "{:?}", refused.error);
        let unjailed = real.operate("unjail", &["node3"], json!({})).await;
        assert_eq!(unjailed.status, "SUCCEEDED", "{:?}", unjailed.error);
        real.all_sign(40).await;
    });
}
