//! The simulated machine. Files live on volumes by their mounts, so what is where can be looked at after a run.

use super::irita;
use crate::chain;
use crate::cloud::{ApiError, Cloud};
use crate::latency::{API_CALL, FORMAT, IRITA, MOUNT, PULL, TERMINATE};
use crate::world::{File, Process};
use domain::{Class, Fault};
use nodectl::{Disk, Host, Instance, Output, Service};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// One node's machine.
pub(crate) struct SimHost {
    pub cloud: Cloud,
    pub instance: String,
}

fn refused(e: ApiError) -> Fault {
    let class = if e.status == 403 { Class::Denied } else { Class::NotFound };
    Fault::new(class, format!("s3: {}: {}", e.code, e.message))
}

impl SimHost {
    pub fn new(cloud: Cloud, instance: &str) -> SimHost {
        SimHost { cloud, instance: instance.into() }
    }

    /// Volume that a path lies on, and the path below its mount; the root volume has the rest.
    fn place(&self, path: &str) -> Result<(String, String), Fault> {
        let world = self.cloud.world();
        let i = world.instances.get(&self.instance).ok_or_else(|| Fault::internal("this machine is gone"))?;
        let mount = i.mounts.iter().filter(|(at, _)| path == at.as_str() || path.starts_with(&format!("{at}/"))).max_by_key(|(at, _)| at.len());
        match mount {
            Some((at, volume)) => Ok((volume.clone(), path[at.len()..].to_string())),
            None => Ok((i.devices.get("/dev/xvda").cloned().unwrap_or_default(), path.to_string())),
        }
    }

    /// A text file.
    pub fn file(&self, path: &str) -> Option<String> {
        let (volume, below) = self.place(path).ok()?;
        self.cloud.world().volumes.get(&volume)?.files.get(&below).map(|f| f.text.clone())
    }

    /// Names of the files in a folder.
    pub fn names_below(&self, folder: &str) -> Vec<String> {
        let Ok((volume, below)) = self.place(folder) else { return vec![] };
        let world = self.cloud.world();
        let files = world.volumes.get(&volume).into_iter().flat_map(|v| v.files.keys());
        files.filter_map(|f| f.strip_prefix(&format!("{below}/"))).map(String::from).collect()
    }

    /// What is wrong with this machine on purpose.
    fn fault(&self, what: &str) -> String {
        self.cloud.world().sabotaged(&self.instance, what).unwrap_or_default().to_string()
    }

    /// The machine ends by itself in the middle of what it does, which therefore never answers.
    async fn die(&self) -> ! {
        let now = self.cloud.now_ms();
        {
            let mut world = self.cloud.world();
            chain::stop(&mut world, &self.instance, now);
            let took = self.cloud.lasts(&mut world, &TERMINATE, &self.instance);
            if let Some(i) = world.instances.get_mut(&self.instance) {
                (i.ending_ms, i.ended_ms) = (now, now + took);
            }
        }
        std::future::pending().await
    }

    fn role(&self) -> String {
        self.cloud.world().instances.get(&self.instance).map(|i| i.role.clone()).unwrap_or_default()
    }
}

impl Host for SimHost {
    type Lock = tokio::sync::OwnedMutexGuard<()>;

    async fn lock(&self) -> Result<Self::Lock, Fault> {
        let lock = self.cloud.0.node_locks.lock().unwrap_or_else(|p| p.into_inner()).entry(self.instance.clone()).or_default().clone();
        Ok(lock.lock_owned().await)
    }

    fn root(&self) -> String {
        nodectl::ROOT.into()
    }

    fn listen(&self) -> Map<String, Value> {
        nodectl::Machine.listen()
    }

    fn rpc_address(&self) -> String {
        nodectl::Machine.rpc_address()
    }

    fn free_percent(&self, _: &str) -> Result<u8, Fault> {
        // Simulated volumes do not fill up.
        Ok(99)
    }

