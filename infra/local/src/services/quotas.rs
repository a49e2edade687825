//! Service Quotas: what an account may have in a region, and the count that RunInstances holds against it.

use super::{only, text};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::names;
use crate::world::World;
use serde_json::json;

/// A quota: service, code, name, value where the world has no other.
pub(crate) type Quota = (&'static str, &'static str, &'static str, f64);

/// vCPUs of running instances. New accounts have far fewer; a test that wants to meet the quota sets it.
pub(crate) const VCPUS: Quota = ("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 512.0);
/// Peerings of one VPC (aws.md 4).
pub(crate) const PEERINGS: Quota = ("vpc", "L-7E9ECCDB", "Active VPC peering connections per VPC", 50.0);
/// Unanswered requests of one account (aws.md 4).
pub(crate) const PEERING_REQUESTS: Quota = ("vpc", "L-DC9F7029", "Outstanding VPC peering connection requests", 25.0);
const KNOWN: [Quota; 3] = [VCPUS, PEERINGS, PEERING_REQUESTS];

/// What an account may have in a region.
pub(crate) fn value(world: &World, account: &str, region: &str, (service, code, _, default): Quota) -> f64 {
    world.quotas.get(&format!("{account}/{region}/{service}/{code}")).copied().unwrap_or(default)
}

/// Calls of Service Quotas.
pub(crate) fn call(cloud: &Cloud, call: &Call) -> Reply {
    if call.action != "GetServiceQuota" {
        return Err(ApiError::new("UnknownOperationException", 400, call.action.clone()));
    }
    let (p, who, world) = (&call.params, &call.principal, cloud.world());
    only(p, &["ServiceCode", "QuotaCode"])?;
    cloud.authorize(&world, who, "servicequotas:GetServiceQuota", "*", &who.account, None, &Keys::new())?;
    let (service, code) = (text(p, "ServiceCode"), text(p, "QuotaCode"));
    let found = KNOWN.into_iter().find(|q| q.0 == service && q.1 == code);
    let quota = found.ok_or_else(|| ApiError::new("NoSuchResourceException", 400, "The request failed because the specified quota does not exist."))?;
    let arn = names::arn("servicequotas", &call.region, &who.account, &format!("{service}/{code}"));
    Ok(json!({"Quota": {"ServiceCode": service, "QuotaArn": arn, "QuotaCode": code, "QuotaName": quota.2,
        "Value": value(&world, &who.account, &call.region, quota), "Unit": "None", "Adjustable": true, "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT"}}))
}

/// vCPUs of an instance type, by its size.
pub(crate) fn vcpus(kind: &str) -> u32 {
    let size = kind.split_once('.').map(|(_, size)| size).unwrap_or_default();
    match size.strip_suffix("xlarge") {
        Some(times) => 4 * times.parse().unwrap_or(1),
        None => 2,
    }
}

/// Refuses what would exceed the account's vCPUs in the region. Pending instances count, ending ones do not.
pub(crate) fn spare_vcpus(world: &World, account: &str, region: &str, kind: &str, count: usize, now: u64) -> Result<(), ApiError> {
    let own = world.instances.values().filter(|i| i.account == account && i.region == region);
    let used: u32 = own.filter(|i| matches!(i.state(now), "pending" | "running")).map(|i| vcpus(&i.kind)).sum();
    let most = value(world, account, region, VCPUS);
    if f64::from(used) + f64::from(vcpus(kind)) * count as f64 <= most {
        return Ok(());
    }
    let why = format!(
        "You have requested more vCPU capacity than your current vCPU limit of {most} allows for the instance bucket that the specified instance type belongs to."
    );
    Err(ApiError::new("VcpuLimitExceeded", 400, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn sizes_are_counted() {
        assert_eq!(["t3.large", "m6a.large", "m5a.xlarge", "m6i.2xlarge", "m6i.16xlarge"].map(vcpus), [2, 2, 4, 8, 64]);
    }

    #[tokio::test(start_paused = true)]
    async fn run_instances_keeps_within_what_service_quotas_says() {
        let cloud = cloud();
        let (east, west) = (Member::new(&cloud, EAST), Member::new(&cloud, (EAST.0, "eu-west-1", "10.64.16.0/20")));
        let ask = |service: &str, code: &str| json!({"ServiceCode": service, "QuotaCode": code});
        let target = "ServiceQuotasV20190624.GetServiceQuota";
        let (status, answer) = east.caller.json("servicequotas", target, ask("ec2", "L-1216C47A")).await;
        assert_eq!((status, &answer["Quota"]["Value"], &answer["Quota"]["Adjustable"]), (200, &json!(512.0), &json!(true)));
        let (status, answer) = east.caller.json("servicequotas", target, ask("ec2", "L-0")).await;
        assert_eq!((status, &answer["__type"]), (400, &json!("NoSuchResourceException")));

        cloud.world().quotas.insert("111122223333/us-east-1/ec2/L-1216C47A".into(), 8.0);
        let (_, body) = east.run("m6a.xlarge", "1", "a").await;
        assert_eq!(element(&body, "cpuOptions"), "<coreCount>2</coreCount><threadsPerCore>2</threadsPerCore>");
        assert_eq!(code_of(&east.run("m6a.large", "3", "b").await), (400, "VcpuLimitExceeded"));
        assert_eq!(east.run("m6a.large", "2", "c").await.0, 200);
        assert_eq!(east.run("m6a.large", "2", "c").await.0, 200, "the same request is not counted twice");
        assert_eq!(west.run("m6a.large", "3", "b").await.0, 200, "another region has its own quota");
        wait(120).await;
        let id = element(&body, "instanceId").to_string();
        assert_eq!(code_of(&west.ec2("TerminateInstances", &[("InstanceId.1", &id)]).await), (400, "InvalidInstanceID.NotFound"));
        assert_eq!(east.ec2("TerminateInstances", &[("InstanceId.1", &id)]).await.0, 200);
        assert_eq!(east.run("m6a.large", "2", "d").await.0, 200);
    }
}
