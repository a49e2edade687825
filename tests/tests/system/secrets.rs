//! Keys, mnemonics and the CA key exist in exactly one box each. A whole life of a network is looked through for them, and canaries in
//! every place and form show that the look sees.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use consortium::artefacts::Artefacts;
use consortium::lang::Lang;
use consortium::out::as_lines;
use consortium::session::Session;
use consortium::work::{Options, Work};
use domain::ids;
use local_cloud::World;
use proof::campaign::invariants;
use proof::secrets::{self, Leak, Secret, Sight};
use proof::{companies, launch, request, said, session, virtually};
use serde_json::{Value, json};

/// Every command that a person has of a network's life, from launch to removal; what it printed is a place to look at too.
fn life(request: &Value) -> Vec<Work> {
    let (network, options) = ("testnet".to_string(), Options::default());
    let look = |verb: &str, params| Work::Look { network: network.clone(), verb: verb.into(), targets: vec![], params, json: true };
    vec![
        Work::Launch { request: request.clone(), plan: false, options: options.clone() },
        Work::Operate {
            network: network.clone(),
            verb: "restart".into(),
            targets: vec!["node1".into()],
            params: json!({}),
            whole_stop: false,
            options: options.clone(),
        },
        Work::Status { network: network.clone(), json: true },
        Work::Members { json: true },
        look("check-health", json!({})),
        look("list-keys", json!({})),
        look("read-log", json!({"lines": 50})),
        Work::Doctor { network: None, before: vec![], json: true },
        Work::Remove { network: network.clone(), keep_data: false, options },
    ]
}

/// Lives a network's life and looks for its secrets all the while; gives how many there were.
async fn lived(s: &Session, request: &Value) -> usize {
    s.cloud.record();
    let (mut kept, mut printed): (Vec<Secret>, Vec<Sight>) = (vec![], vec![]);
    for work in life(request) {
        if matches!(work, Work::Remove { .. }) {
            let world = s.cloud.world();
            kept = secrets::of(&world);
            for (name, volumes) in secrets::volumes(&world, &kept) {
                let home = kept.iter().find(|k| k.name == name).and_then(|k| k.volume.clone());
                assert_eq!(volumes, home.into_iter().collect::<Vec<_>>(), "{name} is in its own box and in no other");
            }
            assert_told(&secrets::leaks(&kept, &secrets::sights(&world)), "before the removal");
        }
        let (code, words) = said(s, Lang::En, work.clone()).await;
        assert_eq!(code, 0, "{work:?}: {}", as_lines(&words));
        printed.push(("printed output".into(), format!("{work:?}"), as_lines(&words).into_bytes()));
    }
    let world = serde_json::to_vec(&*s.cloud.world()).expect("JSON");
    let all = [secrets::sights(&s.cloud.world()), secrets::passed(&s.cloud), printed, vec![("world file".into(), "world.json".into(), world)]].concat();
    assert_told(&secrets::leaks(&kept, &all), "in all that was ever passed");
    kept.len()
}

fn assert_told(leaks: &[Leak], when: &str) {
    assert!(leaks.is_empty(), "{when}: {} leaks, such as: {}", leaks.len(), leaks[0]);
}

#[test]
fn the_secrets_of_one_company_are_in_one_box_each_and_nowhere_else() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        // A consensus key, a node key, an operator key, its mnemonic and its passphrase for each node, and the CA key.
        assert_eq!(lived(&s, &request(4)).await, 4 * 5 + 1);
    });
}

#[test]
fn the_secrets_of_three_companies_are_in_one_box_each_and_nowhere_else() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        assert_eq!(lived(&s, &companies(&[4, 2, 2])).await, 8 * 5 + 1);
    });
}

/// A text as gzip packs it with the fixed code: no byte of it is seen as it was.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    let mut put = |code: u32, length: u32| (0..length).rev().for_each(|n| bits.push(code >> n & 1 == 1));
    for byte in text.iter().map(|b| u32::from(*b)) {
        if byte < 144 { put(48 + byte, 8) } else { put(256 + byte, 9) }
    }
    put(0, 7);
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    packed.extend(bits.chunks(8).map(|eight| eight.iter().enumerate().fold(0u8, |byte, (n, bit)| byte | u8::from(*bit) << n)));
    packed
}

