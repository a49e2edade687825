//! The k-of-n key that alone rules a chain: its address, as irita computes it.
//!
//! Facts (seen on the test chain, held against it by the real-chain tests): keys are sorted by their addresses; the address is
//! the first 20 bytes of the SHA-256 of the amino encoding of threshold and keys; accounts are bech32 with prefix `iaa`.

use crate::fault::Fault;
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// Amino prefix of `tendermint/PubKeyMultisigThreshold`.
const MULTISIG_PREFIX: [u8; 4] = [0x22, 0xc1, 0xf7, 0xe2];
/// Length of a compressed SM2 key.
const KEY: usize = 33;

/// Account address (`iaa1…`) of one compressed public key, base64.
pub fn account(key: &str) -> Result<String, Fault> {
    bech32_account(&truncated(&bytes(key)?))
}

/// Account address of a multisig over compressed public keys (base64), whatever their order.
pub fn address(keys: &[String], threshold: u32) -> Result<String, Fault> {
    let mut keys = keys.iter().map(|k| bytes(k)).collect::<Result<Vec<_>, _>>()?;
    if threshold == 0 || threshold as usize > keys.len() {
        return Err(Fault::internal(format!("a multisig of {} keys with threshold {threshold}", keys.len())));
    }
    keys.sort_by_key(|k| truncated(k));
    let mut amino = MULTISIG_PREFIX.to_vec();
    amino.push(0x08);
    varint(&mut amino, threshold);
    for key in keys {
        amino.extend([0x12, KEY as u8 + 1, KEY as u8]);
        amino.extend(key);
    }
    bech32_account(&truncated(&amino))
}

/// Threshold by default: more than half.
pub fn majority(keys: u32) -> u32 {
    keys / 2 + 1
}

fn varint(out: &mut Vec<u8>, mut n: u32) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn bytes(key: &str) -> Result<Vec<u8>, Fault> {
    let found = STANDARD.decode(key).ok().filter(|b| b.len() == KEY);
    found.ok_or_else(|| Fault::internal(format!("`{key}` is not a compressed public key")))
}

fn truncated(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes)[..20].to_vec()
}

/// `iaa1…` of 20 bytes.
fn bech32_account(bytes: &[u8]) -> Result<String, Fault> {
    let prefix = bech32::Hrp::parse("iaa").map_err(|e| Fault::internal(e.to_string()))?;
    bech32::encode::<bech32::Bech32>(prefix, bytes).map_err(|e| Fault::internal(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_key_has_its_recorded_address() {
        let key = "AgiP7FXssOJeF7DhkEgBfWXuomHQRVqwi6t5N+Tuz8s7";
        assert_eq!(account(key).expect("address"), "iaa10m53c5zv42hn6ejgyrcmq4h3tm38hrafpvxder");
        assert!(account("AgiP").is_err());
        // `keys add root --multisig a,b,c --multisig-threshold 2` on the test chain; the keys are throwaway.
        let keys =
            ["A+aYNhVnLDMKaxBhMchPyznEpCp3otaBFsMZlc0SOEAZ", "AxJJbdjKH0ZEN41SNlEoycu1eeOc7Pt6R+/3JGqqaO2G", "Agr/e/cZyhU6tAjrxJ3WEGNJCJvm6NDmJA8bpUJLrppa"];
        let keys = keys.map(String::from);
        assert_eq!(address(&keys, 2).expect("address"), "iaa1he753ea8fg2gsypgqf5j3hdz83kpa0yya967s6");
        assert_ne!(address(&keys, 3).expect("address"), "iaa1he753ea8fg2gsypgqf5j3hdz83kpa0yya967s6");
        assert_eq!([1, 2, 3, 4, 9].map(majority), [1, 2, 2, 3, 5]);
    }
}
