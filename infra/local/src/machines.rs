//! Machines that are only processes: each instance is a folder and a loopback address, each volume a folder beside it. The world
//! says what exists; this makes the folders follow it. `nodectl` itself runs as a program of its own, as Run Command has it.

use crate::cloud::Cloud;
use crate::iam::access_key;
use crate::node::SimHost;
use crate::world::World;
use domain::Fault;
use nodectl::{Host, Output, ProcessHost, ProcessMachine, Service};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What process machines need to know of this computer.
#[derive(Debug, Clone)]
pub struct Machines {
    /// Folder that holds `machines/` and `volumes/`.
    pub folder: PathBuf,
    /// The chain program.
    pub irita: String,
    /// Program and first words by which nodectl is started.
    pub nodectl: Vec<String>,
    /// Where this cloud serves its API.
    pub endpoint: String,
}

impl Machines {
    /// Folder of an instance.
    pub fn machine(&self, instance: &str) -> PathBuf {
        self.folder.join("machines").join(instance)
    }

    /// Folder of a volume.
    pub fn volume(&self, volume: &str) -> PathBuf {
        self.folder.join("volumes").join(volume)
    }

    fn command(&self, words: &[&str], machine: &Path) -> Command {
        let mut command = Command::new(&self.nodectl[0]);
        command.args(&self.nodectl[1..]).args(words).arg("--machine").arg(machine).stdin(Stdio::null());
        command
    }

    /// Writes what the instance's metadata and disks are now.
    fn describe(&self, world: &World, instance: &str) -> std::io::Result<PathBuf> {
        let folder = self.machine(instance);
        let Some(i) = world.instances.get(instance) else { return Err(std::io::ErrorKind::NotFound.into()) };
        let volumes = i.devices.iter().filter(|(device, _)| *device != "/dev/xvda").map(|(_, v)| (v.clone(), self.volume(v).display().to_string()));
        let machine = ProcessMachine {
            instance: i.id.clone(),
            ip: i.ip.clone(),
            irita: self.irita.clone(),
            endpoint: self.endpoint.clone(),
            access_key: access_key(&i.role),
            volumes: volumes.collect(),
        };
        std::fs::create_dir_all(&folder)?;
        let new = folder.join("machine.new");
        std::fs::write(&new, json!(machine).to_string())?;
        std::fs::rename(new, folder.join("machine.json"))?;
        Ok(folder)
    }
}

fn failed(what: &str, why: impl std::fmt::Display) -> (String, i32) {
    (format!("{what}: {why}\n"), 1)
}

/// Runs one order on a machine: `(stdout, exit code)`. It ends with this future.
pub(crate) async fn run_order(cloud: &Cloud, machines: &Machines, instance: &str, order: &str, image: &str) -> (String, i32) {
    let described = machines.describe(&cloud.world(), instance);
    let folder = match described {
        Ok(folder) => folder,
        Err(e) => return failed("machine.json", e),
    };
    let ran = machines.command(&["order", order, image], &folder).stderr(Stdio::inherit()).kill_on_drop(true).output().await;
    match ran {
        Ok(output) => (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap_or(137)),
        Err(e) => failed("nodectl", e),
    }
}

/// Names of the folders in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    found.sort();
    found
}

impl Cloud {
    /// What makes instances real; `None` = they are simulated.
    pub fn machines(&self) -> Option<Machines> {
        self.0.machines.clone()
    }

    /// Makes folders and processes follow the world: machines that ended are switched off and forgotten, deleted volumes too.
    pub(crate) async fn follow_world(&self) {
        let Some(machines) = self.machines() else { return };
        let ending: Vec<String> = self.world().instances.values().filter(|i| i.ending_ms > 0).map(|i| i.id.clone()).collect();
        let forgotten = names(&machines.folder.join("machines")).into_iter().filter(|i| !self.world().instances.contains_key(i));
        for instance in ending.iter().cloned().chain(forgotten.collect::<Vec<_>>()) {
            let folder = machines.machine(&instance);
            // What cannot be switched off is still ending: nobody may take its volumes yet.
            if folder.exists() && !machines.command(&["power", "off"], &folder).status().await.is_ok_and(|s| s.success()) {
                continue;
            }
            let _ = std::fs::remove_dir_all(&folder);
            let now = self.now_ms();
            if let Some(i) = self.world().instances.get_mut(&instance) {
                i.ended_ms = i.ended_ms.min(now);
            }
        }
        crate::services::ec2::settle(&mut self.world(), self.now_ms());
        for volume in names(&machines.folder.join("volumes")) {
            if !self.world().volumes.contains_key(&volume) {
                let _ = std::fs::remove_dir_all(machines.volume(&volume));
            }
        }
    }

    /// Switches every machine on (what a boot does) or off.
    pub async fn power(&self, on: bool) {
        self.follow_world().await;
        let Some(machines) = self.machines() else { return };
        for instance in names(&machines.folder.join("machines")) {
            let described = machines.describe(&self.world(), &instance);
            if let Ok(folder) = described {
                let _ = machines.command(&["power", if on { "on" } else { "off" }], &folder).status().await;
            }
        }
    }

    /// GET on a node's RPC; `None` while nobody listens.
    pub async fn rpc(&self, instance: &str, path: &str) -> Option<Value> {
        let Some(machines) = self.machines() else {
            return SimHost::new(self.clone(), instance).rpc(path).await.ok()?;
        };
        let (folder, path) = (machines.machine(instance), path.to_string());
        let look = move || {
            let host = ProcessHost::open(folder.to_str()?).ok()?;
            pollster::block_on(host.rpc(&path)).ok()?
        };
        tokio::task::spawn_blocking(look).await.ok()?
    }

    /// Runs irita once on a node, as a person in a session on that machine would.
    pub async fn irita(&self, instance: &str, home: &str, args: &[&str], stdin: &[&str]) -> Result<Output, Fault> {
        let Some(machines) = self.machines() else {
            return SimHost::new(self.clone(), instance).irita("", home, args, stdin).await;
        };
        ProcessHost::open(&machines.machine(instance).display().to_string())?.irita("", home, args, stdin).await
    }

    /// The service that runs irita on a node, as its supervisor sees it.
    pub async fn service(&self, instance: &str) -> Service {
        let Some(machines) = self.machines() else {
            return SimHost::new(self.clone(), instance).service().await.unwrap_or_default();
        };
        let folder = machines.machine(instance);
        let look = move || pollster::block_on(ProcessHost::open(folder.to_str()?).ok()?.service()).ok();
        tokio::task::spawn_blocking(look).await.ok().flatten().unwrap_or_default()
    }
}
