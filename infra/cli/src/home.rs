//! `.consortium/`: where the local world lies between commands, and the lock that keeps two commands from one world.

use domain::ids::sha256_hex;
use domain::{Class, Fault};
use local_cloud::World;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// What a home of process machines was begun with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The chain program, whole path.
    pub irita: String,
    /// Region that the founder's stack says it is in.
    pub region: String,
    /// Image that it says it runs; the program is used in its place.
    pub image: String,
    /// Loopback range of the machines.
    pub cidr: String,
}

/// The folder, held by this process while it lives.
pub struct Home {
    folder: PathBuf,
    _lock: File,
}

fn io(path: &Path, e: std::io::Error) -> Fault {
    Fault::internal(format!("{}: {e}; the local world is kept there, so this folder must be writable", path.display()))
}

impl Home {
    /// Takes the folder. `Conflict` while another command holds it.
    pub fn take(folder: &Path) -> Result<Home, Fault> {
        fs::create_dir_all(folder).map_err(|e| io(folder, e))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(|e| io(&path, e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Home { folder: folder.into(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Fault::new(Class::Conflict, format!("another consortium command works on {}; wait until it has ended", folder.display())))
            }
            Err(TryLockError::Error(e)) => Err(io(&path, e)),
        }
    }

    /// Where the background cloud listens.
    pub fn socket(folder: &Path) -> PathBuf {
        folder.join("cloud.sock")
    }

    /// Whether a folder is one of process machines; looked at without holding it.
    pub fn has_processes(folder: &Path) -> bool {
        folder.join("processes.json").exists()
    }

    /// Whether a folder's machines run this chain program; looked at without holding it.
    pub fn runs(folder: &Path, irita: &Path) -> bool {
        let settings = Home::read_settings(folder).ok().flatten();
        settings.is_some_and(|s| irita.canonicalize().is_ok_and(|i| i == Path::new(&s.irita)))
    }

    /// What it was begun with; `None` if its machines are simulated.
    pub fn settings(&self) -> Result<Option<Settings>, Fault> {
        Home::read_settings(&self.folder)
    }

    fn read_settings(folder: &Path) -> Result<Option<Settings>, Fault> {
        let path = folder.join("processes.json");
        match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io(&path, e)),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| Fault::internal(format!("{}: {e}", path.display()))),
        }
    }

    /// Makes the folder one of process machines, or gives it another chain program. `Conflict` while a simulated network
    /// exists in it; the record of a removed one is put aside.
    pub fn set_processes(&self, irita: &Path, region: &str, image: &str) -> Result<(), Fault> {
        let irita = irita.canonicalize().map_err(|e| Fault::field("--irita", format!("{}: {e}", irita.display()), "--irita /usr/local/bin/irita"))?;
        let before = self.settings()?;
        if before.is_none()
            && let Some(world) = self.world()?
        {
            if !world.instances.values().all(|i| i.ending_ms > 0) || !world.volumes.is_empty() {
                let why = format!("{} holds a simulated network; remove it first, or choose another folder with --home", self.folder.display());
                return Err(Fault::new(Class::Conflict, why));
            }
            let kept = self.folder.join("world.simulated.json");
            fs::rename(self.world_file(), &kept).map_err(|e| io(&kept, e))?;
        }
        let folder = self.folder.canonicalize().map_err(|e| io(&self.folder, e))?;
        // Each folder its own range, so that two of them can be up at once.
        let hash = sha256_hex(folder.to_string_lossy().as_bytes());
        let number = u64::from_str_radix(&hash[..8], 16).unwrap_or_default();
        let cidr = format!("127.{}.{}.0/20", 16 + number % 200, (number / 200 % 16) * 16);
        let (region, image, cidr) = before.map(|s| (s.region, s.image, s.cidr)).unwrap_or((region.into(), image.into(), cidr));
        let settings = Settings { irita: irita.display().to_string(), region, image, cidr };
        let path = self.folder.join("processes.json");
        let text = serde_json::to_vec(&settings).map_err(|e| Fault::internal(e.to_string()))?;
        fs::write(&path, text).map_err(|e| io(&path, e))
    }

    /// The world's file.
    pub fn world_file(&self) -> PathBuf {
        self.folder.join("world.json")
    }

    /// The world as it was left; `None` if there is none yet.
    pub fn world(&self) -> Result<Option<World>, Fault> {
        let path = self.world_file();
        match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io(&path, e)),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| {
                Fault::internal(format!("{}: {e}; it was written by another version: remove {} to begin anew", path.display(), self.folder.display()))
            }),
        }
    }
}