/// A way to write a canary, and how a leak names it.
type Form = (&'static str, fn(&[u8]) -> String);

fn shifted(bytes: &[u8], by: usize) -> String {
    STANDARD.encode([&b"x".repeat(by), bytes].concat())
}

const FORMS: [Form; 14] = [
    ("raw", |b| String::from_utf8_lossy(b).into_owned()),
    ("hex", |b| hex::encode(b)),
    ("hex", |b| hex::encode_upper(b)),
    ("base64", |b| STANDARD.encode(b)),
    ("base64", |b| shifted(b, 1)),
    ("base64", |b| shifted(b, 2)),
    ("base64url", |b| URL_SAFE_NO_PAD.encode(b)),
    ("a list of bytes", |b| b.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")),
    ("base64, broken into lines", |b| {
        let text = shifted(b, 26);
        format!("-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----", &text[..64], &text[64..])
    }),
    ("base64, percent-encoded", |b| percent_encoding::utf8_percent_encode(&STANDARD.encode(b), percent_encoding::NON_ALPHANUMERIC).to_string()),
    ("raw in base64", |b| STANDARD.encode([b"{\"key\":\"", b, b"\"}"].concat())),
    ("hex in base64", |b| URL_SAFE_NO_PAD.encode(json!({"key": hex::encode(b)}).to_string())),
    ("base64 in gzip in base64", |b| STANDARD.encode(gzip(json!({"key": STANDARD.encode(b)}).to_string().as_bytes()))),
    ("words", |b| String::from_utf8_lossy(b).replace(' ', ",")),
];

/// A canary for each form, none of them in another's text: `(canary, form, text)`.
fn canaries() -> Vec<(Secret, &'static str, String)> {
    let one = |(n, (form, write)): (usize, &Form)| {
        // Its last bytes are such that both alphabets of base64 are needed.
        let bytes = format!("canary {n:02} of the form ÿ?>ÿ?> {}", ["ash", "oak", "elm"][n % 3]).into_bytes();
        let text = write(&bytes);
        (Secret { name: format!("canary {n}"), volume: None, bytes }, *form, text)
    };
    FORMS.iter().enumerate().map(one).collect()
}

/// Whether a leak of this canary is told with this channel and form.
fn told(leaks: &[Leak], canary: &str, channel: &str, form: &str) -> bool {
    let words = |l: &Leak| l.to_string().starts_with(&format!("{canary} is in {channel} (")) && l.to_string().ends_with(&format!(" as {form}"));
    leaks.iter().any(words)
}

/// Puts a text into a place of a launched world.
type Plant = fn(&mut World, &str);

fn first<T>(map: &mut std::collections::BTreeMap<String, T>) -> &mut T {
    map.values_mut().next().expect("one is there")
}

fn volume<'a>(world: &'a mut World, role: &str) -> &'a mut local_cloud::world::Volume {
    world.volumes.values_mut().find(|v| v.tags.get(ids::TAG_VOLUME).is_some_and(|r| r == role)).expect("a volume")
}

fn file(text: &str) -> local_cloud::world::File {
    local_cloud::world::File { text: text.into(), mode: 0o600 }
}

