//! `sign-certificates`: the authority node signs every node's request. Its key is mounted only while it does.

use super::{Job, prepare};
use crate::certificate;
use crate::host::Host;
use domain::Fault;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) async fn run<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let requests: BTreeMap<String, String> = job.param("requests")?;
    let volume = prepare::volume(job, "authority")?;
    let volume = volume.ok_or_else(|| Fault::field("targets", format!("{} does not hold the authority", job.node.name), "[\"node0\"]"))?;
    let disk = prepare::find_disk(job.host, &volume).await?;
    if disk.mounted_at.is_empty() {
        job.host.mount(&disk, &job.at.authorities(), false).await?;
    }
    let signed = sign(job, &requests).await;
    job.host.unmount(&job.at.authorities()).await?;
    let (root, certificates) = signed?;
    let root_cert_sha256 = job.put("root-cert.pem", root.as_bytes()).await?;
    let certificates_sha256 = job.put("certificates.json", json!(certificates).to_string().as_bytes()).await?;
    Ok(json!({"root_cert_sha256": root_cert_sha256, "certificates_sha256": certificates_sha256}))
}

async fn sign<H: Host>(job: &Job<'_, H>, requests: &BTreeMap<String, String>) -> Result<(String, BTreeMap<String, String>), Fault> {
    let host = job.host;
    if host.read(&job.at.authority("root-cert.pem"))?.is_none() {
        let (key, cert) = certificate::new_root(&host.entropy(32)?, &host.entropy(16)?, host.now())?;
        host.write(&job.at.authority("root-key.pem"), key.as_bytes(), 0o400)?;
        host.write(&job.at.authority("root-cert.pem"), cert.as_bytes(), 0o644)?;
    }
    let (root, key) = (job.text(&job.at.authority("root-cert.pem"))?, job.text(&job.at.authority("root-key.pem"))?);
    // Kept, so that a repeated order puts the same bytes.
    if let Some(done) = host.read(&job.at.authority(&format!("{}.json", job.order.execution)))? {
        return Ok((root, serde_json::from_slice(&done).map_err(|e| Fault::internal(e.to_string()))?));
    }
    let mut certificates = BTreeMap::new();
    for (node, sha256) in requests {
        let request = String::from_utf8(job.get(&job.key(node, "request.pem"), sha256).await?).map_err(|_| Fault::internal("request is not text"))?;
        let cert = certificate::sign_request(&key, &request, node, &host.entropy(16)?, host.now())?;
        certificates.insert(node.clone(), cert);
    }
    host.write(&job.at.authority(&format!("{}.json", job.order.execution)), json!(certificates).to_string().as_bytes(), 0o644)?;
    Ok((root, certificates))
}
