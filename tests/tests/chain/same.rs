//! The simulated irita is held against a real one: one scenario on both chains gives the same answers, step by step.

use crate::same_answer::{Step, command, differences};
use crate::same_script::scenario;
use crate::same_stage::Stage;
use consortium::artefacts::Artefacts;
use nodectl::Output;
use proof::real::{Real, fast_request, really};
use serde_json::json;

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
    std::fs::write("/tmp/sm/real.json", json!(real).to_string()).expect("TEMP");
    let simulated = simulated();
    let found = differences(&simulated, &real);
    assert!(found.is_empty(), "{} of {} steps differ\n{}", found.len(), real.len(), found.join("\n"));
    eprintln!("{} steps give the same answers on both chains", real.len());
}

#[test]
fn temp_compare() {
    let real: Vec<Step> = serde_json::from_str(&std::fs::read_to_string("/tmp/sm/real.json").expect("TEMP")).expect("TEMP");
    println!("{}", differences(&simulated(), &real).join("\n"));
}

#[test]
fn the_simulated_irita_answers_the_same_every_time() {
    assert_eq!(differences(&simulated(), &simulated()), Vec::<String>::new());
}

#[test]
fn every_kind_of_difference_is_named() {
    let root = "/somewhere/m1";
    let text = r#"{"code":5,"codespace":"slashing","logs":[],"list":[{"power":"100"},{"power":"100"}]}"#;
    let good = Output { code: 0, stdout: format!("{text}\n"), stderr: String::new() };
    let refused = Output { code: 1, stdout: String::new(), stderr: format!("incorrect passphrase\nError: open {root}/x: no\nUsage:\n") };
    let seen = |o: &Output| command(o, &["*", "code=", "codespace=", "list[].power="], root);
    let pair = |a: &Output, b: &Output| differences(&[("a step".into(), seen(a))], &[("a step".into(), seen(b))]);
    assert_eq!(pair(&good, &good), Vec::<String>::new());
    let change = |from: &str, to: &str| Output { stdout: good.stdout.replace(from, to), ..good.clone() };
    let bad = [
        ("exit code", good.clone(), Output { code: 1, ..good.clone() }),
        ("stream", good.clone(), Output { stdout: String::new(), stderr: good.stdout.clone(), ..good.clone() }),
        ("a second stream", good.clone(), Output { stderr: "more".into(), ..good.clone() }),
        ("no JSON", good.clone(), Output { stdout: "code: 5\n".into(), ..good.clone() }),
        ("value", good.clone(), change("\"code\":5", "\"code\":4")),
        ("kind", good.clone(), change("\"code\":5", "\"code\":\"5\"")),
        ("member gone", good.clone(), change(",\"logs\":[]", "")),
        ("member more", good.clone(), change("\"logs\"", "\"info\":\"\",\"logs\"")),
        ("one of many", good.clone(), change("{\"power\":\"100\"}]", "{\"power\":\"0\"}]")),
        ("fewer of many", good.clone(), change(",{\"power\":\"100\"}", "")),
        ("error line", refused.clone(), Output { stderr: refused.stderr.replace(": no", ": yes"), ..refused.clone() }),
        ("line before it", refused.clone(), Output { stderr: refused.stderr.replace("incorrect passphrase\n", ""), ..refused.clone() }),
    ];
    for (what, a, b) in &bad {
        let found = pair(a, b);
        assert!(found.len() == 1 && found[0].contains("a step"), "{what}: {found:?}");
    }
    // A step too few, and one out of order.
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
