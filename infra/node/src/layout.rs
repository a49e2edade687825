//! Where things lie on a node. What is on which volume is the heart of its safety.

/// Mount of the data volume: the chain's `data` and `wasm`, nothing else.
pub const DATA: &str = "/var/lib/consortium/data";
/// Mount of the identity volume: keys, keyring, signer state, journal and pins.
pub const IDENTITY: &str = "/var/lib/consortium/identity";
/// Mount of the authority volume, on one node and only while signing.
pub const AUTHORITY: &str = "/var/lib/consortium/authority";
/// irita's HOME, on the root volume: configuration and the genesis, nothing secret.
pub const HOME: &str = "/var/lib/consortium/home";

/// Where irita keeps what under its HOME.
pub fn config(file: &str) -> String {
    format!("{HOME}/.irita/config/{file}")
}

/// A file on the identity volume.
pub fn identity(file: &str) -> String {
    format!("{IDENTITY}/{file}")
}

/// A file on the authority volume.
pub fn authority(file: &str) -> String {
    format!("{AUTHORITY}/{file}")
}
