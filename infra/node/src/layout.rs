//! Where things lie on a node. What is on which volume is the heart of its safety.

use crate::host::Host;

/// The folder of everything on a real machine.
pub const ROOT: &str = "/var/lib/consortium";

/// Places below a root: [`ROOT`] on a machine, a folder of its own for a machine that is only processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout(String);

impl Layout {
    /// Places of a host.
    pub fn of<H: Host>(host: &H) -> Layout {
        Layout::new(&host.root())
    }

    /// Places below a root.
    pub fn new(root: &str) -> Layout {
        Layout(root.into())
    }

    /// Mount of the data volume: the chain's `data` and `wasm`, nothing else.
    pub fn data(&self) -> String {
        format!("{}/data", self.0)
    }

    /// Mount of the identity volume: keys, keyring, signer state, journal and pins.
    pub fn identities(&self) -> String {
        format!("{}/identity", self.0)
    }

    /// Mount of the authority volume, on one node and only while signing.
    pub fn authorities(&self) -> String {
        format!("{}/authority", self.0)
    }

    /// irita's HOME, on the root volume: configuration and the genesis, nothing secret.
    pub fn home(&self) -> String {
        format!("{}/home", self.0)
    }

    /// Where irita keeps what under its HOME.
    pub fn config(&self, file: &str) -> String {
        format!("{}/.irita/config/{file}", self.home())
    }

    /// A file on the identity volume.
    pub fn identity(&self, file: &str) -> String {
        format!("{}/{file}", self.identities())
    }

    /// A file on the authority volume.
    pub fn authority(&self, file: &str) -> String {
        format!("{}/{file}", self.authorities())
    }
}
