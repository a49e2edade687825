//! The shipped templates and state machines, laid content-addressed into an artefact bucket, and the founder's stack made of them.

use crate::session::Place;
use domain::ids::sha256_hex;
use local_cloud::{Cloud, DeployError};
use std::collections::BTreeMap;

/// Templates, as shipped.
pub const FOUNDER: &str = include_str!("../../aws/founder.yaml");
/// The hub.
pub const HUB: &str = include_str!("../../aws/hub.yaml");
/// A member.
pub const MEMBER: &str = include_str!("../../aws/member.yaml");
/// State machines, as shipped, by name.
pub const MACHINES: [(&str, &str); 8] = [
    ("launch-network", include_str!("../../../statemachines/launch-network.asl.json")),
    ("hold-ceremony", include_str!("../../../statemachines/hold-ceremony.asl.json")),
    ("run-node-command", include_str!("../../../statemachines/run-node-command.asl.json")),
    ("pass-root-act", include_str!("../../../statemachines/pass-root-act.asl.json")),
    ("operate-nodes", include_str!("../../../statemachines/operate-nodes.asl.json")),
    ("remove-resources", include_str!("../../../statemachines/remove-resources.asl.json")),
    ("remove-network", include_str!("../../../statemachines/remove-network.asl.json")),
    ("settle-execution", include_str!("../../../statemachines/settle-execution.asl.json")),
];

/// Name of the founder's stack and of everything in it.
pub const PREFIX: &str = "consortium";

/// Texts that a stack is made from; a test puts defective ones in place of the shipped.
#[derive(Debug, Clone)]
pub struct Artefacts {
    /// hub.yaml.
    pub hub: String,
    /// member.yaml.
    pub member: String,
    /// Definitions by name.
    pub machines: BTreeMap<String, String>,
}

impl Default for Artefacts {
    fn default() -> Artefacts {
        let machines = MACHINES.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect();
        Artefacts { hub: HUB.into(), member: MEMBER.into(), machines }
    }
}

/// Puts the artefacts into a bucket of the account and region, and deploys founder.yaml from there.
/// In the local cloud the functions' code and nodectl are this program itself, so their objects only say so.
pub fn deploy(cloud: &Cloud, artefacts: &Artefacts, account: &str, place: &Place) -> Result<BTreeMap<String, String>, DeployError> {
    let region = place.region.as_str();
    let bucket = format!("{PREFIX}-artefacts-{account}-{region}");
    cloud.make_bucket(account, region, &bucket);
    let put = |name: &str, text: &str| -> Result<String, DeployError> {
        let key = format!("{}/{name}", &sha256_hex(text.as_bytes())[..16]);
        cloud.put_artefact(&bucket, &key, text).map_err(|e| e.message)?;
        Ok(key)
    };
    let code = put("functions.zip", "the functions linked into this program")?;
    let nodectl = put("nodectl", "the nodectl library linked into this program")?;
    let machines = format!("machines/{}/", &sha256_hex(format!("{:?}", artefacts.machines).as_bytes())[..16]);
    for (name, text) in &artefacts.machines {
        cloud.put_artefact(&bucket, &format!("{machines}{name}.asl.json"), text).map_err(|e| e.message)?;
    }
    let parameters = [
        ("Prefix", PREFIX.to_string()),
        ("ArtefactBucket", bucket.clone()),
        ("HubTemplateKey", put("hub.yaml", &artefacts.hub)?),
        ("MemberTemplateKey", put("member.yaml", &artefacts.member)?),
        ("MachinesPrefix", machines),
        ("Image", place.image.clone()),
        ("Cidr", place.cidr.clone()),
        ("CodeKey", code),
        ("NodectlKey", nodectl),
        ("NodectlSha256", sha256_hex(b"the nodectl library linked into this program")),
        // A local network is a trial: its owner may remove it whole.
        ("AllowIdentityRemoval", "true".to_string()),
    ];
    let parameters = parameters.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
    cloud.deploy(account, region, PREFIX, FOUNDER, &parameters)
}
