//! Real chain processes for tests: a local cloud in real time whose machines are processes, in a folder of its own that is gone
//! when the test ends, with everything that was started in it.

use consortium::artefacts::Artefacts;
use consortium::commands::tables;
use consortium::lang::Lang;
use consortium::report::{self, NetworkReport};
use consortium::session::{Outcome, Place, Session};
use domain::order::{NodeAnswer, NodeOrder, OrderNode};
use local_cloud::{Cloud, Machines};
use nodectl::Output;
use serde_json::{Value, json};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The chain program that tests drive: `IRITA_BIN`, which the one test command sets to the test chain's unless somebody named
/// a real irita. `None` = there is none, and the caller says that it skips.
pub fn irita() -> Option<String> {
    let found = std::env::var("IRITA_BIN").ok().filter(|p| Path::new(p).exists());
    if found.is_none() {
        assert!(std::env::var("CI").is_err(), "IRITA_BIN names no chain program");
        eprintln!("SKIPPED: IRITA_BIN names no chain program; tests/run builds one where there is Go");
    }
    found
}

/// A program of this workspace, built beside the test.
pub fn program(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("this test");
    exe.ancestors().nth(2).expect("target/debug").join(name)
}

/// A request for fast blocks, as far as two processors carry them: a vote that comes later than `timeout_commit` is in no commit.
pub fn fast_request(validators: u32) -> Value {
    let mut request = crate::request(validators);
    request["config_toml"] = json!({"consensus.timeout_commit": if validators > 5 { "1s" } else { "400ms" }});
    request
}

/// Runs a future in real time.
pub fn really<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// An open world of process machines.
pub struct Real {
    /// The session.
    pub session: Session,
    /// Its folder.
    pub folder: PathBuf,
}