    async fn instance(&self) -> Result<Instance, Fault> {
        let world = self.cloud.world();
        let i = world.instances.get(&self.instance).ok_or_else(|| Fault::internal("this machine is gone"))?;
        Ok(Instance { id: i.id.clone(), ip: i.ip.clone() })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.file(path).map(String::into_bytes))
    }

    fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Fault> {
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| Fault::internal(format!("{path}: the simulation keeps text only")))?;
        let (volume, below) = self.place(path)?;
        let mut world = self.cloud.world();
        let v = world.volumes.get_mut(&volume).ok_or_else(|| Fault::internal(format!("{path}: its volume is gone")))?;
        v.files.insert(below, File { text, mode });
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), Fault> {
        let (volume, below) = self.place(path)?;
        if let Some(v) = self.cloud.world().volumes.get_mut(&volume) {
            v.files.retain(|k, _| *k != below && !k.starts_with(&format!("{below}/")));
        }
        Ok(())
    }

    fn link(&self, _: &str, to: &str) -> Result<(), Fault> {
        self.write(&format!("{to}/.keep"), b"", 0o644)
    }

    async fn disks(&self) -> Result<Vec<Disk>, Fault> {
        let fault = self.fault("disk");
        let world = self.cloud.world();
        let i = world.instances.get(&self.instance).ok_or_else(|| Fault::internal("this machine is gone"))?;
        let meant = |device: &str, how: &str| device == "/dev/sdf" && fault == how;
        let disk = |(n, (device, volume)): (usize, (&String, &String))| {
            let label = world.volumes.get(volume).map(|v| v.label.clone()).unwrap_or_default();
            let label = if meant(device, "foreign") { "backup".into() } else { label };
            let mounted_at = i.mounts.iter().find(|(_, v)| *v == volume).map(|(at, _)| at.clone()).unwrap_or_default();
            Disk { path: format!("/dev/nvme{n}n1"), volume: volume.clone(), blank: label.is_empty(), label, mounted_at }
        };
        Ok(i.devices.iter().filter(|(device, _)| !meant(device, "missing")).enumerate().map(disk).collect())
    }

    async fn format(&self, disk: &Disk, label: &str) -> Result<(), Fault> {
        self.cloud.pass(&FORMAT, &self.instance).await;
        if let Some(v) = self.cloud.world().volumes.get_mut(&disk.volume) {
            v.label = label.into();
            v.files.clear();
        }
        Ok(())
    }

    async fn mount(&self, disk: &Disk, at: &str, _: bool) -> Result<(), Fault> {
        self.cloud.pass(&MOUNT, &self.instance).await;
        if let Some(i) = self.cloud.world().instances.get_mut(&self.instance) {
            i.mounts.insert(at.into(), disk.volume.clone());
        }
        Ok(())
    }

    async fn unmount(&self, at: &str) -> Result<(), Fault> {
        self.cloud.pass(&MOUNT, &self.instance).await;
        if let Some(i) = self.cloud.world().instances.get_mut(&self.instance) {
            i.mounts.remove(at);
        }
        Ok(())
    }

    async fn pull(&self, image: &str) -> Result<String, Fault> {
        let (now, there, docker) = {
            let world = self.cloud.world();
            let machine = world.instances.get(&self.instance);
            (self.cloud.now_ms(), machine.and_then(|i| i.pulled.get(image).copied()), machine.map_or(0, |i| i.docker_ms))
        };
        let fails = self.fault("pull") == "fail";
        tokio::time::sleep(Duration::from_millis(there.filter(|_| !fails).unwrap_or(docker).saturating_sub(now))).await;
        if there.is_some() || fails {
            // The registry is asked what the tag means now.
            self.cloud.pass(&API_CALL, &self.instance).await;
        } else {
            self.cloud.pass(&PULL, &self.instance).await;
        }
        if self.fault("dies") == "preparing" {
            self.die().await;
        }
        if fails {
            return Err(Fault::internal(format!("docker pull {image}: exit 1: manifest unknown")));
        }
        let content = if self.fault("image") == "other" { format!("{image}, as somebody else made it") } else { image.to_string() };
        Ok(format!("sha256:{}", domain::ids::sha256_hex(content.as_bytes())))
    }

    async fn irita(&self, _: &str, home: &str, args: &[&str], stdin: &[&str]) -> Result<Output, Fault> {
        self.cloud.pass(&IRITA, &self.instance).await;
        irita::run(self, home, args, stdin)
    }

    async fn start_service(&self, _: &str, home: &str) -> Result<(), Fault> {
        self.cloud.pass(&IRITA, &self.instance).await;
        nodectl::check_identity(self).await?;
        self.stop_service().await?;
        let (process, genesis) = irita::start(self, home)?;
        let now = self.cloud.now_ms();
        let mut world = self.cloud.world();
        chain::start(&mut world, Process { started_ms: now, ..process }, &genesis, now);
        Ok(())
    }

    async fn stop_service(&self) -> Result<(), Fault> {
        let now = self.cloud.now_ms();
        chain::stop(&mut self.cloud.world(), &self.instance, now);
        Ok(())
    }

    async fn service(&self) -> Result<Service, Fault> {
        let up = self.cloud.world().processes.contains_key(&self.instance);
        Ok(Service { state: if up { "running" } else { "stopped" }.into(), ..Service::default() })
    }

    async fn rpc(&self, path: &str) -> Result<Option<Value>, Fault> {
        let now = self.cloud.now_ms();
        Ok(chain::rpc(&mut self.cloud.world(), &self.instance, path, now))
    }

    async fn reaches(&self, ip: &str, port: u16) -> bool {
        self.cloud.reaches(&self.instance, ip, port)
    }

    async fn sleep(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    fn now(&self) -> u64 {
        self.cloud.now_ms() / 1000
    }

    fn entropy(&self, count: usize) -> Result<Vec<u8>, Fault> {
        Ok(self.cloud.world().bytes(count))
    }

    async fn get_object(&self, bucket: &str, region: &str, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.cloud.pass(&API_CALL, &self.instance).await;
        Ok(self.cloud.node_get(&self.role(), bucket, region, key).map_err(refused)?.map(String::into_bytes))
    }

    async fn put_object(&self, bucket: &str, region: &str, key: &str, bytes: &[u8]) -> Result<bool, Fault> {
        self.cloud.pass(&API_CALL, &self.instance).await;
        self.cloud.node_put(&self.role(), bucket, region, key, &String::from_utf8_lossy(bytes)).map_err(refused)
    }

    async fn log(&self, _: usize) -> Result<String, Fault> {
        let height = self.cloud.world().processes.get(&self.instance).map(|p| p.height);
        Ok(height.map(|h| json!({"level": "info", "module": "state", "height": h, "message": "committed state"}).to_string()).unwrap_or_default())
    }
}