const PLACES: [(&str, Plant); 20] = [
    ("file of a data volume", |w, t| drop(volume(w, "data").files.insert("/data/x".into(), file(t)))),
    ("file of a root volume", |w, t| drop(volume(w, "root").files.insert("/home/x".into(), file(t)))),
    ("volume", |w, t| drop(volume(w, "identity").tags.insert("Name".into(), t.into()))),
    ("instance", |w, t| drop(first(&mut w.instances).tags.insert("Name".into(), t.into()))),
    ("S3 object", |w, t| first(&mut first(&mut w.buckets).objects).text += t),
    ("bucket policy", |w, t| first(&mut w.buckets).policy = json!({"Sid": t})),
    ("command parameters", |w, t| first(&mut w.commands).parameters = json!({"Order": [t]})),
    ("command comment", |w, t| first(&mut w.commands).comment += t),
    ("command output", |w, t| first(&mut first(&mut w.commands).invocations).output += t),
    ("execution input", |w, t| first(&mut w.executions).input["more"] = json!([t])),
    ("execution output", |w, t| first(&mut w.executions).output = json!({"more": t})),
    ("execution failure", |w, t| first(&mut w.executions).cause += t),
    ("user data", |w, t| {
        let template = w.plain.values_mut().find(|p| p.properties["LaunchTemplateData"]["UserData"].is_string()).expect("a launch template");
        template.properties["LaunchTemplateData"]["UserData"] = json!(t);
    }),
    ("template resource", |w, t| {
        w.plain.values_mut().find(|p| p.kind == "AWS::SSM::Document").expect("a document").properties["Content"]["description"] = json!(t);
    }),
    ("notice", |w, t| w.notices.push(("arn:topic".into(), "subject".into(), t.into()))),
    ("stack outputs", |w, t| drop(first(&mut w.stacks).outputs.insert("More".into(), t.into()))),
    ("function environment", |w, t| drop(first(&mut w.functions).environment.insert("MORE".into(), t.into()))),
    ("machines", |w, t| first(&mut w.machines).definition["Comment"] = json!(t)),
    ("roles", |w, t| first(&mut w.roles).policies.push(json!({"Sid": t}))),
    ("bus_policies", |w, t| drop(w.bus_policies.insert("arn:bus".into(), json!({"Sid": t})))),
];

/// A launched world with little of everything, so that it is quickly looked through.
fn small() -> World {
    fn one<T>(map: &mut std::collections::BTreeMap<String, T>) {
        *map = std::mem::take(map).into_iter().take(1).collect();
    }
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        proof::launch(&s, &request(1), &[]).await;
        let mut world = s.cloud.world().clone();
        one(&mut world.executions);
        one(&mut world.commands);
        one(&mut world.functions);
        one(&mut world.machines);
        one(&mut world.roles);
        one(&mut world.stacks);
        world.chains.clear();
        world.buckets.retain(|_, b| !b.objects.is_empty());
        one(&mut world.buckets);
        world.buckets.values_mut().for_each(|b| one(&mut b.objects));
        world.plain.retain(|_, p| p.kind == "AWS::SSM::Document" || p.kind == "AWS::EC2::LaunchTemplate");
        world.volumes.values_mut().for_each(|v| v.files.clear());
        world
    })
}

#[test]
fn a_canary_is_found_in_every_place_and_form_of_a_world() {
    let (world, all) = (small(), canaries());
    let secrets: Vec<Secret> = all.iter().map(|(secret, ..)| secret.clone()).collect();
    assert_eq!(secrets::leaks(&secrets, &secrets::sights(&world)), [], "nothing before anything is planted");
    for (channel, plant) in PLACES {
        for (secret, form, text) in &all {
            let mut planted = world.clone();
            plant(&mut planted, text);
            let leaks = secrets::leaks(&secrets, &secrets::sights(&planted));
            assert!(told(&leaks, &secret.name, channel, form), "{} as {form} in {channel}: {leaks:?}", secret.name);
            assert!(leaks.iter().all(|l| l.secret == secret.name && l.channel == channel), "and nothing else: {leaks:?}");
        }
    }
}

#[test]
fn a_canary_in_a_second_box_is_found() {
    let mut world = small();
    let (secret, _, text) = canaries().remove(0);
    let home = volume(&mut world, "identity").id.clone();
    volume(&mut world, "identity").files.insert("/passphrase".into(), file(&text));
    assert_eq!(secrets::volumes(&world, std::slice::from_ref(&secret))[&secret.name], [home.as_str()]);
    volume(&mut world, "authority").files.insert("/copy".into(), file(&text));
    assert_eq!(secrets::volumes(&world, std::slice::from_ref(&secret))[&secret.name].len(), 2);
}

