//! `.consortium/`: where the local world lies between commands, and the lock that keeps two commands from one world.

use domain::{Class, Fault};
use local_cloud::World;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

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
