//! Service Quotas: what an account may have.

use crate::Clients;
use crate::classify::fault;
use domain::Fault;

impl Clients {
    /// Value of a quota of this account in this region.
    pub async fn quota(&self, service: &str, code: &str) -> Result<u32, Fault> {
        let call = self.quotas.get_service_quota().service_code(service).quota_code(code);
        let out = call.send().await.map_err(|e| fault("servicequotas", "GetServiceQuota", e))?;
        let value = out.quota().and_then(|q| q.value()).ok_or_else(|| Fault::internal(format!("servicequotas: {code} has no value")))?;
        Ok(value.max(0.0) as u32)
    }
}
