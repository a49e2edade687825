//! The scenario, first part: what irita does without a chain, as the node program calls it and as it may go wrong there.

use crate::same_chain;
use crate::same_stage::Stage;
use serde_json::Value;

/// Where everything happens that needs only one node.
const NODE: &str = "node0";
/// A passphrase that is long enough.
const PASS: &str = "password1\n";
/// What counts of a key.
const KEY: &[&str] = &["*", "name=", "type=", "pubkey.@type=", "pubkey.threshold=", "pubkey.public_keys[].@type="];
/// What counts of a transaction.
pub const TRANSACTION: &[&str] = &[
    "*",
    "body.messages[].@type=",
    "body.messages[].name=",
    "body.messages[].power=",
    "body.memo=",
    "auth_info.fee.gas_limit=",
    "auth_info.fee.amount[].denom=",
    "auth_info.signer_infos[].sequence=",
    "auth_info.signer_infos[].mode_info.single.mode=",
];

/// The whole scenario.
pub async fn scenario(stage: &mut Stage<'_>) {
    files(stage).await;
    keys(stage).await;
    recovery(stage).await;
    gentx(stage).await;
    same_chain::scenario(stage).await;
}

async fn files(stage: &mut Stage<'_>) {
    let (key, bad) = (stage.at(NODE, "scratch/validator.pem"), stage.at(NODE, "scratch/bad.pem"));
    let init = ["init", "n", "--chain-id", "other"];
    // The genesis in it is the modules' own; the node program reads the peer id.
    stage.irita("init into a fresh home", NODE, &init, &[], &["node_id", "moniker=", "chain_id=", "gentxs_dir=", "app_message"]).await;
    stage.irita("init again", NODE, &init, &[], &[]).await;
    stage.irita("init with --overwrite", NODE, &[&init[..], &["--overwrite"]].concat(), &[], &["node_id", "moniker="]).await;
    stage.irita("init without a name", NODE, &["init"], &[], &[]).await;
    stage.irita("genkey", NODE, &["genkey", "--type", "validator", "--out-file", &key], &[], &[]).await;
    stage.irita("genkey of no such type", NODE, &["genkey", "--type", "bad", "--out-file", &bad], &[], &[]).await;
    let shown = stage.irita("show-validator", NODE, &["tendermint", "show-validator"], &[], &["*", "@type="]).await;
    let again = stage.irita("show-validator again", NODE, &["tendermint", "show-validator"], &[], &["*"]).await;
    stage.note("the same key", shown.stdout == again.stdout);
    let kept: Value = serde_json::from_str(&stage.read(NODE, "scratch/.irita/config/priv_validator_key.json")).expect("json");
    stage.note("the key that is kept", shown.stdout.contains(kept["pub_key"]["value"].as_str().expect("a key")));
    let members = crate::same_answer::members(&kept, &["*", "pub_key.type=", "priv_key.type="], "");
    stage.note("members of priv_validator_key.json", members);
    let first: Vec<String> = stage.read(NODE, "scratch/validator.pem").lines().take(1).map(String::from).collect();
    stage.note("form of the key file", first);
    for args in [
        &["nosuch"][..],
        &["gentx"],
        &["init", "n", "--bogus"],
        &["keys", "list", "--bogus"],
        &["query", "nosuch"],
        &["query", "node", "nosuch"],
        &["tx", "nosuch"],
        &["init", "n", "-z"],
    ] {
        stage.irita(&args.join(" "), NODE, args, &[], &[]).await;
    }
}