/// Ends what a test started, also when it fails.
impl Drop for Real {
    fn drop(&mut self) {
        cut(&self.folder);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Cuts the power of every machine in a folder.
pub fn cut(folder: &Path) {
    for machine in std::fs::read_dir(folder.join("machines")).into_iter().flatten().flatten() {
        let _ = Command::new(program("nodectl")).args(["power", "cut", "--machine"]).arg(machine.path()).status();
    }
}

impl Real {
    /// Opens a fresh world in a folder named after the test. `number` = its own loopback range, 127.`number`.0.0/20. `nodectl` =
    /// the program that Run Command runs.
    pub async fn open(name: &str, number: u8, nodectl: &Path) -> Option<Real> {
        let irita = irita()?;
        let folder = std::env::temp_dir().join(format!("consortium-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let endpoint = format!("http://{}", listener.local_addr().expect("address"));
        let machines = Machines { folder: folder.clone(), irita, nodectl: vec![nodectl.display().to_string()], endpoint };
        let place = Place { cidr: format!("127.{number}.0.0/20"), machines: Some(machines), ..Place::default() };
        let session = Session::with(None, u64::from(number), None, &place, &Artefacts::default()).await.expect("the stack deploys");
        let cloud = session.cloud.clone();
        tokio::spawn(async move { cloud.serve(listener).await });
        Some(Real { session, folder })
    }

    /// A world in which a network of so many validators was launched.
    pub async fn launched(name: &str, number: u8, request: &Value) -> Option<Real> {
        let real = Real::open(name, number, &program("nodectl")).await?;
        let asked = domain::request::Request::from_value(request.clone()).expect("valid");
        real.session.gather(&asked).await.expect("everybody joins");
        let outcome = real.session.launch(request, "testnet", |_, _, _| {}).await.expect("starts");
        assert_eq!(outcome.output["status"], "launched", "{:?}\n{}", outcome.error, crate::story(&real.session));
        Some(real)
    }

    /// The cloud.
    pub fn cloud(&self) -> &Cloud {
        &self.session.cloud
    }

    /// The network as its nodes tell it.
    pub async fn look(&self) -> NetworkReport {
        report::network(self.cloud(), "testnet").await.expect("recorded")
    }

    /// Waits until the network is as wanted; fails with what it is after `seconds`.
    pub async fn until(&self, what: &str, seconds: u64, wanted: impl Fn(&NetworkReport) -> bool) -> NetworkReport {
        let began = Instant::now();
        loop {
            let found = self.look().await;
            if wanted(&found) {
                return found;
            }
            assert!(began.elapsed().as_secs() < seconds, "{what}: not within {seconds} s\n{}", tables::nodes(Lang::En, &found.nodes));
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Waits until every node signs and the height grows.
    pub async fn all_sign(&self, seconds: u64) -> NetworkReport {
        let before = self.look().await.height;
        self.until("all sign", seconds, |n| n.height > before + 1 && n.nodes.iter().all(|n| n.signing)).await
    }

    /// `start`, `stop`, … as a person asks for it.
    pub async fn operate(&self, verb: &str, targets: &[&str], params: Value) -> Outcome {
        let input = json!({"network": "testnet", "verb": verb, "targets": targets, "params": params, "whole_stop": false});
        let name = self.session.name("testnet", verb);
        self.session.run("OperateNodes", &name, input, |_, _, _| {}).await.expect("starts")
    }

    /// Folder of a node's machine.
    pub fn machine(&self, node: &str) -> PathBuf {
        let world = self.cloud().world();
        let found = world.instances.values().find(|i| i.tags.get("consortium:node").is_some_and(|n| n == node) && i.ending_ms == 0);
        self.folder.join("machines").join(&found.unwrap_or_else(|| panic!("no machine of {node}")).id)
    }

    /// A file or folder below a node's own root.
    pub fn place(&self, node: &str, path: &str) -> PathBuf {
        self.machine(node).join("consortium").join(path)
    }

    /// Process id of a node's irita.
    pub fn pid(&self, node: &str) -> String {
        self.pid_of(self.machine(node).file_name().and_then(|n| n.to_str()).expect("id"))
    }

    /// Process id of a machine's irita.
    pub fn pid_of(&self, instance: &str) -> String {
        std::fs::read_to_string(self.folder.join("machines").join(instance).join("irita.lock")).expect("irita was started").trim().to_string()
    }

    /// Sends a signal to a node's irita, by its own process id.
    pub fn signal(&self, node: &str, signal: &str) {
        let done = Command::new("kill").args([format!("-{signal}"), self.pid(node)]).status().expect("kill");
        assert!(done.success(), "kill -{signal} of {node}");
    }

    /// An order for nodes of the network, as the member's function would send it.
    pub fn order(&self, verb: &str, execution: &str, epoch: u64, params: Value) -> NodeOrder {
        let world = self.cloud().world();
        let nodes = world.instances.values().filter(|i| i.ending_ms == 0 && i.tags.contains_key("consortium:node"));
        let mut nodes: Vec<OrderNode> = nodes
            .map(|i| OrderNode {
                name: i.tags["consortium:node"].clone(),
                instance: i.id.clone(),
                ip: i.ip.clone(),
                member: i.tags["consortium:member"].clone(),
            })
            .collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let bucket = world.stacks.values().find_map(|s| s.outputs.get("HubBucket").cloned()).expect("a hub");
        NodeOrder {
            op: format!("testnet/by-hand:{verb}.{}", params),
            epoch,
            network: "testnet".into(),
            execution: execution.into(),
            member: "founder".into(),
            verb: verb.into(),
            bucket,
            region: "us-east-1".into(),
            nodes,
            params,
        }
    }

    /// The order as a command of its own on a node's machine.
    pub fn command(&self, node: &str, order: &NodeOrder) -> Command {
        let mut command = Command::new(program("nodectl"));
        let image = domain::request::DEFAULT_IMAGE;
        command.args(["order", &order.encode().expect("fits"), image, "--machine"]).arg(self.machine(node)).stdin(Stdio::null());
        command
    }

    /// Carries out an order on a node and gives its answer.
    pub async fn carry_out(&self, node: &str, order: &NodeOrder) -> NodeAnswer {
        let output = tokio::process::Command::from(self.command(node, order)).output().await.expect("nodectl");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    }

    /// irita on a node as a person would type it there, with the operator's keyring and passphrase.
    pub async fn irita(&self, node: &str, args: &[&str]) -> Output {
        let (home, keyring) = (self.place(node, "home"), self.place(node, "identity/keyring"));
        let passphrase = std::fs::read_to_string(self.place(node, "identity/passphrase")).expect("passphrase");
        let args: Vec<String> = args.iter().map(|a| a.replace("KEYRING", &keyring.display().to_string())).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let instance = self.machine(node).file_name().and_then(|n| n.to_str()).expect("id").to_string();
        self.cloud().irita(&instance, &home.display().to_string(), &args, &[&format!("{passphrase}\n")]).await.expect("runs")
    }

    /// One EC2 call by the account's owner, as the AWS command line would make it; gives the answer's XML.
    pub async fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let endpoint = self.cloud().machines().expect("processes").endpoint;
        let owner = format!("{}:local", consortium::session::ACCOUNT);
        let mut command = tokio::process::Command::new("curl");
        command.args(["-s", "--max-time", "20", "--user", &owner, "--aws-sigv4", "aws:amz:us-east-1:ec2", "-d", "Version=2016-11-15"]);
        command.args(["-d", &format!("Action={action}")]);
        for (name, value) in parameters {
            command.args(["--data-urlencode", &format!("{name}={value}")]);
        }
        String::from_utf8_lossy(&command.arg(endpoint).output().await.expect("curl").stdout).into_owned()
    }

    /// Asks one of the member's functions as the hub would, in the name of the launch.
    pub async fn ask_member(&self, function: &str, params: Value) -> Result<Value, domain::Fault> {
        let execution = report::manifests(self.cloud(), "testnet").pop().expect("recorded").execution;
        let order = json!({"members": ["founder"], "function": function, "network": "testnet", "execution": execution, "epoch": 1, "params": params});
        self.session.call(&self.session.outputs["AskMembersFunction"], order).await
    }

    /// `tcp://…` of a node's RPC.
    pub async fn node_url(&self, node: &str) -> String {
        let found = self.look().await;
        format!("tcp://{}:26657", found.nodes.iter().find(|n| n.name == node).expect("a node").ip)
    }

    /// Memory of a node's irita in MB.
    pub fn memory_mb(&self, node: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid(node))).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024
    }
}