/// Where a value of a request goes by itself, from the execution's input to the nodes' disks.
const PASSED: [&str; 13] = [
    "execution input",
    "state input",
    "state variables",
    "task arguments",
    "task result",
    "function payload",
    "function answer",
    "event",
    "wire request",
    "wire response",
    "S3 object",
    "file of a root volume",
    "printed output",
];

#[test]
fn a_canary_that_is_handed_on_is_found_wherever_it_passes() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        s.cloud.record();
        let all = canaries();
        let secrets: Vec<Secret> = all.iter().map(|(secret, ..)| secret.clone()).collect();
        let mut request = request(1);
        request["config_toml"] = json!({"statesync.trust_hash": all.iter().map(|(.., text)| text.as_str()).collect::<Vec<_>>().join(" ")});
        let plan = Work::Launch { request: request.clone(), plan: true, options: Options { json: true, ..Options::default() } };
        let (code, words) = said(&s, Lang::En, plan).await;
        assert_eq!(code, 0, "{}", as_lines(&words));
        let outcome = proof::launch(&s, &request, &[]).await;
        assert_eq!(outcome.output["status"], "launched", "{:?}", outcome.error);
        let printed: Sight = ("printed output".into(), "launch".into(), as_lines(&words).into_bytes());
        let sights = [secrets::sights(&s.cloud.world()), secrets::passed(&s.cloud), vec![printed]].concat();
        let leaks = secrets::leaks(&secrets, &sights);
        for channel in PASSED {
            for (secret, form, _) in &all {
                let near: Vec<&Leak> = leaks.iter().filter(|l| l.secret == secret.name && l.channel == channel).collect();
                // On its way a text may be packed once more; the form begins as it was written.
                assert!(near.iter().any(|l| l.form.starts_with(form)), "{} as {form} in {channel}: {near:?}", secret.name);
            }
        }
    });
}

#[test]
fn a_canary_in_a_fault_is_found_in_what_is_told_of_it() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        s.cloud.record();
        // The image's name is in the words of a pull that failed, and of the refusal of another one.
        let canary = [Secret { name: "canary".into(), volume: None, bytes: domain::request::DEFAULT_IMAGE.as_bytes().to_vec() }];
        let outcome = proof::launch(&s, &request(1), &["node0:pull=fail".to_string()]).await;
        assert!(outcome.error.1.contains("docker pull"), "{:?}", outcome.error);
        let sights = [secrets::sights(&s.cloud.world()), secrets::passed(&s.cloud)].concat();
        let leaks = secrets::leaks(&canary, &sights);
        for channel in ["command output", "execution output", "execution failure", "state output", "task result"] {
            assert!(told(&leaks, "canary", channel, "raw"), "{channel}: {:?}", leaks.iter().map(|l| &l.channel).collect::<std::collections::BTreeSet<_>>());
        }
        let mut other = request(1);
        other["image"] = json!("bianjie/irita:another");
        let refused = proof::launch(&s, &other, &[]).await;
        let leaks = secrets::leaks(&canary, &secrets::passed(&s.cloud));
        for channel in ["task failure", "function failure"] {
            assert!(told(&leaks, "canary", channel, "raw"), "{channel}: {:?}", refused.error);
        }
    });
}

#[test]
fn the_random_campaign_knows_the_secrets_of_machines_that_are_gone() {
    virtually(async {
        let s = session(7, &Artefacts::default()).await;
        let seen = invariants::watch(&s.cloud);
        assert_eq!(launch(&s, &request(1), &[]).await.status, "SUCCEEDED");
        let passphrase = volume(&mut s.cloud.world(), "identity").files["/passphrase"].text.clone();
        s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        assert_eq!(invariants::kept(&s.cloud.world(), &seen), Ok(()));
        let tags = |w: &mut World, text: &str| w.instances.values_mut().for_each(|i| drop(i.tags.insert("Note".into(), text.into())));
        tags(&mut s.cloud.world(), &passphrase);
        let told = invariants::kept(&s.cloud.world(), &seen).expect_err("the tag of a machine that was ended");
        assert!(told.contains("passphrase is in instance"), "{told}");
        s.cloud.tamper(Box::new(|_| {}));
    });
}