async fn keys(stage: &mut Stage<'_>) {
    let folder = stage.at(NODE, "scratch/keyring");
    let base = ["--keyring-backend", "file", "--keyring-dir", &folder, "--output", "json"];
    let with = |words: &[&'static str]| -> Vec<String> { words.iter().copied().chain(base).map(String::from).collect() };
    let offline = r#"{"@type":"/cosmos.crypto.sm2.PubKey","key":"AgiP7FXssOJeF7DhkEgBfWXuomHQRVqwi6t5N+Tuz8s7"}"#;
    let steps: Vec<(&str, Vec<String>, &[&str])> = vec![
        ("list of no keyring", with(&["keys", "list"]), &[]),
        ("add, no passphrase", with(&["keys", "add", "a"]), &[]),
        ("add, short passphrase", with(&["keys", "add", "a"]), &["short\nshort\n"]),
        ("add, lines that do not match", with(&["keys", "add", "a"]), &["password1\npassword2\n"]),
        ("add, one line only", with(&["keys", "add", "a"]), &[PASS]),
        ("add", with(&["keys", "add", "a"]), &["password1\npassword1\n"]),
        ("add a second, a short line before the right one", with(&["keys", "add", "b"]), &["short\npassword1\n"]),
        ("add a third", with(&["keys", "add", "c"]), &[PASS]),
        ("add, wrong passphrase", with(&["keys", "add", "d"]), &["wrongpass\nwrongpass\nwrongpass\n"]),
        ("add, wrong passphrase once", with(&["keys", "add", "d"]), &["wrongpass\npassword1\n"]),
        ("add, its last line without an end", with(&["keys", "add", "e"]), &["password1"]),
        ("add, name exists, no answer", with(&["keys", "add", "a"]), &[PASS]),
        ("add, name exists, no", with(&["keys", "add", "a"]), &[PASS, "n\n"]),
        ("add --pubkey", with(&["keys", "add", "p", "--pubkey", offline]), &[PASS]),
        ("add --pubkey, key exists", with(&["keys", "add", "p2", "--pubkey", offline]), &[PASS]),
        ("add --multisig", with(&["keys", "add", "m", "--multisig", "a,b,p", "--multisig-threshold", "2"]), &[PASS]),
        ("add --multisig, threshold above count", with(&["keys", "add", "m2", "--multisig", "a,b", "--multisig-threshold", "3"]), &[PASS]),
        ("add --multisig, threshold 0", with(&["keys", "add", "m2", "--multisig", "a,b", "--multisig-threshold", "0"]), &[PASS]),
        ("add --multisig, a key is missing", with(&["keys", "add", "m2", "--multisig", "a,nobody", "--multisig-threshold", "1"]), &[PASS]),
        ("show", with(&["keys", "show", "a"]), &[PASS]),
        ("show a multisig", with(&["keys", "show", "m"]), &[PASS]),
        ("show, short passphrase", with(&["keys", "show", "m"]), &["wrong\n"]),
        ("show of a missing name", with(&["keys", "show", "nobody"]), &[PASS]),
        ("show of a longer missing name", with(&["keys", "show", "no-such-key"]), &[PASS]),
        ("list, wrong passphrase", with(&["keys", "list"]), &["wrongpass\nwrongpass\nwrongpass\n"]),
        ("list, no passphrase", with(&["keys", "list"]), &[]),
    ];
    for (step, args, stdin) in &steps {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        stage.irita(&format!("keys: {step}"), NODE, &args, stdin, KEY).await;
    }
    let list = with(&["keys", "list"]);
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    stage.irita("keys: list", NODE, &list, &[PASS], &["*", "[].name=", "[].type="]).await;
}

async fn recovery(stage: &mut Stage<'_>) {
    let (first, other) = (stage.at(NODE, "scratch/first"), stage.at(NODE, "scratch/other"));
    let both = "password1\npassword1\n";
    let base = |folder: &str| ["--keyring-backend", "file", "--keyring-dir", folder, "--output", "json"].map(String::from);
    let args = |words: &[&str], folder: &str| -> Vec<String> { words.iter().map(|w| w.to_string()).chain(base(folder)).collect() };
    let add = args(&["keys", "add", "k"], &first);
    let add: Vec<&str> = add.iter().map(String::as_str).collect();
    let made = stage.irita("a key to put back", NODE, &add, &[both], KEY).await;
    let made: Value = serde_json::from_str(made.stderr.trim()).expect("json");
    let words = format!("{}\n", made["mnemonic"].as_str().expect("words"));
    stage.note("words of a mnemonic", words.split_whitespace().count());
    let mixed = format!("{words}{both}");
    let short = "harbour pencil velvet\n";
    let tries: [(&str, &str, Vec<&str>); 7] = [
        ("recover, words and passphrase in one piece", &other, vec![&mixed]),
        ("recover, three words", &other, vec![short, both]),
        ("recover, no words", &other, vec![]),
        ("recover, no passphrase", &other, vec![&words]),
        ("recover", &other, vec![&words, both]),
        ("recover, name exists", &other, vec![&words, PASS]),
        ("recover, address exists", &first, vec![&words, PASS]),
    ];
    for (step, folder, stdin) in tries {
        let name = if step.ends_with("address exists") { "again" } else { "r" };
        let recover = args(&["keys", "add", name, "--recover"], folder);
        let recover: Vec<&str> = recover.iter().map(String::as_str).collect();
        let output = stage.irita(step, NODE, &recover, &stdin, KEY).await;
        if step == "recover" {
            let back: Value = serde_json::from_str(output.stderr.trim()).unwrap_or_default();
            stage.note("the same address again", back["address"] == made["address"] && back["pubkey"] == made["pubkey"]);
        }
    }
}

async fn gentx(stage: &mut Stage<'_>) {
    let folder = stage.at(NODE, "scratch/first");
    let key = ["--keyring-backend", "file", "--keyring-dir", &folder, "--output", "json"];
    let shown = stage.quiet(NODE, "scratch", &[&["keys", "show", "k"], &key[..]].concat(), &[PASS]).await;
    let shown: Value = serde_json::from_str(shown.stdout.trim()).expect("json");
    let from = shown["address"].as_str().expect("an address");
    let certificate = stage.at(NODE, "identity/certificate.pem");
    let make = |cert: &str, power: &str, from: &str| -> Vec<String> {
        let head = ["tx", "node", "create-validator", "--generate-only", "--offline", "--from", from, "--name", "n", "--cert", cert, "--power", power];
        head.iter().chain(&["--chain-id", "other", "--note", "id@1.2.3.4:26656", "-a", "0", "-s", "0"]).map(|w| w.to_string()).collect()
    };
    let missing = stage.at(NODE, "scratch/missing.pem");
    let mut unsigned = String::new();
    for (step, args) in [
        ("create-validator --generate-only", make(&certificate, "100", from)),
        ("create-validator, no certificate file", make(&missing, "100", from)),
        ("create-validator, power 0", make(&certificate, "0", from)),
        ("create-validator, a name for an address", make(&certificate, "100", "k")),
        ("create-validator, no power", make(&certificate, "100", from).into_iter().filter(|w| w != "--power" && w != "100").collect()),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = stage.irita(step, NODE, &args, &[], TRANSACTION).await;
        if output.code == 0 {
            unsigned = stage.write(NODE, "scratch/unsigned.json", &output.stdout);
        }
    }
    let (signed, gone) = (stage.at(NODE, "scratch/signed.json"), stage.at(NODE, "scratch/gone.json"));
    let sign = |file: &str, from: &str, document: Option<&str>| -> Vec<String> {
        let base = ["tx", "sign", file, "--offline", "-a", "0", "-s", "0", "--chain-id", "other", "--from", from];
        let document = document.map(|d| ["--output-document", d]);
        base.iter().chain(&key[..4]).chain(document.iter().flatten()).map(|w| w.to_string()).collect()
    };
    stage.quiet(NODE, "scratch", &[&["keys", "add", "second"], &key[..]].concat(), &[PASS]).await;
    let wrong = "wrongpass\nwrongpass\nwrongpass\n";
    for (step, args, stdin) in [
        ("sign into a file", sign(&unsigned, "k", Some(&signed)), PASS),
        ("sign", sign(&unsigned, "k", None), PASS),
        ("sign by somebody else", sign(&unsigned, "second", None), PASS),
        ("sign, a missing key", sign(&unsigned, "no-such-key", None), PASS),
        ("sign, wrong passphrase", sign(&unsigned, "k", None), wrong),
        ("sign, no such file", sign(&gone, "k", None), PASS),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        stage.irita(step, NODE, &args, &[stdin], TRANSACTION).await;
    }
    let signed: Value = serde_json::from_str(&stage.read(NODE, "scratch/signed.json")).expect("json");
    stage.note("members of the signed file", crate::same_answer::members(&signed, TRANSACTION, ""));
}
