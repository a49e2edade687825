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
pub const MACHINES: [(&str, &str); 10] = [
    ("launch-network", include_str!("../../../statemachines/launch-network.asl.json")),
    ("make-nodes", include_str!("../../../statemachines/make-nodes.asl.json")),
    ("peer-vpcs", include_str!("../../../statemachines/peer-vpcs.asl.json")),
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

/// Keys under which the artefacts lie, the same in every region's bucket.
struct Keys {
    hub: String,
    member: String,
    machines: String,
    code: String,
    nodectl: String,
}

/// What stands for nodectl in the local cloud, where it is a part of this program.
const NODECTL: &str = "the nodectl library linked into this program";

/// Name of a region's artefact bucket: the hub finds another region's by its end.
pub fn bucket(account: &str, region: &str) -> String {
    format!("{PREFIX}-artefacts-{account}-{region}")
}

/// Lays the artefacts into the bucket of a region; a second time is the same.
/// In the local cloud the functions' code and nodectl are this program itself, so their objects only say so.
fn publish(cloud: &Cloud, artefacts: &Artefacts, account: &str, region: &str) -> Result<Keys, DeployError> {
    let bucket = bucket(account, region);
    cloud.make_bucket(account, region, &bucket);
    let put = |name: &str, text: &str| -> Result<String, DeployError> {
        let key = format!("{}/{name}", &sha256_hex(text.as_bytes())[..16]);
        cloud.put_artefact(&bucket, &key, text).map_err(|e| e.message)?;
        Ok(key)
    };
    let machines = format!("machines/{}/", &sha256_hex(format!("{:?}", artefacts.machines).as_bytes())[..16]);
    for (name, text) in &artefacts.machines {
        cloud.put_artefact(&bucket, &format!("{machines}{name}.asl.json"), text).map_err(|e| e.message)?;
    }
    Ok(Keys {
        hub: put("hub.yaml", &artefacts.hub)?,
        member: put("member.yaml", &artefacts.member)?,
        machines,
        code: put("functions.zip", "the functions linked into this program")?,
        nodectl: put("nodectl", NODECTL)?,
    })
}

/// Publishes the artefacts in the founder's region and deploys founder.yaml from there.
pub fn deploy(cloud: &Cloud, artefacts: &Artefacts, account: &str, place: &Place) -> Result<BTreeMap<String, String>, DeployError> {
    let region = place.region.as_str();
    let keys = publish(cloud, artefacts, account, region)?;
    let parameters = [
        ("Prefix", PREFIX.to_string()),
        ("ArtefactBucket", bucket(account, region)),
        ("HubTemplateKey", keys.hub),
        ("MemberTemplateKey", keys.member),
        ("MachinesPrefix", keys.machines),
        ("Image", place.image.clone()),
        ("Cidr", place.cidr.clone()),
        ("Pool", place.pool().into()),
        ("CodeKey", keys.code),
        ("NodectlKey", keys.nodectl),
        ("NodectlSha256", sha256_hex(NODECTL.as_bytes())),
        // A local network is a trial: its owner may remove it whole.
        ("AllowIdentityRemoval", "true".to_string()),
    ];
    let parameters = parameters.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
    cloud.deploy(account, region, PREFIX, FOUNDER, &parameters)
}

/// Opens a quick-create link as a person does in the console of `account`: the template and the parameters are the link's.
/// What a person may tick besides is ticked here, since a local network is a trial. Gives the member's name.
pub fn open_link(cloud: &Cloud, artefacts: &Artefacts, founder: &str, account: &str, link: &str, pool: &str) -> Result<String, DeployError> {
    let (region, query) = read_link(link)?;
    publish(cloud, artefacts, founder, &region)?;
    let template = query.get("templateURL").ok_or("the link names no template")?;
    if !template.ends_with("/member.yaml") {
        return Err(format!("{template} is not the template of a member"));
    }
    let name = query.get("stackName").ok_or("the link names no stack")?;
    let mut parameters: BTreeMap<String, String> = query.iter().filter_map(|(k, v)| Some((k.strip_prefix("param_")?.to_string(), v.clone()))).collect();
    parameters.insert("AllowIdentityRemoval".into(), "true".into());
    parameters.insert("Pool".into(), pool.into());
    let member = parameters.get("MemberName").cloned().unwrap_or_default();
    cloud.deploy(account, &region, name, &artefacts.member, &parameters)?;
    Ok(member)
}

/// Region and parameters of a quick-create link.
fn read_link(link: &str) -> Result<(String, BTreeMap<String, String>), DeployError> {
    let wrong = || format!("not a quick-create link of CloudFormation: {link}");
    let (before, after) = link.split_once("#/stacks/quickcreate?").ok_or_else(wrong)?;
    let region = before.split_once("region=").map(|(_, r)| r.to_string()).ok_or_else(wrong)?;
    let decode = |t: &str| percent_encoding::percent_decode_str(t).decode_utf8_lossy().into_owned();
    let pairs = after.split('&').filter_map(|p| p.split_once('='));
    Ok((region, pairs.map(|(k, v)| (k.to_string(), decode(v))).collect()))
}
