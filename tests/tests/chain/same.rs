//! The simulated irita is held against a real one: one scenario on both chains gives the same answers, step by step.

use crate::same_answer::{Step, command, differences, members};
use crate::same_script::{TRANSACTION, scenario};
use crate::same_stage::Stage;
use consortium::artefacts::Artefacts;
use nodectl::Output;
use proof::real::{Real, fast_request, really};
use serde_json::{Value, json};

/// Both networks.
const REQUEST_VALIDATORS: u32 = 4;

fn simulated() -> Vec<Step> {
    proof::virtually(async {
        let session = proof::session(120, &Artefacts::default()).await;
        let outcome = proof::launch(&session, &fast_request(REQUEST_VALIDATORS), &[]).await;
        assert_eq!(outcome.output["status"], "launched", "{}", proof::story(&session));
        let mut stage = Stage { session: &session, real: None, steps: vec![] };
        scenario(&mut stage).await;
        stage.steps
    })
}

fn real() -> Option<Vec<Step>> {
    really(async {
        let real = Real::launched("same", 120, &fast_request(REQUEST_VALIDATORS)).await?;
        let mut stage = Stage { session: &real.session, real: Some(&real), steps: vec![] };
        scenario(&mut stage).await;
        Some(stage.steps)
    })
}

#[test]
fn the_simulated_irita_answers_as_the_real_one() {
    let Some(real) = real() else { return };
    let simulated = simulated();
    let found = differences(&simulated, &real);
    assert!(found.is_empty(), "{} of {} steps differ\n{}", found.len(), real.len(), found.join("\n"));
    eprintln!("{} steps give the same answers on both chains", real.len());
}

#[test]
fn the_simulated_irita_answers_the_same_every_time() {
    assert_eq!(differences(&simulated(), &simulated()), Vec::<String>::new());
}

/// A recorded answer of the real program.
fn recorded(argv: &[&str]) -> Output {
    let lines = include_str!("../../../infra/node/tests/fixtures/ceremony-A.jsonl").lines();
    let entry = lines.map(|l| serde_json::from_str::<Value>(l).expect("json")).find(|e| argv.iter().enumerate().all(|(i, a)| e["argv"][i + 1] == *a));
    let entry = entry.expect("recorded");
    let text = |k: &str| entry[k].as_str().unwrap_or_default().to_string();
    Output { code: entry["exit"].as_i64().unwrap_or(-1) as i32, stdout: text("stdout"), stderr: text("stderr") }
}

#[test]
fn every_kind_of_difference_is_named() {
    let (good, refused) = (recorded(&["tx", "node", "create-validator"]), recorded(&["add-genesis-account"]));
    let change = |from: &str, to: &str| {
        assert!(good.stdout.contains(from), "{from}");
        Output { stdout: good.stdout.replacen(from, to, 1), ..good.clone() }
    };
    let bad = [
        ("exit code", &good, Output { code: 1, ..good.clone() }),
        ("stream", &good, Output { stdout: String::new(), stderr: good.stdout.clone(), ..good.clone() }),
        ("a second stream", &good, Output { stderr: "more".into(), ..good.clone() }),
        ("text for JSON", &good, Output { stdout: "body: {}\n".into(), ..good.clone() }),
        ("value", &good, change("\"200000\"", "\"400000\"")),
        ("kind", &good, change("\"200000\"", "200000")),
        ("value in an array", &good, change("MsgCreateValidator", "MsgUpdateValidator")),
        ("kind of what is not compared by value", &good, change("\"payer\":\"\"", "\"payer\":null")),
        ("member gone", &good, change("\"payer\":\"\",", "")),
        ("member more", &good, change("\"payer\"", "\"info\":\"\",\"payer\"")),
        ("one message more", &good, change("\"messages\":[", "\"messages\":[{\"@type\":\"/x\"},")),
        ("exit code of a refusal", &refused, Output { code: 2, ..refused.clone() }),
        ("error line", &refused, Output { stderr: refused.stderr.replacen("Keybase", "Keyring", 1), ..refused.clone() }),
        ("a line before it", &refused, Output { stderr: format!("incorrect passphrase\n{}", refused.stderr), ..refused.clone() }),
    ];
    let seen = |o: &Output| vec![("a step".to_string(), command(o, TRANSACTION, "/nowhere"))];
    for (what, good, bad) in &bad {
        assert_eq!(differences(&seen(good), &seen(good)), Vec::<String>::new());
        let found = differences(&seen(good), &seen(bad));
        assert!(found.len() == 1 && found[0].contains("a step"), "{what}: {found:?}");
    }
    // How often a value occurs counts too; so do steps that are missing or in another order.
    let list = |text: &str| vec![("validators".to_string(), members(&serde_json::from_str(text).expect("json"), &["v[].jailed="], ""))];
    let three = list(r#"{"v":[{"jailed":false},{"jailed":false},{"jailed":true}]}"#);
    assert_eq!(differences(&three, &list(r#"{"v":[{"jailed":true},{"jailed":false},{"jailed":false}]}"#)), Vec::<String>::new());
    assert_eq!(differences(&three, &list(r#"{"v":[{"jailed":true},{"jailed":true},{"jailed":false}]}"#)).len(), 1);
    let step = |name: &str| -> Step { (name.into(), json!(true)) };
    assert_eq!(differences(&[step("a")], &[step("a"), step("b")]).len(), 1);
    assert_eq!(differences(&[step("b"), step("a")], &[step("a"), step("b")]).len(), 2);
}

#[test]
fn what_differs_from_chain_to_chain_is_left_out() {
    let of = |root: &str, ip: &str, account: &str, height: u64| {
        let text = format!("Error: {account}.: height {height} at {root}/home of {ip}: expected 3, got 2");
        command(&Output { code: 1, stdout: String::new(), stderr: text }, &[], root)
    };
    let one = of("/a", "10.0.0.1", "iaa1uv86z53et4jpnzyx4tevca34umx2m49000pcl9", 17);
    assert_eq!(one, of("/b/c", "127.0.0.111", "iaa1ek4es9wq4krxmwm8mm65fwwzuwjkl2y0ea7y3p", 99_999));
    assert_eq!(one["said"], json!(["Error: <account>.: height <height> at <root>/home of <ip>: expected 3, got 2"]));
}
