//! One world, simulated or of processes, in which a scenario is carried out: commands, files and RPC of its nodes by one way in.

use crate::same_answer::{self, Step};
use consortium::session::{Outcome, Session};
use local_cloud::world::File;
use nodectl::Output;
use proof::real::{Real, program};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// The world and what was seen in it so far.
pub struct Stage<'a> {
    /// The session.
    pub session: &'a Session,
    /// Machines that are processes; `None` = they are simulated.
    pub real: Option<&'a Real>,
    /// Steps and answers.
    pub steps: Vec<Step>,
}

impl Stage<'_> {
    /// Instance of a node.
    pub fn instance(&self, node: &str) -> String {
        let world = self.session.cloud.world();
        let found = world.instances.values().find(|i| i.ending_ms == 0 && i.tags.get("consortium:node").is_some_and(|n| n == node));
        found.unwrap_or_else(|| panic!("no {node}")).id.clone()
    }

    /// The folder of everything on a node.
    pub fn root(&self, node: &str) -> String {
        self.real.map_or(nodectl::ROOT.into(), |real| real.place(node, "").display().to_string().trim_end_matches('/').to_string())
    }

    /// A place on a node.
    pub fn at(&self, node: &str, path: &str) -> String {
        format!("{}/{path}", self.root(node))
    }

    /// RPC of a node, as `--node` has it.
    pub fn url(&self, node: &str) -> String {
        let instance = self.instance(node);
        format!("tcp://{}:26657", self.session.cloud.world().instances[&instance].ip)
    }

    /// Volume and path on it of a file of a simulated node.
    fn volume(&self, node: &str, path: &str) -> (String, String) {
        let instance = self.instance(node);
        let world = self.session.cloud.world();
        let instance = &world.instances[&instance];
        let mount = instance.mounts.iter().find(|(at, _)| path.starts_with(&format!("{at}/")));
        mount.map_or((instance.devices["/dev/xvda"].clone(), path.into()), |(at, volume)| (volume.clone(), path[at.len()..].into()))
    }

    /// A file of a node.
    pub fn read(&self, node: &str, path: &str) -> String {
        let path = self.at(node, path);
        let found = match self.real {
            Some(_) => std::fs::read_to_string(&path).ok(),
            None => {
                let (volume, below) = self.volume(node, &path);
                self.session.cloud.world().volumes[&volume].files.get(&below).map(|f| f.text.clone())
            }
        };
        found.unwrap_or_else(|| panic!("{path} of {node}"))
    }

    /// Writes a file on a node; gives its place.
    pub fn write(&self, node: &str, path: &str, text: &str) -> String {
        let path = self.at(node, path);
        if self.real.is_some() {
            let folder = std::path::Path::new(&path).parent().expect("a folder");
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text)).expect("written");
        } else {
            let (volume, below) = self.volume(node, &path);
            let mut world = self.session.cloud.world();
            world.volumes.get_mut(&volume).expect("a volume").files.insert(below, File { text: text.into(), mode: 0o644 });
        }
        path
    }

    /// Runs irita without comparing what it gives. `home` is a folder below the node's own.
    pub async fn quiet(&self, node: &str, home: &str, args: &[&str], stdin: &[&str]) -> Output {
        let home = self.at(node, home);
        self.session.cloud.irita(&self.instance(node), &home, args, stdin).await.expect("runs")
    }

    /// Runs irita as a step; see `same_answer::command` for `reads`.
    pub async fn irita(&mut self, step: &str, node: &str, args: &[&str], stdin: &[&str], reads: &[&str]) -> Output {
        let output = self.quiet(node, "scratch", args, stdin).await;
        let answer = same_answer::command(&output, reads, &self.root(node));
        self.steps.push((step.into(), answer));
        output
    }

    /// A GET on a node's RPC as a step.
    pub async fn rpc(&mut self, step: &str, node: &str, path: &str, reads: &[&str]) -> Option<Value> {
        let found = self.session.cloud.rpc(&self.instance(node), path).await;
        let answer = same_answer::body(found.as_ref(), reads, &self.root(node));
        self.steps.push((step.into(), answer));
        found
    }

    /// Something that was seen, as a step of its own.
    pub fn note(&mut self, step: &str, seen: impl Into<Value>) {
        self.steps.push((step.into(), seen.into()));
    }

    /// Waits, in the world's own time.
    pub async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Heights that these nodes tell; 0 = it does not answer.
    pub async fn heights(&self, nodes: &[&str]) -> Vec<u64> {
        let mut found = vec![];
        for node in nodes {
            let body = self.session.cloud.rpc(&self.instance(node), "/status").await;
            found.push(body.and_then(|b| nodectl::status(&b).ok()).map(|s| s.height).unwrap_or_default());
        }
        found
    }

    /// `start`, `stop`, … as a person asks for it.
    pub async fn operate(&self, verb: &str, node: &str) -> Outcome {
        let input = json!({"network": "testnet", "verb": verb, "targets": [node], "params": {}, "whole_stop": false});
        let name = self.session.name("testnet", verb);
        self.session.run("OperateNodes", &name, input, |_, _, _| {}).await.expect("starts")
    }

    /// Ends a node's irita on its own machine, which no guard spares.
    pub fn halt(&self, node: &str) {
        match self.real {
            None => self.session.cloud.kill_process(&self.instance(node)),
            Some(real) => {
                let done = Command::new(program("nodectl")).args(["power", "off", "--machine"]).arg(real.machine(node)).status();
                assert!(done.is_ok_and(|s| s.success()), "power off of {node}");
            }
        }
    }
}
